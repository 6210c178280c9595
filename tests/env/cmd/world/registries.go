package main

import (
	"context"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/crypto/bcrypt"
)

// registries are registries of every kind over one storage, which holds team/app:1.0, other/app:1.0 (the same) and
// team/arm:1.0 (an index without an image for this machine). With a node they have names instead of localhost, to which
// containerd talks without TLS.
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
	// These are there with a node. Untrusted wants the same login as Basic, with a certificate by a CA that the node does
	// not trust until it is told to; Failing is serveFailures; nothing listens at Gone until a Basic is started there.
	Untrusted       string `json:"untrusted,omitempty"`
	UntrustedCAFile string `json:"untrustedCaFile,omitempty"`
	Failing         string `json:"failing,omitempty"`
	Gone            string `json:"gone,omitempty"`
	// For Mirrored the node asks Failing instead. To Proxied, and to nothing else, it connects through a proxy that wants
	// a login which the node does not have.
	Mirrored string `json:"mirrored,omitempty"`
	Proxied  string `json:"proxied,omitempty"`
}

// kind is one registry: its part of the configuration, and who signed its certificate.
type kind struct {
	name, auth, tls, ca string
	port                int
}

func (w *world) startRegistries() (*registries, error) {
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
	users := filepath.Join(w.StateDir, "registries.htpasswd")
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
		kind
		address *string
	}{
		{kind{name: "basic", auth: htpasswd, tls: secure, ca: "ca"}, &r.Basic},
		{kind{name: "bearer", auth: token, tls: secure, ca: "ca"}, &r.Bearer},
		{kind{name: "open", tls: secure, ca: "ca"}, &r.Anonymous},
		{kind{name: "plain", auth: htpasswd, ca: "ca"}, &r.Plain},
	} {
		if *one.address, err = w.startOneRegistry(one.kind); err != nil {
			return nil, err
		}
	}
	if w.Node != nil {
		if err := w.startOddRegistries(r, htpasswd, secure); err != nil {
			return nil, err
		}
	}
	admin, err := client(w.pki, "ca", "registry")
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(r.Anonymous)
	if err != nil {
		return nil, err
	}
	// This machine does not know the name; the certificate is good for the address too.
	return r, pushImages(admin, "https://127.0.0.1:"+port)
}

// startOddRegistries adds the ones at which only a node's pulls go wrong.
func (w *world) startOddRegistries(r *registries, htpasswd, secure string) error {
	other, err := newAuthority(w.pki, "other-ca")
	if err != nil {
		return err
	}
	if err := other.issue("untrusted", pkix.Name{CommonName: "untrusted"}); err != nil {
		return err
	}
	foreign := fmt.Sprintf(`tls: {certificate: "%s", key: "%s"}`, w.pem("untrusted.crt"), w.pem("untrusted.key"))
	r.UntrustedCAFile = w.pem("other-ca.crt")
	if r.Untrusted, err = w.startOneRegistry(kind{name: "untrusted", auth: htpasswd, tls: foreign, ca: "other-ca"}); err != nil {
		return err
	}
	if r.Failing, err = w.serveFailures(); err != nil {
		return err
	}
	r.Mirrored, r.Proxied = "mirrored"+domain, proxied
	if w.proxy, err = serveProxy(); err != nil {
		return err
	}
	port, release, err := reservePort()
	if err != nil {
		return err
	}
	r.Gone = w.address("gone", port)
	w.once["start gone"] = func() error {
		release()
		_, err := w.startOneRegistry(kind{name: "gone", auth: htpasswd, tls: secure, ca: "ca", port: port})
		return err
	}
	return nil
}

func (w *world) startOneRegistry(one kind) (string, error) {
	if one.port == 0 {
		port, err := freePort()
		if err != nil {
			return "", err
		}
		one.port = port
	}
	config := filepath.Join(w.StateDir, one.name+".yaml")
	local := fmt.Sprintf("127.0.0.1:%d", one.port)
	http, scheme := fmt.Sprintf(`addr: "%s"`, local), "http"
	if one.tls != "" {
		http, scheme = http+", "+one.tls, "https"
	}
	text := fmt.Sprintf("version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {%s}\n%s\n",
		filepath.Join(w.StateDir, "images"), http, one.auth)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return "", err
	}
	p := w.process("registry", "serve", config)
	p.log = filepath.Join(w.StateDir, one.name+".log")
	p.env = []string{"OTEL_TRACES_EXPORTER=none"}
	if err := p.start(); err != nil {
		return "", err
	}
	admin, err := client(w.pki, one.ca, "registry")
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	// The one path that needs no login.
	return w.address(one.name, one.port), p.await(ctx, admin, scheme+"://"+local+"/")
}

// address is how clients are to call a registry.
func (w *world) address(name string, port int) string {
	if w.Node == nil {
		return fmt.Sprintf("localhost:%d", port)
	}
	return fmt.Sprintf("%s%s:%d", name, domain, port)
}

// reservePort finds a loopback port that refuses connections and that nobody else is given, until it is released.
func reservePort() (int, func(), error) {
	socket, port, err := boundSocket()
	return port, func() { _ = syscall.Close(socket) }, err
}
