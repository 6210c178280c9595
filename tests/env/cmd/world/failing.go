package main

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// codes are those of the distribution specification: containerd shows their names.
var codes = map[int]string{
	http.StatusUnauthorized: "UNAUTHORIZED", http.StatusForbidden: "DENIED", http.StatusNotFound: "MANIFEST_UNKNOWN",
	http.StatusTooManyRequests: "TOOMANYREQUESTS", http.StatusServiceUnavailable: "UNAVAILABLE",
}

// serveFailures is a registry that does on demand what real ones do rarely, over TLS: below /v2/NNN/ it answers every
// request with the status NNN, below /v2/silent/ it answers none. Below /v2/moved/ it has a manifest, and
// keeps the rest of the image at storage.world.test, which refuses everybody as S3 does. It takes every login.
func (w *world) serveFailures() (string, error) {
	pair, err := tls.LoadX509KeyPair(w.pem("registry.crt"), w.pem("registry.key"))
	if err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	handler := func(out http.ResponseWriter, in *http.Request) {
		switch {
		case strings.HasPrefix(in.Host, "storage"+domain):
			refuse(out)
		case strings.HasPrefix(in.URL.Path, "/v2/moved/"):
			move(out, in)
		default:
			fail(out, in)
		}
	}
	server := &http.Server{Handler: http.HandlerFunc(handler), TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	return w.address("failing", listener.Addr().(*net.TCPAddr).Port), nil
}

// move has one manifest, of an image that the node can have from nowhere else, and sends requests for its parts to the
// storage.
func move(out http.ResponseWriter, in *http.Request) {
	if strings.Contains(in.URL.Path, "/blobs/") {
		_, own, _ := net.SplitHostPort(in.Host)
		http.Redirect(out, in, "https://storage"+domain+":"+own+"/bucket/layer?X-Amz-Signature=00", http.StatusTemporaryRedirect)
		return
	}
	const kind = "application/vnd.oci.image.manifest.v1+json"
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%064d","size":2},"layers":[]}`, kind, 1)
	out.Header().Set("Content-Type", kind)
	out.Header().Set("Docker-Content-Digest", fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(manifest))))
	out.Header().Set("Content-Length", strconv.Itoa(len(manifest)))
	if in.Method != http.MethodHead {
		fmt.Fprint(out, manifest)
	}
}

// refuse answers as S3 answers to whom it does not let in.
func refuse(out http.ResponseWriter) {
	out.Header().Set("Content-Type", "application/xml")
	out.WriteHeader(http.StatusForbidden)
	fmt.Fprint(out, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
}

// serveProxy is an HTTP proxy that wants a login which nobody has.
func serveProxy() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Proxy-Authenticate", `Basic realm="world"`)
		out.WriteHeader(http.StatusProxyAuthRequired)
	})}
	go func() { _ = server.Serve(listener) }()
	return "http://" + listener.Addr().String(), nil
}

func fail(out http.ResponseWriter, in *http.Request) {
	path, isAPI := strings.CutPrefix(in.URL.Path, "/v2/")
	first, _, _ := strings.Cut(path, "/")
	status, err := strconv.Atoi(first)
	switch {
	case isAPI && first == "silent":
		<-in.Context().Done()
		return
	case isAPI && first == "":
		status = http.StatusOK
		if _, _, login := in.BasicAuth(); !login {
			status = http.StatusUnauthorized
		}
	case !isAPI || err != nil || status < 200 || status > 599:
		status = http.StatusNotFound
	}
	switch status {
	case http.StatusUnauthorized:
		out.Header().Set("WWW-Authenticate", `Basic realm="world"`)
	case http.StatusTooManyRequests:
		out.Header().Set("Retry-After", "30")
	}
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(status)
	if status >= http.StatusBadRequest {
		fmt.Fprintf(out, `{"errors":[{"code":%q,"message":%q}]}`+"\n", cmp.Or(codes[status], "UNKNOWN"), http.StatusText(status))
	}
}
