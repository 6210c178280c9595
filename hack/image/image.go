package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"debug/elf"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

const (
	entrypoint = "/usr/local/bin/dps"
	user       = "65532:65532"
	passwd     = "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"
	group      = "root:x:0:\nnonroot:x:65532:\n"
	// As everywhere else; glibc's default depends on its version.
	nsswitch = "hosts: files dns\n"
)

type program struct {
	content      []byte
	architecture string
}

// readProgram refuses what cannot run in an image without a libc.
func readProgram(path string) (*program, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("%s is linked dynamically, and the image has no libc: link it with -C target-feature=+crt-static", path)
		}
	}
	switch file.Machine {
	case elf.EM_X86_64:
		return &program{content, "amd64"}, nil
	case elf.EM_AARCH64:
		return &program{content, "arm64"}, nil
	default:
		return nil, fmt.Errorf("%s is for %s: x86-64 and AArch64 are supported", path, file.Machine)
	}
}

// file is an entry of a layer; a folder if its name ends in a slash.
type file struct {
	name    string
	mode    int64
	content []byte
}

func newImage(p *program, root *crate, revision string, created time.Time) (v1.Image, error) {
	base, err := layer([]file{
		{"etc/", 0o755, nil},
		{"etc/group", 0o644, []byte(group)},
		{"etc/nsswitch.conf", 0o644, []byte(nsswitch)},
		{"etc/passwd", 0o644, []byte(passwd)},
		{"etc/ssl/", 0o755, nil},
		{"etc/ssl/certs/", 0o755, nil},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, certificates()},
	})
	if err != nil {
		return nil, err
	}
	dps, err := layer([]file{
		{"usr/", 0o755, nil},
		{"usr/local/", 0o755, nil},
		{"usr/local/bin/", 0o755, nil},
		{entrypoint[1:], 0o755, p.content},
	})
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.Append(image, addendum(base, "certificates and users", created), addendum(dps, "dps", created))
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", p.architecture, v1.Time{Time: created}
	config.Config = v1.Config{
		User: user, Entrypoint: []string{entrypoint}, WorkingDir: "/",
		Env:    []string{"PATH=/usr/local/bin"},
		Labels: labels(root, revision, created),
	}
	return mutate.ConfigFile(image, config)
}

func addendum(layer v1.Layer, what string, created time.Time) mutate.Addendum {
	return mutate.Addendum{Layer: layer, MediaType: types.OCILayer, History: v1.History{Created: v1.Time{Time: created}, CreatedBy: "make image", Comment: what}}
}

func labels(root *crate, revision string, created time.Time) map[string]string {
	labels := map[string]string{}
	for name, value := range map[string]string{
		"title": root.Name, "description": root.Description, "version": root.Version, "licenses": root.License,
		"source": root.Repository, "revision": revision, "created": created.Format(time.RFC3339),
	} {
		if value != "" {
			labels["org.opencontainers.image."+name] = value
		}
	}
	return labels
}

// layer makes a layer in which nothing depends on when and where it is made: the time is 1970, the owner is root. The
// compressor is a module, since the standard library's output changes with the version of Go.
func layer(files []file) (v1.Layer, error) {
	var compressed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	writer := tar.NewWriter(zip)
	for _, file := range files {
		header := &tar.Header{
			Name: file.name, Mode: file.mode, Size: int64(len(file.content)), ModTime: time.Unix(0, 0),
			Typeflag: tar.TypeReg, Format: tar.FormatUSTAR,
		}
		if file.content == nil {
			header.Typeflag = tar.TypeDir
		}
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(file.content); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(writer.Close(), zip.Close()); err != nil {
		return nil, err
	}
	opener := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(compressed.Bytes())), nil }
	return tarball.LayerFromOpener(opener, tarball.WithMediaType(types.OCILayer))
}

// certificates are Mozilla's, from a module, so that they do not depend on the machine. A root of which Mozilla trusts
// only certificates issued before some day is left out: a file of certificates cannot say that.
func certificates() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		if certificate, err := x509.ParseCertificate(root.Certificate); err == nil {
			fmt.Fprintf(&out, "# %s\n", certificate.Subject)
		}
		// Writing to memory cannot fail.
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
	}
	return out.Bytes()
}
