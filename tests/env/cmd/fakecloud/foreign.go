package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// foreign has the AWS at --aws answer. What its ECR gives is good at the fronts of the region that was asked.
func (c *cloud) foreign(w http.ResponseWriter, one *call) {
	// By how much a fault has set the clock of the route wrong.
	wrong := time.Until(one.now).Round(time.Second)
	request, err := http.NewRequestWithContext(one.Context(), one.Method, c.aws+one.URL.RequestURI(), bytes.NewReader(one.body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	// The signature is for this name.
	request.Header, request.Host = one.Header.Clone(), one.Host
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		w.Header().Set("Date", date.Add(wrong).UTC().Format(http.TimeFormat))
	}
	c.learn(one, body)
	reply(w, response.Header.Get("Content-Type"), response.StatusCode, body)
}

// learn takes passwords in an answer of ECR for issued here.
func (c *cloud) learn(one *call, body []byte) {
	region := regional.FindStringSubmatch(hostname(one.Host))
	var answer struct {
		AuthorizationData []struct {
			AuthorizationToken []byte  `json:"authorizationToken"`
			ExpiresAt          float64 `json:"expiresAt"`
		} `json:"authorizationData"`
	}
	if one.route.name != "ecr" || region == nil || json.Unmarshal(body, &answer) != nil {
		return
	}
	for _, given := range answer.AuthorizationData {
		if password, is := strings.CutPrefix(string(given.AuthorizationToken), "AWS:"); is {
			lifetime := time.Until(time.Unix(int64(given.ExpiresAt), 0))
			c.issue(one, &grant{identity: "AWS", place: region[1]}, lifetime, map[string]string{"password": password})
		}
	}
}
