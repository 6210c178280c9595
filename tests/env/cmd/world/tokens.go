package main

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// serveTokens signs tokens that the bearer registry accepts, as docs/content/spec/auth/token.md of distribution says:
// 401 for a wrong login, and a token without rights for who may log in and not do what was asked.
func (r *registries) serveTokens(w *world) error {
	pair, err := tls.LoadX509KeyPair(w.pem("token.crt"), w.pem("token.key"))
	if err != nil {
		return err
	}
	key, err := readKey(w.pem("token.key"))
	if err != nil {
		return err
	}
	chain := base64.StdEncoding.EncodeToString(pair.Certificate[0])
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("x5c", []string{chain})
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		return err
	}
	log, err := os.Create(r.TokenLog)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	r.Token = w.address("token", listener.Addr().(*net.TCPAddr).Port)
	handler := http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if in.Method != http.MethodGet {
			// containerd tries OAuth2 first, which few registries have, and then asks as everybody does.
			out.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		username, password, login := in.BasicAuth()
		status := http.StatusOK
		if login && (password != r.Password || username != r.Username && username != r.Stranger) {
			status = http.StatusUnauthorized
		}
		fmt.Fprintln(log, status, login)
		out.Header().Set("Content-Type", "application/json")
		if status != http.StatusOK {
			out.WriteHeader(status)
			fmt.Fprintln(out, `{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}`)
			return
		}
		token, err := signed(signer, in, username, username == r.Username)
		if err != nil {
			http.Error(out, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(out).Encode(map[string]string{"token": token})
	})
	server := &http.Server{Handler: handler, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	return nil
}

func signed(signer jose.Signer, in *http.Request, subject string, reads bool) (string, error) {
	access := []map[string]any{}
	for _, scope := range in.URL.Query()["scope"] {
		parts := strings.SplitN(scope, ":", 3)
		if reads && len(parts) == 3 {
			access = append(access, map[string]any{"type": parts[0], "name": parts[1], "actions": []string{"pull"}})
		}
	}
	now := time.Now()
	claims := jwt.Claims{
		Issuer: "world", Subject: subject, Audience: jwt.Audience{in.URL.Query().Get("service")},
		Expiry: jwt.NewNumericDate(now.Add(time.Minute)), NotBefore: jwt.NewNumericDate(now.Add(-time.Minute)), IssuedAt: jwt.NewNumericDate(now),
	}
	return jwt.Signed(signer).Claims(claims).Claims(map[string]any{"access": access}).Serialize()
}

func readKey(path string) (*ecdsa.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	return x509.ParseECPrivateKey(block.Bytes)
}
