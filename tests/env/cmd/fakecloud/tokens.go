package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// What can be wrong with a ServiceAccount token, whoever it was meant for.
var (
	errMalformed = errors.New("the token is no JWT with RS256 or ES256")
	errNoKeys    = errors.New("the keys of the issuer cannot be read")
	errSignature = errors.New("the token is not signed with a key of the issuer")
	errExpired   = errors.New("the token is not valid now")
)

// verify returns the claims of a token that one of the keys signed, also when it is not valid at that time.
func (s *keySource) verify(token string, now time.Time) (jwt.Claims, error) {
	// An API server signs with either, as its key is.
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return jwt.Claims{}, errMalformed
	}
	key, err := s.find(parsed.Headers[0].KeyID)
	if err != nil {
		return jwt.Claims{}, err
	}
	var claims jwt.Claims
	if err := parsed.Claims(key, &claims); err != nil {
		return jwt.Claims{}, errSignature
	}
	if claims.Expiry == nil || !now.Before(claims.Expiry.Time()) ||
		claims.NotBefore != nil && now.Add(time.Minute).Before(claims.NotBefore.Time()) {
		return claims, errExpired
	}
	return claims, nil
}

// keySource has the keys that sign ServiceAccount tokens.
type keySource struct {
	file, url, tokenFile string
	transport            http.RoundTripper

	mu    sync.Mutex
	known jose.JSONWebKeySet
}

func (s *keySource) find(id string) (*jose.JSONWebKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known.Key(id)) == 0 {
		text, err := s.read()
		var keys jose.JSONWebKeySet
		if err == nil {
			err = json.Unmarshal(text, &keys)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoKeys, err)
		}
		s.known = keys
	}
	if found := s.known.Key(id); len(found) > 0 {
		return &found[0], nil
	}
	return nil, errSignature
}

func (s *keySource) read() ([]byte, error) {
	if s.url == "" {
		return os.ReadFile(s.file)
	}
	request, err := http.NewRequest(http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	if s.tokenFile != "" {
		token, err := os.ReadFile(s.tokenFile)
		if err != nil {
			return nil, err
		}
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	response, err := (&http.Client{Transport: s.transport, Timeout: 5 * time.Second}).Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	return io.ReadAll(response.Body)
}

// trusting is a transport that trusts the CA in a file, if one is named.
func trusting(ca string) (*http.Transport, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// What it talks to is on this machine.
	transport.Proxy = nil
	if ca == "" {
		return transport, nil
	}
	text, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("no certificate in %s", ca)
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	return transport, nil
}

// federation is which token an entry of the trust table wants.
type federation struct {
	Issuer   string `json:"issuer"`
	Subject  string `json:"subject"`
	Audience string `json:"audience"`
}

func (f federation) wants() federation { return f }

// mismatch says what no entry trusts: "issuer", "audience" or "subject"; or nothing, with the entry that trusts all.
func mismatch[E interface{ wants() federation }](entries []E, claims jwt.Claims) (found E, what string) {
	what = "issuer"
	for _, entry := range entries {
		wanted := entry.wants()
		switch {
		case wanted.Issuer == "" || wanted.Issuer != claims.Issuer:
		case len(claims.Audience) != 1 || claims.Audience[0] != wanted.Audience:
			if what == "issuer" {
				what = "audience"
			}
		case wanted.Subject != claims.Subject:
			what = "subject"
		default:
			return entry, ""
		}
	}
	return found, what
}

func unix(date *jwt.NumericDate) int64 {
	if date == nil {
		return 0
	}
	return date.Time().Unix()
}
