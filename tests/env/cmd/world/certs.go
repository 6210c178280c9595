package main

import (
	"crypto/x509/pkix"
	"net"

	"pullsecrets.dev/testenv/internal/ca"
)

// authority writes what it signs into a folder.
type authority struct {
	*ca.Authority
	dir string
}

func newAuthority(dir, name string) (*authority, error) {
	own, err := ca.New(name)
	if err != nil {
		return nil, err
	}
	return &authority{own, dir}, ca.Write(dir, name, own.Own)
}

// issue writes NAME.crt and NAME.key, good for servers on loopback and for clients.
func (a *authority) issue(name string, subject pkix.Name) error {
	addresses := []net.IP{net.IPv4(127, 0, 0, 1)}
	for number := range slots {
		addresses = append(addresses, net.ParseIP(slot(number).gateway()))
	}
	pair, err := a.Issue(subject, []string{"localhost", "*" + domain}, addresses)
	if err != nil {
		return err
	}
	return ca.Write(a.dir, name, pair)
}
