package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	sbomType  = "application/vnd.cyclonedx+json"
	emptyType = "application/vnd.oci.empty.v1+json"
	// What the image is called where it is imported without a registry.
	localName = "localhost/docker-pull-secret-operator"
)

// artifact is a document that refers to an image.
type artifact struct {
	document, config v1.Layer
	manifest         []byte
	descriptor       v1.Descriptor
}

func (a *artifact) RawManifest() ([]byte, error)        { return a.manifest, nil }
func (a *artifact) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// attach makes the document a referrer of the image.
func attach(document []byte, image v1.Image, created time.Time) (*artifact, error) {
	a := &artifact{document: static.NewLayer(document, sbomType), config: static.NewLayer([]byte("{}"), emptyType)}
	subject, err := describe(image)
	if err != nil {
		return nil, err
	}
	var parts [2]v1.Descriptor
	for index, part := range []v1.Layer{a.config, a.document} {
		digest, err := part.Digest()
		if err != nil {
			return nil, err
		}
		size, err := part.Size()
		if err != nil {
			return nil, err
		}
		kind, err := part.MediaType()
		if err != nil {
			return nil, err
		}
		parts[index] = v1.Descriptor{MediaType: kind, Digest: digest, Size: size}
	}
	annotations := map[string]string{"org.opencontainers.image.created": created.Format(time.RFC3339)}
	a.manifest, err = json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: sbomType,
		Config: parts[0], Layers: parts[1:], Subject: subject, Annotations: annotations,
	})
	if err != nil {
		return nil, err
	}
	digest, size, err := v1.SHA256(bytes.NewReader(a.manifest))
	a.descriptor = v1.Descriptor{MediaType: types.OCIManifestSchema1, ArtifactType: sbomType, Digest: digest, Size: size, Annotations: annotations}
	return a, err
}

func describe(image v1.Image) (*v1.Descriptor, error) {
	digest, err := image.Digest()
	if err != nil {
		return nil, err
	}
	size, err := image.Size()
	return &v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: digest, Size: size}, err
}

// write fills the folder anew.
func write(folder string, image v1.Image, sbom *artifact, version string) error {
	if folder == "" {
		return errors.New("-out is missing")
	}
	for _, old := range []string{"digest", "image.tar", "sbom.cdx.json", "oci"} {
		if err := os.RemoveAll(filepath.Join(folder, old)); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	path, err := layout.Write(filepath.Join(folder, "oci"), empty.Index)
	if err != nil {
		return err
	}
	names := map[string]string{
		"org.opencontainers.image.ref.name": version,
		"io.containerd.image.name":          localName + ":" + version,
	}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	if err := path.WriteImage(image); err != nil {
		return err
	}
	descriptor, err := describe(image)
	if err != nil {
		return err
	}
	descriptor.Annotations, descriptor.Platform = names, config.Platform()
	if err := path.AppendDescriptor(*descriptor); err != nil {
		return err
	}
	// Without the SBOM: what imports archives takes each manifest for an image.
	if err := archive(filepath.Join(folder, "image.tar"), filepath.Join(folder, "oci")); err != nil {
		return err
	}
	return writeSBOM(folder, path, sbom)
}

func writeSBOM(folder string, path layout.Path, sbom *artifact) error {
	for _, part := range []v1.Layer{sbom.config, sbom.document, static.NewLayer(sbom.manifest, types.OCIManifestSchema1)} {
		digest, err := part.Digest()
		if err != nil {
			return err
		}
		content, err := part.Compressed()
		if err != nil {
			return err
		}
		if err := path.WriteBlob(digest, content); err != nil {
			return err
		}
	}
	if err := path.AppendDescriptor(sbom.descriptor); err != nil {
		return err
	}
	content, err := sbom.document.Compressed()
	if err != nil {
		return err
	}
	document, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "sbom.cdx.json"), document, 0o644)
}

// archive makes a tar of a folder, in the order of the names.
func archive(path, folder string) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	writer := tar.NewWriter(out)
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		header := &tar.Header{Name: filepath.ToSlash(inside), Mode: 0o644, Size: int64(len(content)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if err := writer.WriteHeader(header); err != nil {
			return err
		}
		_, err = writer.Write(content)
		return err
	})
	return errors.Join(err, writer.Close(), out.Close())
}

// upload pushes image and SBOM with the login of the docker configuration.
func upload(to string, image v1.Image, sbom *artifact) error {
	tag, err := name.NewTag(to, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("push to REGISTRY/REPOSITORY:TAG: %w", err)
	}
	options := []remote.Option{remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithTransport(encrypted{remote.DefaultTransport})}
	if err := remote.Write(tag, image, options...); err != nil {
		return err
	}
	for _, part := range []v1.Layer{sbom.config, sbom.document} {
		if err := remote.WriteLayer(tag.Context(), part, options...); err != nil {
			return err
		}
	}
	return remote.Put(tag.Context().Digest(sbom.descriptor.Digest.String()), sbom, options...)
}

// encrypted refuses plain HTTP but on this machine. The library falls back to it in private networks, with the password.
type encrypted struct{ http.RoundTripper }

func (e encrypted) RoundTrip(request *http.Request) (*http.Response, error) {
	host := request.URL.Hostname()
	ip := net.ParseIP(host)
	local := host == "localhost" || strings.HasSuffix(host, ".localhost") || (ip != nil && ip.IsLoopback())
	if request.URL.Scheme != "https" && !local {
		return nil, fmt.Errorf("%s is asked over plain HTTP: only registries on this machine may be", request.URL.Host)
	}
	return e.RoundTripper.RoundTrip(request)
}
