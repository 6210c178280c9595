package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var stsCodes = map[string]refusal{
	"MissingAuthenticationTokenException": {403, "MissingAuthenticationToken", ""},
	"IncompleteSignatureException":        {400, "IncompleteSignature", ""},
	"UnrecognizedClientException":         {403, "InvalidClientTokenId", ""},
	"ExpiredTokenException":               {403, "ExpiredToken", ""},
	"InvalidSignatureException":           {403, "SignatureDoesNotMatch", ""},
}

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

func (r *refusal) xml(w http.ResponseWriter) {
	type body struct {
		XMLName   xml.Name
		Namespace string `xml:"xmlns,attr"`
		Type      string `xml:"Error>Type"`
		Code      string `xml:"Error>Code"`
		Message   string `xml:"Error>Message"`
		RequestID string `xml:"RequestId"`
	}
	replyXML(w, r.status, body{xml.Name{Local: "ErrorResponse"}, stsNamespace, "Sender", r.code, r.message, random(16)})
}

func replyXML(w http.ResponseWriter, status int, body any) {
	text, err := xml.Marshal(body)
	if err != nil {
		panic(err)
	}
	reply(w, "text/xml", status, text)
}

var (
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	roleARN     = regexp.MustCompile(`^arn:aws[\w-]*:iam::[0-9]{12}:role/.+$`)
)

func (c *cloud) sts(w http.ResponseWriter, one *call) {
	action, role := one.PostForm.Get("Action"), one.PostForm.Get("RoleArn")
	g := &grant{identity: role}
	seconds, err := strconv.Atoi(one.PostForm.Get("DurationSeconds"))
	if one.PostForm.Get("DurationSeconds") == "" {
		seconds, err = 3600, nil
	}
	var refused *refusal
	switch {
	case one.PostForm.Get("Version") != "2011-06-15" || action != "AssumeRole" && action != "AssumeRoleWithWebIdentity":
		refused = &refusal{400, "InvalidAction", "Could not find operation " + action + " for version " + one.PostForm.Get("Version")}
	case !roleARN.MatchString(role):
		refused = &refusal{400, "ValidationError", role + " is invalid"}
	case !sessionName.MatchString(one.PostForm.Get("RoleSessionName")):
		refused = &refusal{400, "ValidationError", "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint"}
	case err != nil || seconds < 900 || seconds > 43200:
		refused = &refusal{400, "ValidationError", "1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint"}
	default:
		if g.policy, err = parsePolicy(one.PostForm.Get("Policy")); err != nil {
			refused = &refusal{400, "MalformedPolicyDocument", err.Error()}
		} else if action == "AssumeRole" {
			refused = c.assume(one, g)
		} else {
			refused = c.federate(one, g)
		}
	}
	if refused != nil {
		refused.xml(w)
		return
	}
	g.key = awsKey{ARN: role, AccessKeyID: "ASIA" + strings.ToUpper(hash(random(16))[:16]), SecretAccessKey: random(30), SessionToken: random(300)}
	lifetime := c.lifetime("sts", time.Duration(seconds)*time.Second)
	c.issue(one, g, lifetime, map[string]string{
		"accessKeyId": g.key.AccessKeyID, "secretAccessKey": g.key.SecretAccessKey, "sessionToken": g.key.SessionToken,
	})
	type credentials struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string }
	type user struct{ Arn, AssumedRoleId string }
	type result struct {
		XMLName         xml.Name
		Credentials     credentials
		AssumedRoleUser user
	}
	type body struct {
		XMLName   xml.Name
		Namespace string `xml:"xmlns,attr"`
		Result    result
		RequestID string `xml:"ResponseMetadata>RequestId"`
	}
	session := one.PostForm.Get("RoleSessionName")
	assumed := user{"arn:aws:sts::" + account(role) + ":assumed-role/" + path.Base(role) + "/" + session, "AROA" + g.key.AccessKeyID[4:] + ":" + session}
	expires := one.now.Add(lifetime).UTC().Format(time.RFC3339)
	replyXML(w, http.StatusOK, body{xml.Name{Local: action + "Response"}, stsNamespace, result{
		xml.Name{Local: action + "Result"}, credentials{g.key.AccessKeyID, g.key.SecretAccessKey, g.key.SessionToken, expires}, assumed,
	}, random(16)})
}

// federate lets a ServiceAccount token into a role.
func (c *cloud) federate(one *call, g *grant) *refusal {
	claims, err := c.keys.verify(one.PostForm.Get("WebIdentityToken"), one.now)
	switch {
	case errors.Is(err, errMalformed):
		return &refusal{400, "InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"}
	case errors.Is(err, errNoKeys):
		return &refusal{400, "IDPCommunicationError", "Failed to call the identity provider: its keys could not be read"}
	case errors.Is(err, errSignature):
		return &refusal{400, "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements"}
	case err != nil:
		return &refusal{400, "ExpiredTokenException", fmt.Sprintf(
			"Token expired: current date/time %d must be before the expiration date/time %d", one.now.Unix(), unix(claims.Expiry))}
	}
	g.subject = claims.Subject
	table := c.trusted().AWS
	switch _, what := mismatch(table, claims); what {
	case "issuer":
		return &refusal{400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + claims.Issuer}
	case "audience":
		return &refusal{400, "InvalidIdentityToken", "Incorrect token audience"}
	}
	var own []awsRole
	for _, entry := range table {
		if entry.RoleARN == g.identity {
			own = append(own, entry)
		}
	}
	if _, what := mismatch(own, claims); what != "" {
		return &refusal{403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"}
	}
	return nil
}

// assume lets a user, or another role, into a role.
func (c *cloud) assume(one *call, g *grant) *refusal {
	key, session, _, refused := c.authenticate(one, "sts")
	if refused != nil {
		named := stsCodes[refused.code]
		return &refusal{named.status, named.code, refused.message}
	}
	if session != nil {
		g.subject = session.subject
	}
	for _, allowed := range c.trusted().Assume {
		if allowed == (awsAssume{key.ARN, g.identity, one.PostForm.Get("ExternalId")}) {
			return nil
		}
	}
	return &refusal{403, "AccessDenied", "User: " + key.ARN + " is not authorized to perform: sts:AssumeRole on resource: " + g.identity}
}

// policy is the part of a session policy that matters here; none allows all that the role may do.
type policy struct {
	Statement []struct {
		Effect string
		Action any
	}
}

func parsePolicy(text string) (*policy, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > 2048 {
		return nil, errors.New("The policy is longer than 2048 characters.")
	}
	var parsed policy
	if err := json.Unmarshal([]byte(text), &parsed); err != nil || len(parsed.Statement) == 0 {
		return nil, errors.New("This policy contains invalid Json")
	}
	return &parsed, nil
}

func (p *policy) allows(action string) bool {
	if p == nil {
		return true
	}
	for _, statement := range p.Statement {
		patterns, several := statement.Action.([]any)
		if !several {
			patterns = []any{statement.Action}
		}
		for _, pattern := range patterns {
			text, _ := pattern.(string)
			if matches, _ := path.Match(text, action); matches && statement.Effect == "Allow" {
				return true
			}
		}
	}
	return false
}
