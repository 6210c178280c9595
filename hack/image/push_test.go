package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

type fake struct{}

func (fake) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK}, nil
}

func TestPlainHTTPIsForThisMachineOnly(t *testing.T) {
	for url, allowed := range map[string]bool{
		"https://registry.example.com/v2/": true,
		"http://localhost:5000/v2/":        true,
		"http://127.0.0.1:5000/v2/":        true,
		"http://[::1]:5000/v2/":            true,
		"http://registry.example.com/v2/":  false,
		"http://10.0.0.1:5000/v2/":         false,
		"http://localhost.example.com/v2/": false,
	} {
		response, err := encrypted{fake{}}.RoundTrip(httptest.NewRequest(http.MethodGet, url, nil))
		if (err == nil) != allowed {
			t.Errorf("%s: %v, %v", url, response, err)
		}
		if err != nil && !strings.Contains(err.Error(), "plain HTTP") {
			t.Error(err)
		}
	}
}
