package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// cloud is all providers.
type cloud struct {
	keys *keySource
	// registry is where the front sends pulls.
	registry http.Handler
	// aws is the URL of who answers for AWS, if it is not played here.
	aws    string
	signer jose.Signer

	mu        sync.Mutex
	trust     trust
	faults    []*fault
	lifetimes map[string]int
	fronts    map[string]string
	requests  []*record
	// grants has what was issued, by the hash of the credential.
	grants map[string]*grant
}

// grant is what a credential that was issued here is good for.
type grant struct {
	route    string
	identity string
	// subject is that of the ServiceAccount token that all began with.
	subject string
	expires time.Time
	// place is the only registry or region that takes it, if there is one.
	place  string
	scopes []string
	// key and policy are those of a session of AWS.
	key    awsKey
	policy *policy
}

func (g *grant) expired() bool { return !time.Now().Before(g.expires) }

// call is one request.
type call struct {
	*http.Request
	route  route
	body   []byte
	record *record
	// now is by the clock of the route, which a fault can set wrong.
	now time.Time
}

func newCloud(keys *keySource) (*cloud, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	return &cloud{keys: keys, signer: signer, grants: map[string]*grant{}}, err
}

type route struct {
	name, provider, methods string
	serve                   func(*cloud, http.ResponseWriter, *call)
}

func find(r *http.Request) route {
	path, target := r.URL.Path, r.Header.Get("X-Amz-Target")
	switch {
	case path == "/" && strings.HasPrefix(target, "SpencerFrontendService."):
		return route{"ecr-public", "aws", "POST", (*cloud).ecr}
	case path == "/" && target != "":
		return route{"ecr", "aws", "POST", (*cloud).ecr}
	case path == "/":
		return route{"sts", "aws", "POST", (*cloud).sts}
	case path == "/oauth2/exchange":
		return route{"acr-exchange", "azure", "POST", (*cloud).acrExchange}
	case path == "/oauth2/token":
		return route{"acr-token", "azure", "POST GET", (*cloud).acrToken}
	case strings.HasSuffix(path, "/oauth2/v2.0/token"):
		return route{"entra", "azure", "POST", (*cloud).entra}
	case path == "/v1/token":
		return route{"google-sts", "google", "POST", (*cloud).googleSTS}
	case strings.HasPrefix(path, serviceAccounts):
		return route{"google-iam", "google", "POST", (*cloud).googleIAM}
	case path == "/token":
		return route{"google-oauth", "google", "POST", (*cloud).googleOAuth}
	case path == "/oauth2/federation/robot/token":
		return route{"quay", "quay", "GET", (*cloud).quay}
	case strings.HasPrefix(path, "/v2/"):
		return route{"front", "", "GET HEAD", (*cloud).front}
	}
	return route{name: "unknown"}
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	_ = r.ParseForm()
	one := &call{Request: r, route: find(r), body: body, now: time.Now()}
	if one.route.name == "front" {
		kind, _ := c.kind(r.Host)
		one.route.provider = providers[kind]
	}
	c.note(one)
	out := &answer{ResponseWriter: w, status: func(status int) {
		c.mu.Lock()
		one.record.Status = status
		c.mu.Unlock()
	}}
	serve := func(w http.ResponseWriter) {
		w.Header().Set("Date", one.now.UTC().Format(http.TimeFormat))
		if !strings.Contains(one.route.methods, r.Method) {
			http.NotFound(w, r)
			return
		}
		if c.aws != "" && one.route.provider == "aws" && one.route.name != "front" {
			c.foreign(w, one)
			return
		}
		one.route.serve(c, w, one)
	}
	if fault := c.fault(one); fault != nil {
		fault.apply(out, one, serve)
	} else {
		serve(out)
	}
}

// answer tells the status before anybody can read it.
type answer struct {
	http.ResponseWriter
	status func(int)
}

func (a *answer) WriteHeader(status int) {
	a.status(status)
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func reply(w http.ResponseWriter, kind string, status int, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func replyJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	reply(w, "application/json", status, text)
}

// lifetime is how long what a route issues is good for.
func (c *cloud) lifetime(route string, usual time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if seconds, set := c.lifetimes[route]; set {
		return time.Duration(seconds) * time.Second
	}
	return usual
}

// issue remembers credentials, by the names under which they are recorded.
func (c *cloud) issue(one *call, g *grant, lifetime time.Duration, credentials map[string]string) {
	g.route, g.expires = one.route.name, time.Now().Add(lifetime)
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, credential := range credentials {
		c.grants[hash(credential)] = g
		one.record.Issued[name] = hash(credential)
	}
}

// granted finds what the named routes issued.
func (c *cloud) granted(credential string, routes ...string) *grant {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.grants[hash(credential)]
	for _, route := range routes {
		if g != nil && g.route == route {
			return g
		}
	}
	return nil
}

// signed makes a JWT of claims, and of what all have.
func (c *cloud) signed(one *call, lifetime time.Duration, claims map[string]any) string {
	claims["jti"], claims["iat"], claims["nbf"] = random(16), one.now.Unix(), one.now.Unix()
	claims["exp"] = one.now.Add(lifetime).Unix()
	token, err := jwt.Signed(c.signer).Claims(claims).Serialize()
	if err != nil {
		panic(err)
	}
	return token
}

// random is text that nobody guesses, safe in URLs.
func random(bytes int) string {
	text := make([]byte, bytes)
	_, _ = rand.Read(text)
	return base64.RawURLEncoding.EncodeToString(text)
}

func hash(credential string) string {
	sum := sha256.Sum256([]byte(credential))
	return hex.EncodeToString(sum[:])
}
