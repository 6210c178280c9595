package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

type quayRobot struct {
	Robot string `json:"robot"`
	federation
}

func (c *cloud) quay(w http.ResponseWriter, one *call) {
	robot, token, _ := one.BasicAuth()
	var own []quayRobot
	for _, entry := range c.trusted().Quay {
		if entry.Robot == robot {
			own = append(own, entry)
		}
	}
	claims, err := c.keys.verify(token, one.now)
	if err == nil {
		if _, what := mismatch(own, claims); what != "" {
			err = errors.New("Token does not match robot")
		}
	}
	if err != nil {
		replyJSON(w, http.StatusUnauthorized, map[string]string{"error": err.Error()})
		return
	}
	lifetime := c.lifetime("quay", time.Hour)
	password := c.signed(one, lifetime, map[string]any{"iss": "quay", "aud": hostname(one.Host), "sub": robot})
	c.issue(one, &grant{identity: robot, subject: claims.Subject}, lifetime, map[string]string{"password": password})
	replyJSON(w, http.StatusOK, map[string]string{"token": password})
}

// providers are those of the kinds of front.
var providers = map[string]string{"ecr": "aws", "ecr-public": "aws", "acr": "azure", "google": "google", "quay": "quay"}

// grammars say whose registry a host is; that of ECR also the region.
var grammars = []struct {
	kind string
	host *regexp.Regexp
}{
	{"ecr", regexp.MustCompile(`^[0-9]{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.(?:com|com\.cn|eu)|on\.aws|on\.amazonwebservices\.com\.cn)$`)},
	{"ecr-public", regexp.MustCompile(`^(?:public\.ecr\.aws|ecr-public\.aws\.com)$`)},
	{"acr", regexp.MustCompile(`^[a-z0-9-]+(?:\.[a-z0-9]+\.geo)?\.azurecr\.(?:io|cn|us)$`)},
	{"google", regexp.MustCompile(`^(?:[a-z0-9-]+-docker\.pkg\.dev|(?:[a-z0-9-]+\.)?gcr\.io)$`)},
	{"quay", regexp.MustCompile(`^quay\.[a-z0-9.-]+$`)},
}

// kind is whose rules a host follows, and its region.
func (c *cloud) kind(host string) (string, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range []string{host, hostname(host), "*"} {
		if kind := c.fronts[name]; kind != "" {
			return kind, ""
		}
	}
	for _, grammar := range grammars {
		if found := grammar.host.FindStringSubmatch(hostname(host)); found != nil {
			return grammar.kind, append(found, "")[1]
		}
	}
	return "", ""
}

// isAt tells whether a host is the registry of this name; each that PUT /fronts names is any.
func (c *cloud) isAt(place, host string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return place == host || c.fronts[host] != "" || c.fronts[hostname(host)] != ""
}

func registryRefuses(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	replyJSON(w, status, map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}})
}

var repository = regexp.MustCompile(`^/v2/(.+)/(?:manifests|blobs|tags|referrers)/`)

func (c *cloud) front(w http.ResponseWriter, one *call) {
	kind, region := c.kind(one.Host)
	name := append(repository.FindStringSubmatch(one.URL.Path), "", "")[1]
	var g *grant
	good := false
	username, password, _ := one.BasicAuth()
	switch kind {
	case "":
		registryRefuses(w, http.StatusNotFound, "NAME_UNKNOWN", "fakecloud plays no registry at "+one.Host)
		return
	case "acr":
		c.acrFront(w, one, name)
		return
	case "ecr", "ecr-public":
		g = c.granted(password, kind)
		good = g != nil && username == "AWS" && (region == "" || region == g.place)
	case "google":
		g = c.granted(password, "google-sts", "google-iam", "google-oauth")
		good = g != nil && (username == "oauth2accesstoken" || username == "_token")
	case "quay":
		g = c.granted(password, kind)
		good = g != nil && username == g.identity
	}
	switch {
	case good && g.expired() && strings.HasPrefix(kind, "ecr"):
		registryRefuses(w, http.StatusForbidden, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
	case !good || g.expired():
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Basic realm="https://%s/"`, one.Host))
		registryRefuses(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	case name != "" && (c.denies(g.identity, "pull") || kind == "google" && !reads(g.scopes)):
		registryRefuses(w, http.StatusForbidden, "DENIED", "requested access to the resource is denied")
	default:
		c.pull(w, one)
	}
}

func reads(scopes []string) bool {
	return slices.Contains(scopes, cloudPlatform) || slices.Contains(scopes, cloudPlatform+".read-only")
}

// acrFront wants the access token of acr-token.
func (c *cloud) acrFront(w http.ResponseWriter, one *call, name string) {
	g := c.granted(bearer(one.Request), "acr-token")
	good := g != nil && !g.expired() && g.place == strings.ToLower(one.Host)
	if good && (name == "" || slices.Contains(g.scopes, name)) {
		c.pull(w, one)
		return
	}
	scheme := "https"
	if one.TLS == nil {
		scheme = "http"
	}
	challenge := fmt.Sprintf(`Bearer realm="%s://%s/oauth2/token",service="%[2]s"`, scheme, one.Host)
	if name != "" {
		challenge += fmt.Sprintf(`,scope="repository:%s:pull"`, name)
	}
	switch {
	case good:
		challenge += `,error="insufficient_scope"`
	case bearer(one.Request) != "":
		challenge += `,error="invalid_token"`
	}
	w.Header().Set("WWW-Authenticate", challenge)
	registryRefuses(w, http.StatusUnauthorized, "UNAUTHORIZED", acrUnauthorized)
}

// pull asks the registry behind the front.
func (c *cloud) pull(w http.ResponseWriter, one *call) {
	switch {
	case c.registry != nil:
		c.registry.ServeHTTP(w, one.Request)
	case one.URL.Path == "/v2/":
		replyJSON(w, http.StatusOK, struct{}{})
	default:
		registryRefuses(w, http.StatusNotFound, "NAME_UNKNOWN", "fakecloud has no --registry")
	}
}

// proxy talks to a registry with the user information in its URL, and never with what a client sent.
func proxy(address, ca string) (http.Handler, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	transport, err := trusting(ca)
	if err != nil {
		return nil, err
	}
	user := target.User
	target.User = nil
	return &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Del("Authorization")
			if password, _ := user.Password(); user != nil {
				r.Out.SetBasicAuth(user.Username(), password)
			}
		},
		// The front has told its own time.
		ModifyResponse: func(r *http.Response) error {
			r.Header.Del("Date")
			return nil
		},
	}, nil
}
