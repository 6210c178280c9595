package main

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	role     = "arn:aws:iam::123456789012:role/pull"
	user     = "arn:aws:iam::123456789012:user/minter"
	stsHost  = "sts.eu-west-1.amazonaws.com"
	ecrHost  = "api.ecr.eu-west-1.amazonaws.com"
	registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
	ecrTrust = `{"aws": [{"roleArn": "` + role + `", "issuer": "` + issuer + `", "subject": "` + subject + `", "audience": "sts.amazonaws.com"}],
		"awsKeys": [{"arn": "` + user + `", "accessKeyId": "AKIAUSER", "secretAccessKey": "secret of the user"}],
		"assume": [{"arn": "` + user + `", "roleArn": "` + role + `", "externalId": "team"}]`
)

type stsAnswer struct {
	XMLName     xml.Name
	Credentials struct {
		AccessKeyId, SecretAccessKey, SessionToken string
		Expiration                                 time.Time
	} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
}

func (f *fixture) webIdentity(changed map[string]string) answered {
	f.Helper()
	fields := map[string]string{
		"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": role, "RoleSessionName": "dps", "DurationSeconds": "900",
	}
	if _, given := changed["WebIdentityToken"]; !given {
		fields["WebIdentityToken"] = f.token("sts.amazonaws.com", nil)
	}
	maps.Copy(fields, changed)
	return f.form("/", stsHost, fields)
}

func (f *fixture) session(changed map[string]string) awsKey {
	f.Helper()
	var parsed stsAnswer
	f.must(xml.Unmarshal([]byte(f.webIdentity(changed).is(200, "").body), &parsed))
	return awsKey{role, parsed.Credentials.AccessKeyId, parsed.Credentials.SecretAccessKey, parsed.Credentials.SessionToken}
}

// signedRequest is a request with a signature of now, or of another time.
type signedRequest struct {
	host, region, service, target, body, contentType string
	key                                              awsKey
	shift                                            time.Duration
}

func (f *fixture) send(s signedRequest) answered {
	f.Helper()
	now := time.Now().Add(s.shift).UTC()
	header := http.Header{"Content-Type": {s.contentType}, "X-Amz-Date": {now.Format(awsTime)}}
	signature := signature{keyID: s.key.AccessKeyID, date: now.Format("20060102"), region: s.region, service: s.service, headers: []string{"content-type", "host", "x-amz-date"}}
	if s.key.SessionToken != "" {
		header.Set("X-Amz-Security-Token", s.key.SessionToken)
		signature.headers = append(signature.headers, "x-amz-security-token")
	}
	if s.target != "" {
		header.Set("X-Amz-Target", s.target)
		signature.headers = append(signature.headers, "x-amz-target")
	}
	request := &http.Request{Method: http.MethodPost, Host: s.host, URL: &url.URL{Path: "/"}, Header: header}
	scope := strings.Join([]string{s.key.AccessKeyID, signature.date, s.region, s.service, "aws4_request"}, "/")
	header.Set("Authorization", fmt.Sprintf("%s Credential=%s, SignedHeaders=%s, Signature=%s",
		algorithm, scope, strings.Join(signature.headers, ";"), signature.of(request, []byte(s.body), s.key.SecretAccessKey)))
	return f.do(http.MethodPost, f.url+"/", s.host, s.body, header)
}

func ecrRequest(key awsKey) signedRequest {
	return signedRequest{
		host: ecrHost, region: "eu-west-1", service: "ecr", target: "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
		body: "{}", contentType: "application/x-amz-json-1.1", key: key,
	}
}

func publicRequest(key awsKey) signedRequest {
	request := ecrRequest(key)
	request.host, request.region, request.service = "api.ecr-public.us-east-1.amazonaws.com", "us-east-1", "ecr-public"
	request.target = "SpencerFrontendService.GetAuthorizationToken"
	return request
}

// password is what an answer of ECR has.
func password(a answered) string {
	a.Helper()
	data, _ := a.value("authorizationData").(map[string]any)
	if list, is := a.value("authorizationData").([]any); is {
		data = list[0].(map[string]any)
	}
	text, err := base64.StdEncoding.DecodeString(data["authorizationToken"].(string))
	a.must(err)
	username, password, _ := strings.Cut(string(text), ":")
	if username != "AWS" {
		a.Fatalf("%s", text)
	}
	return password
}

func TestWebIdentityMintsPasswordThatPulls(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", ecrTrust+"}")
	minted := f.send(ecrRequest(f.session(nil))).is(200, `{"authorizationData":[{`)
	if kind := minted.header.Get("Content-Type"); kind != "application/x-amz-json-1.1" {
		t.Error(kind)
	}
	data := minted.value("authorizationData").([]any)[0].(map[string]any)
	if data["proxyEndpoint"] != "https://"+registry {
		t.Error(data["proxyEndpoint"])
	}
	if lives := data["expiresAt"].(float64) - float64(time.Now().Unix()); math.Abs(lives-43200) > 60 {
		t.Error(lives)
	}
	f.get("/v2/team/app/manifests/1", registry, "AWS", password(minted)).is(200, "pulled /v2/team/app/manifests/1")
	if got := f.registry.Get("Authorization"); got != "Basic cm9ib3Q6c2VjcmV0" {
		t.Error(got)
	}
	f.get("/v2/", registry, "", "").is(401, "UNAUTHORIZED")
	f.get("/v2/", registry, "AWS", "wrong").is(401, "UNAUTHORIZED")
	f.get("/v2/", registry, "aws", password(minted)).is(401, "UNAUTHORIZED")
	f.get("/v2/", strings.Replace(registry, "west", "north", 1), "AWS", password(minted)).is(401, "UNAUTHORIZED")
	f.put("/lifetimes", `{"ecr": -1}`)
	late := password(f.send(ecrRequest(f.session(nil))))
	f.get("/v2/", registry, "AWS", late).is(403, "authorization token has expired")
}

func TestPublicRegistryOfAWSAnswersAnObjectInUSEast1(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", ecrTrust+"}")
	request := publicRequest(f.session(nil))
	minted := f.send(request).is(200, `{"authorizationData":{"authorizationToken"`)
	f.get("/v2/", "public.ecr.aws", "AWS", password(minted)).is(200, "")
	f.get("/v2/", registry, "AWS", password(minted)).is(401, "")
	request.region, request.host = "eu-west-1", "127.0.0.1"
	f.send(request).is(400, "UnsupportedCommandException")
}

func TestSTSRefusesWithItsCodes(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", ecrTrust+"}")
	sts := func(changed claims) map[string]string {
		return map[string]string{"WebIdentityToken": f.token("sts.amazonaws.com", changed)}
	}
	for _, row := range []struct {
		name    string
		changed map[string]string
		status  int
		code    string
		message string
	}{
		{"unknown role", map[string]string{"RoleArn": role + "x"}, 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		{"subject", sts(claims{"sub": subject + "x"}), 403, "AccessDenied", "Not authorized"},
		{"issuer", sts(claims{"iss": "https://other.test"}), 400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://other.test"},
		{"audience", sts(claims{"aud": []string{"other"}}), 400, "InvalidIdentityToken", "Incorrect token audience"},
		{"no audience", sts(claims{"aud": []string{}}), 400, "InvalidIdentityToken", "Incorrect token audience"},
		{"two audiences", sts(claims{"aud": []string{"sts.amazonaws.com", "other"}}), 400, "InvalidIdentityToken", "Incorrect token audience"},
		{"expired", sts(claims{"exp": time.Now().Unix() - 1}), 400, "ExpiredTokenException", "Token expired"},
		{"no end", sts(claims{"exp": nil}), 400, "ExpiredTokenException", "Token expired"},
		{"not yet", sts(claims{"nbf": time.Now().Unix() + 300}), 400, "ExpiredTokenException", ""},
		{"key", map[string]string{"WebIdentityToken": f.tokenBy(rsaKeys()[1], "first", "sts.amazonaws.com", nil)}, 400, "InvalidIdentityToken", "verification key"},
		{"key unknown", map[string]string{"WebIdentityToken": f.tokenBy(rsaKeys()[1], "second", "sts.amazonaws.com", nil)}, 400, "InvalidIdentityToken", "verification key"},
		{"no JWT", map[string]string{"WebIdentityToken": "x"}, 400, "InvalidIdentityToken", "not a valid JWT"},
		{"name", map[string]string{"RoleSessionName": strings.Repeat("x", 65)}, 400, "ValidationError", "roleSessionName"},
		{"duration", map[string]string{"DurationSeconds": "899"}, 400, "ValidationError", "durationSeconds"},
		{"ARN", map[string]string{"RoleArn": user}, 400, "ValidationError", ""},
		{"version", map[string]string{"Version": ""}, 400, "InvalidAction", ""},
		{"policy", map[string]string{"Policy": "{"}, 400, "MalformedPolicyDocument", ""},
		{"long policy", map[string]string{"Policy": strings.Repeat(" ", 2049)}, 400, "MalformedPolicyDocument", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := f.webIdentity(row.changed).is(row.status, "<Type>Sender</Type><Code>"+row.code+"</Code>").is(row.status, row.message)
			if !strings.HasPrefix(got.body, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`) || got.header.Get("Content-Type") != "text/xml" {
				t.Error(got.body)
			}
		})
	}
	f.cloud.keys.file, f.cloud.keys.known.Keys = "absent", nil
	f.webIdentity(nil).is(400, "IDPCommunicationError")
}

func TestECRRefusesWithItsCodes(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", ecrTrust+"}")
	key := f.session(nil)
	f.put("/lifetimes", `{"sts": -1}`)
	old := f.session(nil)
	f.put("/lifetimes", `{}`)
	noECR := f.session(map[string]string{"Policy": `{"Statement": [{"Effect": "Allow", "Action": ["ecr:BatchGetImage"], "Resource": "*"}]}`})
	all := f.session(map[string]string{"Policy": `{"Statement": [{"Effect": "Allow", "Action": "ecr:*", "Resource": "*"}]}`})
	for _, row := range []struct {
		name   string
		change func(*signedRequest)
		status int
		code   string
	}{
		{"right", func(*signedRequest) {}, 200, ""},
		{"policy with a star", func(r *signedRequest) { r.key = all }, 200, ""},
		{"policy", func(r *signedRequest) { r.key = noECR }, 403, "AccessDeniedException"},
		{"old session", func(r *signedRequest) { r.key = old }, 400, "ExpiredTokenException"},
		{"secret", func(r *signedRequest) { r.key.SecretAccessKey += "x" }, 400, "InvalidSignatureException"},
		{"key", func(r *signedRequest) { r.key.AccessKeyID += "x" }, 400, "UnrecognizedClientException"},
		{"token", func(r *signedRequest) { r.key.SessionToken += "x" }, 400, "UnrecognizedClientException"},
		{"no token", func(r *signedRequest) { r.key.SessionToken = "" }, 400, "UnrecognizedClientException"},
		{"old", func(r *signedRequest) { r.shift = -20 * time.Minute }, 400, "InvalidSignatureException"},
		{"new", func(r *signedRequest) { r.shift = 20 * time.Minute }, 400, "InvalidSignatureException"},
		{"region", func(r *signedRequest) { r.region = "eu-north-1" }, 400, "InvalidSignatureException"},
		{"dual-stack", func(r *signedRequest) { r.host, r.region = "ecr.eu-north-1.api.aws", "eu-north-1" }, 200, ""},
		{"any region behind an address", func(r *signedRequest) { r.host, r.region = "127.0.0.1:1", "eu-north-1" }, 200, ""},
		{"service", func(r *signedRequest) { r.service = "sts" }, 400, "InvalidSignatureException"},
		{"operation", func(r *signedRequest) { r.target = "AmazonEC2ContainerRegistry_V20150921.Other" }, 400, "UnknownOperationException"},
		{"type", func(r *signedRequest) { r.contentType = "application/json" }, 400, "UnknownOperationException"},
		{"body", func(r *signedRequest) { r.body = "" }, 400, "SerializationException"},
	} {
		t.Run(row.name, func(t *testing.T) {
			request := ecrRequest(key)
			row.change(&request)
			got := f.send(request).is(row.status, row.code)
			if row.code != "" && got.text("__type") != row.code {
				t.Error(got.body)
			}
		})
	}
	unsigned := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"}}
	f.do("POST", f.url+"/", ecrHost, "{}", unsigned).is(400, "MissingAuthenticationTokenException")
	unsigned.Set("Authorization", algorithm)
	f.do("POST", f.url+"/", ecrHost, "{}", unsigned).is(400, "IncompleteSignatureException")
	f.put("/trust", ecrTrust+`, "deny": [{"identity": "`+role+`", "action": "ecr:GetAuthorizationToken"}, {"identity": "`+role+`", "action": "sts:GetServiceBearerToken"}]}`)
	f.send(ecrRequest(key)).is(403, "User: "+role+" is not authorized to perform: ecr:GetAuthorizationToken on resource: *")
	f.send(publicRequest(key)).is(403, "sts:GetServiceBearerToken")
}

func TestStaticKeyMintsAndAssumesRole(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", ecrTrust+"}")
	key := awsKey{user, "AKIAUSER", "secret of the user", ""}
	f.send(ecrRequest(key)).is(200, "")
	form := url.Values{"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {role}, "RoleSessionName": {"dps"}, "ExternalId": {"team"}}
	request := signedRequest{host: stsHost, region: "eu-west-1", service: "sts", body: form.Encode(), contentType: "application/x-www-form-urlencoded", key: key}
	got := f.send(request).is(200, "<AssumeRoleResult>")
	var parsed struct {
		ID     string `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
		Secret string `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
		Token  string `xml:"AssumeRoleResult>Credentials>SessionToken"`
	}
	f.must(xml.Unmarshal([]byte(got.body), &parsed))
	f.send(ecrRequest(awsKey{role, parsed.ID, parsed.Secret, parsed.Token})).is(200, "")
	form.Set("ExternalId", "other")
	request.body = form.Encode()
	f.send(request).is(403, "<Code>AccessDenied</Code>")
	request.key.SecretAccessKey = "x"
	f.send(request).is(403, "<Code>SignatureDoesNotMatch</Code>")
	request.key.AccessKeyID = "x"
	f.send(request).is(403, "<Code>InvalidClientTokenId</Code>")
	f.form("/", stsHost, map[string]string{"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": role, "RoleSessionName": "dps"}).is(403, "<Code>MissingAuthenticationToken</Code>")
}

func TestSTSAnswersItsBytes(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", ecrTrust+"}")
	got := f.webIdentity(nil)
	if !strings.HasPrefix(got.body, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA`) {
		t.Error(got.body)
	}
	var parsed stsAnswer
	f.must(xml.Unmarshal([]byte(got.body), &parsed))
	if lives := time.Until(parsed.Credentials.Expiration); (lives - 15*time.Minute).Abs() > time.Minute {
		t.Error(lives)
	}
}
