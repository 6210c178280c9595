package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	issuer  = "https://issuer.test"
	subject = "system:serviceaccount:team:puller"
)

var rsaKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	var keys []*rsa.PrivateKey
	for range 2 {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys = append(keys, key)
	}
	return keys
})

var ecKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

// fixture is a cloud with the keys of an API server, before a registry that answers all.
type fixture struct {
	*testing.T
	cloud    *cloud
	jwks     string
	url      string
	admin    string
	registry http.Header
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{T: t, jwks: filepath.Join(t.TempDir(), "jwks.json")}
	f.writeKeys("first")
	cloud, err := newCloud(&keySource{file: f.jwks})
	f.must(err)
	f.cloud = cloud
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.registry = r.Header.Clone()
		_, _ = io.WriteString(w, "pulled "+r.URL.Path)
	}))
	t.Cleanup(registry.Close)
	cloud.registry, err = proxy(strings.Replace(registry.URL, "://", "://robot:secret@", 1), "")
	f.must(err)
	server, admin := httptest.NewServer(cloud), httptest.NewServer(cloud.admin())
	t.Cleanup(server.Close)
	t.Cleanup(admin.Close)
	f.url, f.admin = server.URL, admin.URL
	return f
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) writeKeys(id string) {
	keys := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: &rsaKeys()[0].PublicKey, KeyID: id, Algorithm: "RS256", Use: "sig"},
		{Key: &ecKey().PublicKey, KeyID: "elliptic", Algorithm: "ES256", Use: "sig"},
	}}
	text, err := json.Marshal(keys)
	f.must(err)
	f.must(os.WriteFile(f.jwks, text, 0o600))
}

type claims = map[string]any

// token is a ServiceAccount token for an audience, with some claims changed.
func (f *fixture) token(audience string, changed claims) string {
	return f.tokenBy(rsaKeys()[0], "first", audience, changed)
}

func (f *fixture) tokenBy(key any, id, audience string, changed claims) string {
	f.Helper()
	algorithm := jose.RS256
	if _, elliptic := key.(*ecdsa.PrivateKey); elliptic {
		algorithm = jose.ES256
	}
	options := (&jose.SignerOptions{}).WithHeader("kid", id)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	f.must(err)
	now := time.Now()
	all := claims{"iss": issuer, "sub": subject, "aud": []string{audience}, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix()}
	maps.Copy(all, changed)
	token, err := jwt.Signed(signer).Claims(all).Serialize()
	f.must(err)
	return token
}

// answered is what came back.
type answered struct {
	*fixture
	status int
	header http.Header
	body   string
}

func (f *fixture) do(method, address, host, body string, header http.Header) answered {
	f.Helper()
	request, err := http.NewRequest(method, address, strings.NewReader(body))
	f.must(err)
	maps.Copy(request.Header, header)
	request.Host = host
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	f.must(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	f.must(err)
	return answered{f, response.StatusCode, response.Header, string(text)}
}

func (f *fixture) form(path, host string, fields map[string]string) answered {
	f.Helper()
	values := url.Values{}
	for name, value := range fields {
		values.Set(name, value)
	}
	return f.do(http.MethodPost, f.url+path, host, values.Encode(), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
}

func (f *fixture) get(path, host, username, password string) answered {
	f.Helper()
	request := http.Request{Header: http.Header{}}
	if username != "" {
		request.SetBasicAuth(username, password)
	}
	return f.do(http.MethodGet, f.url+path, host, "", request.Header)
}

func (f *fixture) put(path, body string) {
	f.Helper()
	f.do(http.MethodPut, f.admin+path, "", body, nil).is(http.StatusNoContent, "")
}

func (f *fixture) requests() []record {
	f.Helper()
	var all []record
	f.must(json.Unmarshal([]byte(f.do(http.MethodGet, f.admin+"/requests", "", "", nil).body), &all))
	return all
}

// is checks the status, and that the body has a text.
func (a answered) is(status int, text string) answered {
	a.Helper()
	if a.status != status || !strings.Contains(a.body, text) {
		a.Fatalf("answered %d %s, not %d with %q", a.status, a.body, status, text)
	}
	return a
}

// value is a member of the body, by its names.
func (a answered) value(names ...string) any {
	a.Helper()
	var value any
	a.must(json.Unmarshal([]byte(a.body), &value))
	for _, name := range names {
		value = value.(map[string]any)[name]
	}
	return value
}

func (a answered) text(names ...string) string {
	a.Helper()
	text, is := a.value(names...).(string)
	if !is {
		a.Fatalf("no %v in %s", names, a.body)
	}
	return text
}
