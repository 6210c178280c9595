package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
)

// descriptor is how OCI names content.
type descriptor struct {
	MediaType string            `json:"mediaType"`
	Digest    string            `json:"digest"`
	Size      int               `json:"size"`
	Platform  map[string]string `json:"platform,omitempty"`
}

func describe(mediaType string, content []byte) descriptor {
	return descriptor{MediaType: mediaType, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(content)), Size: len(content)}
}

// pause is what the images run: it sleeps until it is told to end.
func pause() error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	<-signals
	return nil
}

// pushImages fills a registry that takes pushes without a login.
func pushImages(client *http.Client, registry string) error {
	layer, err := layer()
	if err != nil {
		return err
	}
	foreign := "arm64"
	if runtime.GOARCH == foreign {
		foreign = "amd64"
	}
	for _, image := range []struct{ repository, architecture, title string }{
		// The node's own image gets an own digest, since the runtime and the kubelet keep what they know by digest.
		{sandboxRepository, runtime.GOARCH, "sandbox"},
		{"team/app", runtime.GOARCH, "app"}, {"other/app", runtime.GOARCH, "app"}, {"team/arm", foreign, "app"},
	} {
		if err := pushImage(client, registry+"/v2/"+image.repository, layer, image.architecture, image.title); err != nil {
			return err
		}
	}
	return nil
}

// layer is a tar with this program in it, which is static: so nothing else has to be built for an image that runs.
func layer() ([]byte, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(executable)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	if err := writer.WriteHeader(&tar.Header{Name: "world", Mode: 0o755, Size: int64(len(program))}); err != nil {
		return nil, err
	}
	if _, err := writer.Write(program); err != nil {
		return nil, err
	}
	return out.Bytes(), writer.Close()
}

// pushImage gives an image the tag 1.0. An image for another machine gets an index, since a kubelet runs a lone manifest
// whatever it was built for.
func pushImage(client *http.Client, repository string, layer []byte, architecture, title string) error {
	config, err := json.Marshal(map[string]any{
		"architecture": architecture, "os": "linux",
		"config": map[string]any{"Entrypoint": []string{"/world", "pause"}, "Labels": map[string]string{"org.opencontainers.image.title": title}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{describe("", layer).Digest}},
	})
	if err != nil {
		return err
	}
	for _, blob := range [][]byte{config, layer} {
		if err := pushBlob(client, repository, blob); err != nil {
			return err
		}
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": describe(configType, config), "layers": []descriptor{describe(layerType, layer)},
	})
	if err != nil {
		return err
	}
	if architecture == runtime.GOARCH {
		return put(client, repository+"/manifests/1.0", manifestType, manifest)
	}
	entry := describe(manifestType, manifest)
	entry.Platform = map[string]string{"architecture": architecture, "os": "linux"}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": []descriptor{entry}})
	if err != nil {
		return err
	}
	if err := put(client, repository+"/manifests/"+entry.Digest, manifestType, manifest); err != nil {
		return err
	}
	return put(client, repository+"/manifests/1.0", indexType, index)
}

func pushBlob(client *http.Client, repository string, content []byte) error {
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
	query.Set("digest", describe("", content).Digest)
	place.RawQuery = query.Encode()
	return put(client, place.String(), "application/octet-stream", content)
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
