package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestForeignAWSAnswersAndItsPasswordPulls(t *testing.T) {
	f := newFixture(t)
	end := time.Now().Add(time.Hour)
	var asked *http.Request
	var sent []byte
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r
		sent, _ = io.ReadAll(r.Body)
		w.Header().Set("Date", "Fri, 27 Nov 2026 12:00:00 GMT")
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		token := base64.StdEncoding.EncodeToString([]byte("AWS:foreign"))
		_, _ = fmt.Fprintf(w, `{"authorizationData": [{"authorizationToken": "%s", "expiresAt": %d}]}`, token, end.Unix())
	}))
	t.Cleanup(foreign.Close)
	f.cloud.aws = foreign.URL
	f.get("/v2/", registry, "AWS", "foreign").is(401, "")
	header := http.Header{"X-Amz-Target": {"AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"}, "Authorization": {"AWS4-HMAC-SHA256 x"}}
	answer := f.do(http.MethodPost, f.url+"/", "api.ecr.eu-west-1.amazonaws.com", "{}", header).is(200, "authorizationData")
	if date := answer.header.Values("Date"); len(date) != 1 || date[0] != "Fri, 27 Nov 2026 12:00:00 GMT" {
		t.Fatal(date)
	}
	if asked.Host != "api.ecr.eu-west-1.amazonaws.com" || asked.Header.Get("Authorization") != "AWS4-HMAC-SHA256 x" || string(sent) != "{}" {
		t.Fatal(asked, string(sent))
	}
	f.get("/v2/team/app/manifests/1", registry, "AWS", "foreign").is(200, "pulled")
	f.get("/v2/", "123456789012.dkr.ecr.us-east-1.amazonaws.com", "AWS", "foreign").is(401, "")
	requests := f.requests()
	if issued := requests[1].Issued["password"]; issued != hash("foreign") || requests[1].Route != "ecr" {
		t.Fatal(requests[1])
	}
	// Faults are still those of the front.
	f.put("/faults", `[{"route": "ecr", "dateOffset": 1200, "times": 1}, {"route": "ecr", "status": 503}]`)
	answer = f.do(http.MethodPost, f.url+"/", "api.ecr.eu-west-1.amazonaws.com", "{}", header).is(200, "authorizationData")
	if date := answer.header.Get("Date"); date != "Fri, 27 Nov 2026 12:20:00 GMT" {
		t.Fatal(date)
	}
	f.do(http.MethodPost, f.url+"/", "api.ecr.eu-west-1.amazonaws.com", "{}", header).is(503, "")
	// What is not AWS's is answered here.
	f.put("/trust", quayTrust)
	f.quay().is(200, `{"token":"ey`)
}
