package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"
)

type awsRole struct {
	RoleARN string `json:"roleArn"`
	federation
}

type awsKey struct {
	ARN             string `json:"arn"`
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	SessionToken    string `json:"sessionToken"`
}

type awsAssume struct {
	ARN        string `json:"arn"`
	RoleARN    string `json:"roleArn"`
	ExternalID string `json:"externalId"`
}

// refusal is an error of AWS. The JSON services and STS have different names and codes for the same.
type refusal struct {
	status        int
	code, message string
}

// regional are the hosts of the APIs that have a region; the partition is not looked at.
var regional = regexp.MustCompile(`^(?:api\.ecr|api\.ecr-fips|ecr|ecr-fips|api\.ecr-public|ecr-public|sts|sts-fips)\.([a-z0-9-]+)\.(?:amazonaws|api)\.`)

func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(host)
}

// authenticate finds out who signed a request, with the session if that is one, and for which region.
func (c *cloud) authenticate(one *call, service string) (awsKey, *grant, string, *refusal) {
	refuse := func(code, message string) (awsKey, *grant, string, *refusal) {
		return awsKey{}, nil, "", &refusal{400, code, message}
	}
	var region string
	if found := regional.FindStringSubmatch(hostname(one.Host)); found != nil {
		region = found[1]
	}
	header := one.Header.Get("Authorization")
	if header == "" {
		return refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	signature, err := parseSignature(header)
	if err != nil {
		return refuse("IncompleteSignatureException", err.Error())
	}
	session := c.granted(signature.keyID, "sts")
	var key awsKey
	if session != nil {
		key = session.key
	}
	for _, known := range c.trusted().AWSKeys {
		if known.AccessKeyID == signature.keyID {
			key = known
		}
	}
	if key.AccessKeyID != signature.keyID || key.SessionToken != one.Header.Get("X-Amz-Security-Token") {
		return refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	if err := signature.check(one.Request, one.body, key.SecretAccessKey, region, service, one.now); err != nil {
		return refuse("InvalidSignatureException", err.Error())
	}
	if session != nil && session.expired() {
		return refuse("ExpiredTokenException", "The security token included in the request is expired")
	}
	return key, session, signature.region, nil
}

func (c *cloud) ecr(w http.ResponseWriter, one *call) {
	g, refused := c.mayAuthorize(one)
	if refused != nil {
		text, _ := json.Marshal(map[string]string{"__type": refused.code, "message": refused.message})
		reply(w, "application/x-amz-json-1.1", refused.status, text)
		return
	}
	lifetime := c.lifetime(one.route.name, 12*time.Hour)
	password := random(900)
	c.issue(one, g, lifetime, map[string]string{"password": password})
	data := map[string]any{
		"authorizationToken": base64.StdEncoding.EncodeToString([]byte("AWS:" + password)),
		"expiresAt":          json.Number(fmt.Sprintf("%.3f", float64(one.now.Add(lifetime).UnixMilli())/1000)),
	}
	body := map[string]any{"authorizationData": data}
	if one.route.name == "ecr" {
		data["proxyEndpoint"] = "https://" + account(g.identity) + ".dkr.ecr." + g.place + ".amazonaws.com"
		body["authorizationData"] = []any{data}
	}
	text, _ := json.Marshal(body)
	reply(w, "application/x-amz-json-1.1", http.StatusOK, text)
}

func (c *cloud) mayAuthorize(one *call) (*grant, *refusal) {
	target, actions := "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken", []string{"ecr:GetAuthorizationToken"}
	if one.route.name == "ecr-public" {
		target, actions = "SpencerFrontendService.GetAuthorizationToken", []string{"ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"}
	}
	if one.Header.Get("X-Amz-Target") != target || one.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		return nil, &refusal{400, "UnknownOperationException", ""}
	}
	key, session, region, refused := c.authenticate(one, one.route.name)
	switch {
	case refused != nil:
		return nil, refused
	case !json.Valid(one.body):
		return nil, &refusal{400, "SerializationException", ""}
	case one.route.name == "ecr-public" && region != "us-east-1":
		return nil, &refusal{400, "UnsupportedCommandException", "GetAuthorizationToken command is only supported in us-east-1."}
	}
	g := &grant{identity: key.ARN, place: region}
	if session != nil {
		g.subject, g.policy = session.subject, session.policy
	}
	for _, action := range actions {
		if c.denies(key.ARN, action) || !g.policy.allows(action) {
			return nil, &refusal{403, "AccessDeniedException", fmt.Sprintf(
				"User: %s is not authorized to perform: %s on resource: * because no identity-based policy allows the %[2]s action", key.ARN, action)}
		}
	}
	return g, nil
}

// account is the fifth part of an ARN.
func account(arn string) string { return append(strings.Split(arn, ":"), "", "", "", "", "")[4] }
