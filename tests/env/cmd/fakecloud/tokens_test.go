package main

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestKeysAreReadAgainForAnUnknownOne(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", ecrTrust+"}")
	f.webIdentity(nil).is(200, "")
	f.writeKeys("third")
	f.webIdentity(map[string]string{"WebIdentityToken": f.tokenBy(rsaKeys()[0], "third", "sts.amazonaws.com", nil)}).is(200, "")
}

func TestTokenMayBeSignedWithEllipticKey(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", ecrTrust+"}")
	with := func(id string) answered {
		return f.webIdentity(map[string]string{"WebIdentityToken": f.tokenBy(ecKey(), id, "sts.amazonaws.com", nil)})
	}
	with("elliptic").is(200, "")
	with("first").is(400, "InvalidIdentityToken")
}

func TestAudienceMayBeText(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", ecrTrust+"}")
	f.webIdentity(map[string]string{"WebIdentityToken": f.token("", claims{"aud": "sts.amazonaws.com"})}).is(200, "")
}

func TestKeysAreAskedForWithCAAndToken(t *testing.T) {
	f := newFixture(t)
	keys, err := os.ReadFile(f.jwks)
	f.must(err)
	at := addresses{Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", CAFile: filepath.Join(t.TempDir(), "ca.pem")}
	certificates, err := newAuthority(at.CAFile)
	f.must(err)
	listener, err := tls.Listen("tcp", at.Listen, certificates.config())
	f.must(err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bearer(r) != "reader" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write(keys)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	tokenFile := filepath.Join(t.TempDir(), "token")
	f.must(os.WriteFile(tokenFile, []byte("reader\n"), 0o600))
	source := keySource{url: "https://" + listener.Addr().String(), tokenFile: tokenFile}
	source.transport, err = trusting(at.CAFile)
	f.must(err)
	if _, err := source.verify(f.token("x", nil), time.Now()); err != nil {
		t.Error(err)
	}
	f.must(os.WriteFile(tokenFile, []byte("other"), 0o600))
	if _, err := source.verify(f.tokenBy(rsaKeys()[1], "second", "x", nil), time.Now()); err == nil || !strings.Contains(err.Error(), "401") {
		t.Error(err)
	}
}
