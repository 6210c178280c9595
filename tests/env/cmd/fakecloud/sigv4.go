package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signature Version 4, as docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html has it. The
// path is taken as it came, since it is / in all that is played here.
const (
	algorithm = "AWS4-HMAC-SHA256"
	awsTime   = "20060102T150405Z"
)

// signature is what an Authorization header says.
type signature struct {
	keyID, date, region, service string
	headers                      []string
	hex                          string
}

func parseSignature(header string) (signature, error) {
	var s signature
	method, rest, _ := strings.Cut(header, " ")
	fields := map[string]string{}
	for field := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		fields[name] = value
	}
	scope := strings.Split(fields["Credential"], "/")
	if method != algorithm || len(scope) != 5 || scope[0] == "" || scope[4] != "aws4_request" || fields["SignedHeaders"] == "" || fields["Signature"] == "" {
		return s, fmt.Errorf("Authorization header requires '%s', 'Credential', 'Signature' and 'SignedHeaders' parameters.", algorithm)
	}
	s.keyID, s.date, s.region, s.service = scope[0], scope[1], scope[2], scope[3]
	s.headers, s.hex = strings.Split(fields["SignedHeaders"], ";"), fields["Signature"]
	return s, nil
}

// check says why a request is not signed with a secret for this region (any, if it is empty) and service now.
func (s signature) check(r *http.Request, body []byte, secret, region, service string, now time.Time) error {
	stamp := r.Header.Get("X-Amz-Date")
	at, err := time.Parse(awsTime, stamp)
	switch {
	case err != nil:
		return fmt.Errorf("Date must be in ISO-8601 'basic format'. Got '%s'.", stamp)
	case region != "" && s.region != region:
		return fmt.Errorf("Credential should be scoped to a valid region, not '%s'. ", s.region)
	case s.service != service:
		return fmt.Errorf("Credential should be scoped to correct service: '%s'. ", service)
	case s.date != at.Format("20060102"):
		return fmt.Errorf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			s.date, at.Format("20060102"), stamp)
	}
	now = now.UTC().Truncate(time.Second)
	const most = 15 * time.Minute
	if oldest := now.Add(-most); at.Before(oldest) {
		return fmt.Errorf("Signature expired: %s is now earlier than %s (%s - 15 min.)", stamp, oldest.Format(awsTime), now.Format(awsTime))
	}
	if newest := now.Add(most); at.After(newest) {
		return fmt.Errorf("Signature not yet current: %s is still later than %s (%s + 15 min.)", stamp, newest.Format(awsTime), now.Format(awsTime))
	}
	needed := []string{"host"}
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
			needed = append(needed, name)
		}
	}
	for _, name := range needed {
		if !slices.Contains(s.headers, name) {
			return fmt.Errorf("'%s' must be a 'SignedHeader' in the AWS Authorization.", name)
		}
	}
	if !hmac.Equal([]byte(s.of(r, body, secret)), []byte(s.hex)) {
		return fmt.Errorf("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return nil
}

// of is the signature that a request should have.
func (s signature) of(r *http.Request, body []byte, secret string) string {
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request"} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, s.text(r, body)))
}

// text is what is signed.
func (s signature) text(r *http.Request, body []byte) string {
	scope := strings.Join([]string{s.date, s.region, s.service, "aws4_request"}, "/")
	return strings.Join([]string{algorithm, r.Header.Get("X-Amz-Date"), scope, hash(s.canonical(r, body))}, "\n")
}

func (s signature) canonical(r *http.Request, body []byte) string {
	lines := []string{r.Method, r.URL.EscapedPath(), canonicalQuery(r.URL.Query())}
	for _, name := range s.headers {
		var values []string
		for _, value := range header(r, name) {
			values = append(values, strings.Join(strings.Fields(value), " "))
		}
		lines = append(lines, name+":"+strings.Join(values, ","))
	}
	return strings.Join(append(lines, "", strings.Join(s.headers, ";"), hash(string(body))), "\n")
}

// header has also what Go's server keeps apart.
func header(r *http.Request, name string) []string {
	switch name {
	case "host":
		return []string{r.Host}
	case "content-length":
		return []string{strconv.FormatInt(r.ContentLength, 10)}
	}
	return r.Header.Values(name)
}

func canonicalQuery(query url.Values) string {
	var pairs []string
	for name, values := range query {
		for _, value := range values {
			pairs = append(pairs, encoded(name)+"="+encoded(value))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

func encoded(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(text))
	return h.Sum(nil)
}
