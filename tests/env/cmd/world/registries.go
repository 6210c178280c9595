package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/crypto/bcrypt"
)

// registries are registries of every kind over one storage, which holds the image team/app:1.0.
type registries struct {
	CAFile string `json:"caFile"`
	// Username may read every image with Password, Stranger may log in with it and read none. Basic and Plain let also
	// user-0 to user-999 in with it.
	Username string `json:"username"`
	Stranger string `json:"stranger"`
	Password string `json:"password"`
	// Addresses as host:port; all with TLS by the CA but Plain.
	Basic     string `json:"basic"`
	Bearer    string `json:"bearer"`
	Anonymous string `json:"anonymous"`
	Plain     string `json:"plain"`
	Token     string `json:"token"`
	// TokenLog has a line for each answer of the token server: the status code, and whether a login came.
	TokenLog string `json:"tokenLog"`
}

func (w *world) startRegistries() (*registries, error) {
	w.pki = filepath.Join(w.StateDir, "pki")
	if err := os.MkdirAll(w.pki, 0o700); err != nil {
		return nil, err
	}
	ca, err := newAuthority(w.pki, "ca")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(
		ca.issue("registry", pkix.Name{CommonName: "registry"}), ca.issue("token", pkix.Name{CommonName: "token"}),
	); err != nil {
		return nil, err
	}
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	r := &registries{
		CAFile: w.pem("ca.crt"), Username: "robot", Stranger: "stranger", Password: hex.EncodeToString(secret),
		TokenLog: filepath.Join(w.StateDir, "token.log"),
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(r.Password), bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	lines := fmt.Sprintf("%s:%s\n", r.Username, hash)
	// With one hash for all: a login costs as much, and the start less.
	for number := range 1000 {
		lines += fmt.Sprintf("user-%d:%s\n", number, hash)
	}
	users := filepath.Join(w.StateDir, "htpasswd")
	if err := os.WriteFile(users, []byte(lines), 0o600); err != nil {
		return nil, err
	}
	if err := r.serveTokens(w); err != nil {
		return nil, err
	}
	htpasswd := fmt.Sprintf(`auth: {htpasswd: {realm: world, path: "%s"}}`, users)
	token := fmt.Sprintf(`auth: {token: {realm: "https://%s/token", service: world, issuer: world, rootcertbundle: "%s"}}`, r.Token, r.CAFile)
	secure := fmt.Sprintf(`tls: {certificate: "%s", key: "%s"}`, w.pem("registry.crt"), w.pem("registry.key"))
	for _, one := range []struct {
		name, auth, tls string
		address         *string
	}{
		{"basic", htpasswd, secure, &r.Basic}, {"bearer", token, secure, &r.Bearer},
		{"anonymous", "", secure, &r.Anonymous}, {"plain", htpasswd, "", &r.Plain},
	} {
		if *one.address, err = w.startOneRegistry(one.name, one.auth, one.tls); err != nil {
			return nil, err
		}
	}
	admin, err := client(w.pki, "registry")
	if err != nil {
		return nil, err
	}
	return r, pushImage(admin, "https://"+r.Anonymous+"/v2/team/app")
}

func (w *world) startOneRegistry(name, auth, security string) (string, error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	config := filepath.Join(w.StateDir, name+".yaml")
	http := fmt.Sprintf(`addr: "127.0.0.1:%d"`, port)
	scheme := "http"
	if security != "" {
		http, scheme = http+", "+security, "https"
	}
	text := fmt.Sprintf("version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {%s}\n%s\n",
		filepath.Join(w.StateDir, "images"), http, auth)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return "", err
	}
	p := w.process("registry", "serve", config)
	p.log = filepath.Join(w.StateDir, name+".log")
	p.env = []string{"OTEL_TRACES_EXPORTER=none"}
	if err := p.start(); err != nil {
		return "", err
	}
	admin, err := client(w.pki, "registry")
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	address := fmt.Sprintf("localhost:%d", port)
	// The one path that needs no login.
	return address, p.await(ctx, admin, scheme+"://"+address+"/")
}

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
	r.Token = fmt.Sprintf("localhost:%d", listener.Addr().(*net.TCPAddr).Port)
	handler := http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
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

// pushImage makes the smallest image that a registry takes.
func pushImage(client *http.Client, repository string) error {
	config := []byte("{}")
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(config))
	response, err := client.Post(repository+"/blobs/uploads/", "", nil)
	if err != nil {
		return err
	}
	response.Body.Close()
	place, err := response.Location()
	if err != nil {
		return err
	}
	query := place.Query()
	query.Set("digest", digest)
	place.RawQuery = query.Encode()
	kind := "application/vnd.oci.image.manifest.v1+json"
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[]}`,
		kind, digest, len(config))
	if err := put(client, place.String(), "application/octet-stream", config); err != nil {
		return err
	}
	return put(client, repository+"/manifests/1.0", kind, []byte(manifest))
}

func put(client *http.Client, url, kind string, body []byte) error {
	request, err := http.NewRequest(http.MethodPut, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", kind)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("PUT %s: %s: %s", url, response.Status, text)
	}
	return nil
}
