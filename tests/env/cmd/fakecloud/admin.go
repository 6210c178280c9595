package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// trust is who may do what. The comment of the package says what the fields mean.
type trust struct {
	AWS        []awsRole     `json:"aws"`
	AWSKeys    []awsKey      `json:"awsKeys"`
	Assume     []awsAssume   `json:"assume"`
	Azure      []azureClient `json:"azure"`
	Google     []googlePool  `json:"google"`
	GoogleKeys []googleKey   `json:"googleKeys"`
	Quay       []quayRobot   `json:"quay"`
	Deny       []denied      `json:"deny"`
}

type denied struct {
	Identity string `json:"identity"`
	Action   string `json:"action"`
}

// trusted is the table as it is now. It is replaced as a whole, so that it can be read without a lock.
func (c *cloud) trusted() trust {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trust
}

func (c *cloud) denies(identity, action string) bool {
	for _, one := range c.trusted().Deny {
		if one == (denied{identity, action}) {
			return true
		}
	}
	return false
}

// record is what is told of a request.
type record struct {
	Time        time.Time         `json:"time"`
	Provider    string            `json:"provider"`
	Route       string            `json:"route"`
	Method      string            `json:"method"`
	Host        string            `json:"host"`
	Path        string            `json:"path"`
	Status      int               `json:"status"`
	Fault       bool              `json:"fault,omitempty"`
	Namespace   string            `json:"namespace,omitempty"`
	Name        string            `json:"name,omitempty"`
	Username    string            `json:"username,omitempty"`
	Credentials map[string]string `json:"credentials"`
	Issued      map[string]string `json:"issued"`
}

// note records a request with everything in it that can be a credential.
func (c *cloud) note(one *call) {
	seen := map[string]string{"sessionToken": one.Header.Get("X-Amz-Security-Token")}
	for _, field := range []string{
		"WebIdentityToken", "client_assertion", "client_secret", "access_token", "refresh_token", "subject_token", "assertion", "password",
	} {
		seen[field] = one.Form.Get(field)
	}
	username, password, _ := one.BasicAuth()
	seen["basic"] = password
	seen["bearer"] = bearer(one.Request)
	if signature, err := parseSignature(one.Header.Get("Authorization")); err == nil {
		seen["accessKeyId"] = signature.keyID
	}
	r := &record{
		Time: time.Now().UTC(), Provider: one.route.provider, Route: one.route.name, Method: one.Method, Host: one.Host,
		Path: one.URL.Path, Username: username, Credentials: map[string]string{}, Issued: map[string]string{},
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, credential := range seen {
		if credential == "" {
			continue
		}
		r.Credentials[name] = hash(credential)
		subject := unverifiedSubject(credential)
		if g := c.grants[hash(credential)]; g != nil {
			subject = g.subject
		}
		if account, is := strings.CutPrefix(subject, "system:serviceaccount:"); is {
			r.Namespace, r.Name, _ = strings.Cut(account, ":")
		}
	}
	one.record = r
	c.requests = append(c.requests, r)
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

func unverifiedSubject(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	var claims struct {
		Sub string `json:"sub"`
	}
	text, _ := base64.RawURLEncoding.DecodeString(parts[1])
	_ = json.Unmarshal(text, &claims)
	return claims.Sub
}

func (c *cloud) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /trust", put(c, func(t trust) { c.trust = t }))
	mux.HandleFunc("PUT /faults", put(c, func(f []*fault) { c.faults = f }))
	mux.HandleFunc("PUT /lifetimes", put(c, func(l map[string]int) { c.lifetimes = l }))
	mux.HandleFunc("PUT /fronts", put(c, func(f map[string]string) { c.fronts = f }))
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		// A list also when it is empty.
		replyJSON(w, http.StatusOK, append([]*record{}, c.requests...))
	})
	mux.HandleFunc("DELETE /requests", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.requests = nil
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func put[T any](c *cloud, set func(T)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		var value T
		if err := decoder.Decode(&value); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		set(value)
		w.WriteHeader(http.StatusNoContent)
	}
}
