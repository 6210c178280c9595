// Package ca makes CAs, and certificates that live as long as tests.
package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority signs certificates.
type Authority struct {
	// Own is its own certificate, with its key.
	Own *tls.Certificate
}

// New makes a CA of this name.
func New(name string) (*Authority, error) {
	template := template(pkix.Name{CommonName: name})
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	own, err := sign(template, nil)
	return &Authority{own}, err
}

// Issue makes a certificate for servers with these names and addresses, and for clients.
func (a *Authority) Issue(subject pkix.Name, names []string, addresses []net.IP) (*tls.Certificate, error) {
	template := template(subject)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.DNSNames, template.IPAddresses = names, addresses
	return sign(template, a.Own)
}

// sign makes a key and its certificate; without a signer, the key signs itself.
func sign(template *x509.Certificate, signer *tls.Certificate) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	parent, parentKey := template, any(key)
	if signer != nil {
		parent, parentKey = signer.Leaf, signer.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

func template(subject pkix.Name) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err)
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: subject,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour),
	}
}

// Write writes NAME.crt and NAME.key into a folder.
func Write(dir, name string, pair *tls.Certificate) error {
	key, is := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !is {
		return errors.New("no key of this package")
	}
	return errors.Join(WriteCertificate(filepath.Join(dir, name+".crt"), pair), writeKey(filepath.Join(dir, name+".key"), key))
}

// WriteCertificate writes the certificate alone.
func WriteCertificate(path string, pair *tls.Certificate) error {
	return writePEM(path, "CERTIFICATE", pair.Certificate[0])
}

// WriteNewKey makes a key without a certificate.
func WriteNewKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return writeKey(path, key)
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(path, "EC PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
