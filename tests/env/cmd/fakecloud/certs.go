package main

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"net"
	"sync"

	"pullsecrets.dev/testenv/internal/ca"
)

// authority makes a certificate for each name when it is asked for: the names of AWS have a region in the middle, where
// no wildcard can be.
type authority struct {
	*ca.Authority

	mu     sync.Mutex
	issued map[string]*tls.Certificate
}

func newAuthority(path string) (*authority, error) {
	own, err := ca.New("fakecloud CA")
	if err != nil {
		return nil, err
	}
	return &authority{Authority: own, issued: map[string]*tls.Certificate{}}, ca.WriteCertificate(path, own.Own)
}

func (a *authority) config() *tls.Config {
	return &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName != "" {
			return a.issue(hello.ServerName)
		}
		// Who connects to an address names no server.
		host, _, err := net.SplitHostPort(hello.Conn.LocalAddr().String())
		if err != nil {
			return nil, err
		}
		return a.issue(host)
	}}
}

func (a *authority) issue(name string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known := a.issued[name]; known != nil {
		return known, nil
	}
	names, addresses := []string{name}, []net.IP{net.IPv4(127, 0, 0, 1)}
	if ip := net.ParseIP(name); ip != nil {
		names, addresses = nil, append(addresses, ip)
	}
	pair, err := a.Issue(pkix.Name{CommonName: "fakecloud"}, names, addresses)
	if err == nil {
		a.issued[name] = pair
	}
	return pair, err
}
