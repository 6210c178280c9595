package main

import (
	"cmp"
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
// request with the status NNN, below /v2/silent/ it answers none. It takes every login.
func (w *world) serveFailures() (string, error) {
	pair, err := tls.LoadX509KeyPair(w.pem("registry.crt"), w.pem("registry.key"))
	if err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: http.HandlerFunc(fail), TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	return w.address("failing", listener.Addr().(*net.TCPAddr).Port), nil
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
