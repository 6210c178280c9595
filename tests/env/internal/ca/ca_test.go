package ca

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"path/filepath"
	"testing"
)

func TestWhatIsWrittenIsTrustedByItsNamesAndAddresses(t *testing.T) {
	authority, err := New("test CA")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Issue(pkix.Name{CommonName: "server"}, []string{"*.world.test"}, []net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := Write(dir, "server", pair); err != nil {
		t.Fatal(err)
	}
	read, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	trusted, other := x509.NewCertPool(), x509.NewCertPool()
	trusted.AddCert(authority.Own.Leaf)
	stranger, err := New("test CA")
	if err != nil {
		t.Fatal(err)
	}
	other.AddCert(stranger.Own.Leaf)
	for name, row := range map[string]struct {
		host  string
		roots *x509.CertPool
		good  bool
	}{
		"name":         {"open.world.test", trusted, true},
		"address":      {"127.0.0.1", trusted, true},
		"other name":   {"world.test", trusted, false},
		"stranger's":   {"open.world.test", other, false},
		"other number": {"127.0.0.2", trusted, false},
	} {
		_, err := read.Leaf.Verify(x509.VerifyOptions{DNSName: row.host, Roots: row.roots})
		if (err == nil) != row.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	if authority.Own.Leaf.SerialNumber.Cmp(stranger.Own.Leaf.SerialNumber) == 0 {
		t.Error("two CAs have one serial number")
	}
}
