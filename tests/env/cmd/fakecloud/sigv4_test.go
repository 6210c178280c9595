package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	vectorKey    = "AKIDEXAMPLE"
	vectorSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	vectorToken  = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)

// vectors are of AWS's Signature Version 4 test suite; list-users is the example of the documentation.
var vectors = []struct{ name, request, service, headers, signature string }{
	{
		name: "get-vanilla", request: "GET / HTTP/1.1", headers: "host;x-amz-date",
		signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
	},
	{
		name: "post-vanilla", request: "POST / HTTP/1.1", headers: "host;x-amz-date",
		signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
	},
	{
		name: "get-vanilla-query-order-key-case", request: "GET /?Param2=value2&Param1=value1 HTTP/1.1", headers: "host;x-amz-date",
		signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
	},
	{
		name: "get-header-value-order", request: "GET / HTTP/1.1\nMy-Header1: value4\nMy-Header1: value1\nMy-Header1: value3\nMy-Header1: value2",
		headers: "host;my-header1;x-amz-date", signature: "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
	},
	{
		name: "get-header-value-trim", request: "GET / HTTP/1.1\nMy-Header1:  value1\nMy-Header2:  \"a   b   c\"",
		headers: "host;my-header1;my-header2;x-amz-date", signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
	},
	{
		name: "post-x-www-form-urlencoded", request: "POST / HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 13\n\nParam1=value1",
		headers: "content-type;host;x-amz-date", signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
	},
	{
		name: "post-sts-header-before", request: "POST / HTTP/1.1\nX-Amz-Security-Token: " + vectorToken,
		headers: "host;x-amz-date;x-amz-security-token", signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
	},
	{
		name: "list-users", request: "GET /?Action=ListUsers&Version=2010-05-08 HTTP/1.1\nHost: iam.amazonaws.com\n" +
			"Content-Type: application/x-www-form-urlencoded; charset=utf-8", service: "iam",
		headers: "content-type;host;x-amz-date", signature: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
	},
}

func vectorRequest(t *testing.T, text string) (*http.Request, []byte) {
	line, rest, _ := strings.Cut(text, "\n")
	if !strings.Contains(rest, "Host:") {
		rest = "Host: example.amazonaws.com\n" + rest
	}
	if !strings.Contains(rest, "\n\n") {
		rest = strings.TrimSuffix(rest, "\n") + "\n\n"
	}
	request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(line + "\nX-Amz-Date: 20150830T123600Z\n" + rest)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		t.Fatal(err)
	}
	return request, body
}

func TestSignaturesOfTheTestSuiteAreTaken(t *testing.T) {
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for _, vector := range vectors {
		t.Run(vector.name, func(t *testing.T) {
			request, body := vectorRequest(t, vector.request)
			service := vector.service
			if service == "" {
				service = "service"
			}
			signature, err := parseSignature(fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20150830/us-east-1/%s/aws4_request, SignedHeaders=%s, Signature=%s",
				vectorKey, service, vector.headers, vector.signature))
			if err != nil {
				t.Fatal(err)
			}
			if err := signature.check(request, body, vectorSecret, "us-east-1", service, at); err != nil {
				t.Fatalf("%v\n%s", err, signature.canonical(request, body))
			}
			if err := signature.check(request, append(body, 'x'), vectorSecret, "us-east-1", service, at); err == nil {
				t.Fatal("another body was taken")
			}
			if err := signature.check(request, body, vectorSecret+"x", "us-east-1", service, at); err == nil {
				t.Fatal("another secret was taken")
			}
		})
	}
}

func TestSignatureThatDoesNotFitIsRefusedWithTheReason(t *testing.T) {
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for _, row := range []struct {
		name, region, service, headers, request, want string
		now                                           time.Time
	}{
		{name: "edge", now: at.Add(15 * time.Minute)},
		{name: "late", now: at.Add(15*time.Minute + time.Second), want: "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"},
		{name: "early", now: at.Add(-16 * time.Minute), want: "Signature not yet current: 20150830T123600Z is still later than 20150830T123500Z (20150830T122000Z + 15 min.)"},
		{name: "region", region: "eu-west-1", want: "valid region"},
		{name: "service", service: "ecr", want: "correct service: 'ecr'"},
		{name: "host not signed", headers: "x-amz-date", want: "'host' must be a 'SignedHeader'"},
		{name: "token not signed", request: "GET / HTTP/1.1\nX-Amz-Security-Token: x", want: "'x-amz-security-token' must be a 'SignedHeader'"},
	} {
		t.Run(row.name, func(t *testing.T) {
			or := func(text, otherwise string) string {
				if text == "" {
					return otherwise
				}
				return text
			}
			request, body := vectorRequest(t, or(row.request, vectors[0].request))
			s := signature{vectorKey, "20150830", "us-east-1", "service", strings.Split(or(row.headers, vectors[0].headers), ";"), vectors[0].signature}
			if row.now.IsZero() {
				row.now = at
			}
			err := s.check(request, body, vectorSecret, or(row.region, "us-east-1"), or(row.service, "service"), row.now)
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Fatal(err)
			}
		})
	}
}

func TestHeaderThatIsNoSignatureIsNotParsed(t *testing.T) {
	for _, header := range []string{
		"", "Basic dTpw", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/service/aws4_request, SignedHeaders=host",
		"AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/service, SignedHeaders=host, Signature=0",
		"AWS4-HMAC-SHA256 Credential=/20150830/us-east-1/service/aws4_request, SignedHeaders=host, Signature=0",
	} {
		if _, err := parseSignature(header); err == nil {
			t.Error(header)
		}
	}
}
