package main

import (
	"bytes"
	"cmp"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"
)

// fault is what goes wrong at a route. The comment of the package says what the fields mean.
type fault struct {
	Route       string `json:"route"`
	Times       int    `json:"times"`
	DelayMS     int    `json:"delayMs"`
	DateOffset  int    `json:"dateOffset"`
	RetryAfter  string `json:"retryAfter"`
	Status      int    `json:"status"`
	Body        string `json:"body"`
	ContentType string `json:"contentType"`
	Redirect    string `json:"redirect"`
	Huge        int    `json:"huge"`
	Truncate    bool   `json:"truncate"`

	used int
}

// fault takes the one that is next for a request.
func (c *cloud) fault(one *call) *fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.faults {
		if (f.Route == "*" || f.Route == one.route.name) && (f.Times == 0 || f.used < f.Times) {
			f.used++
			one.record.Fault = true
			return f
		}
	}
	return nil
}

func (f *fault) apply(w http.ResponseWriter, one *call, serve func(http.ResponseWriter)) {
	select {
	case <-time.After(time.Duration(f.DelayMS) * time.Millisecond):
	case <-one.Context().Done():
		return
	}
	one.now = time.Now().Add(time.Duration(f.DateOffset) * time.Second)
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	made := f.Status != 0 || f.Body != "" || f.Redirect != ""
	if !made && f.Huge == 0 && !f.Truncate {
		serve(w)
		return
	}
	kept := httptest.NewRecorder()
	if made {
		f.make(kept, one)
	} else {
		serve(kept)
	}
	body := append(bytes.Repeat([]byte(" "), f.Huge), kept.Body.Bytes()...)
	maps.Copy(w.Header(), kept.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(kept.Code)
	if !f.Truncate {
		_, _ = w.Write(body)
		return
	}
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func (f *fault) make(w http.ResponseWriter, one *call) {
	status := http.StatusOK
	if f.Redirect != "" {
		w.Header().Set("Location", f.Redirect)
		status = http.StatusTemporaryRedirect
	}
	w.Header().Set("Date", one.now.UTC().Format(http.TimeFormat))
	reply(w, cmp.Or(f.ContentType, "application/json"), cmp.Or(f.Status, status), []byte(f.Body))
}
