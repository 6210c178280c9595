package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

type googlePool struct {
	Provider        string   `json:"provider"`
	ServiceAccounts []string `json:"serviceAccounts"`
	federation
}

// principal is who a token of the pool is; Google writes it so in the policies of repositories.
func (p googlePool) principal() string {
	pool, _, _ := strings.Cut(p.Provider, "/providers/")
	if gke, is := strings.CutPrefix(p.Provider, "identitynamespace:"); is {
		pool, _, _ = strings.Cut(gke, ":")
	}
	return "principal:" + pool + "/subject/" + p.Subject
}

type googleKey struct {
	ClientEmail string `json:"clientEmail"`
	Key         string `json:"key"`
}

const (
	serviceAccounts = "/v1/projects/-/serviceAccounts/"
	cloudPlatform   = "https://www.googleapis.com/auth/cloud-platform"
	tokenType       = "urn:ietf:params:oauth:token-type:"
	grantType       = "urn:ietf:params:oauth:grant-type:"
)

var poolProvider = regexp.MustCompile(`^(?://iam\.googleapis\.com/projects/[0-9]+/locations/global/workloadIdentityPools/[^/]+/providers/[^/]+|identitynamespace:[^:]+\.svc\.id\.goog:https://.+)$`)

func oauthRefuses(w http.ResponseWriter, code, format string, values ...any) {
	replyJSON(w, http.StatusBadRequest, map[string]string{"error": code, "error_description": fmt.Sprintf(format, values...)})
}

func (c *cloud) googleSTS(w http.ResponseWriter, one *call) {
	form, audience := one.PostForm, one.PostForm.Get("audience")
	switch {
	case one.Header.Get("Authorization") != "":
		oauthRefuses(w, "invalid_request", "Request must not have an Authorization header")
		return
	case form.Get("grant_type") != grantType+"token-exchange":
		oauthRefuses(w, "unsupported_grant_type", "Invalid grant_type: %s", form.Get("grant_type"))
		return
	case form.Get("requested_token_type") != tokenType+"access_token" || form.Get("subject_token_type") != tokenType+"jwt" || form.Get("scope") == "":
		oauthRefuses(w, "invalid_request", "Invalid requested_token_type, subject_token_type or scope")
		return
	case !poolProvider.MatchString(audience):
		oauthRefuses(w, "invalid_request", `Invalid value for "audience". This value should be the full resource name of the Identity Provider.`)
		return
	}
	var pool []googlePool
	for _, entry := range c.trusted().Google {
		if entry.Provider == audience {
			pool = append(pool, entry)
		}
	}
	if pool == nil {
		oauthRefuses(w, "invalid_target", `The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist.`)
		return
	}
	claims, err := c.keys.verify(form.Get("subject_token"), one.now)
	entry, what := mismatch(pool, claims)
	switch {
	case errors.Is(err, errNoKeys):
		oauthRefuses(w, "invalid_grant", "Error connecting to the given credential's issuer.")
	case errors.Is(err, errExpired):
		oauthRefuses(w, "invalid_grant", "ID Token issued at %d is stale to sign-in.", unix(claims.IssuedAt))
	case err != nil:
		oauthRefuses(w, "invalid_grant", "Unable to verify the ID Token signature: %v", err)
	case what == "issuer":
		oauthRefuses(w, "invalid_grant", "The issuer in ID Token %s does not match the expected ones.", claims.Issuer)
	case what == "audience":
		oauthRefuses(w, "invalid_grant", "The audience in ID Token [%s] does not match the expected audience.", strings.Join(claims.Audience, ", "))
	case what == "subject":
		oauthRefuses(w, "unauthorized_client", "The given credential is rejected by the attribute condition.")
	default:
		lifetime := min(c.lifetime("google-sts", time.Hour), claims.Expiry.Time().Sub(one.now))
		g := &grant{identity: entry.principal(), subject: claims.Subject, scopes: strings.Fields(form.Get("scope"))}
		c.accessToken(w, one, g, "ya29.d.", lifetime, map[string]any{"issued_token_type": tokenType + "access_token"})
	}
}

func (c *cloud) accessToken(w http.ResponseWriter, one *call, g *grant, prefix string, lifetime time.Duration, body map[string]any) {
	token := prefix + random(150)
	c.issue(one, g, lifetime, map[string]string{"access_token": token})
	body["access_token"], body["token_type"], body["expires_in"] = token, "Bearer", int(lifetime.Seconds())
	replyJSON(w, http.StatusOK, body)
}

func (c *cloud) googleIAM(w http.ResponseWriter, one *call) {
	refuse := func(code int, status, message string) {
		replyJSON(w, code, map[string]any{"error": map[string]any{"code": code, "message": message, "status": status}})
	}
	email, method, _ := strings.Cut(strings.TrimPrefix(one.URL.Path, serviceAccounts), ":")
	caller := c.granted(bearer(one.Request), "google-sts")
	var asked struct {
		Scope    []string `json:"scope"`
		Lifetime string   `json:"lifetime"`
	}
	lifetime := time.Hour
	err := json.Unmarshal(one.body, &asked)
	if err == nil && asked.Lifetime != "" {
		lifetime, err = time.ParseDuration(asked.Lifetime)
	}
	known, allowed := false, false
	for _, entry := range c.trusted().Google {
		has := slices.Contains(entry.ServiceAccounts, email)
		known = known || has
		allowed = allowed || has && caller != nil && entry.principal() == caller.identity
	}
	switch {
	case method != "generateAccessToken":
		http.NotFound(w, one.Request)
	case caller == nil || caller.expired():
		refuse(401, "UNAUTHENTICATED", "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.")
	case err != nil || len(asked.Scope) == 0 || lifetime <= 0 || lifetime > time.Hour:
		refuse(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")
	case !known:
		refuse(404, "NOT_FOUND", "Not found; Gaia id not found for email "+email)
	case !allowed || c.denies(email, "iam.serviceAccounts.getAccessToken"):
		refuse(403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).")
	default:
		lifetime = c.lifetime("google-iam", lifetime)
		token := "ya29.c." + random(150)
		c.issue(one, &grant{identity: email, subject: caller.subject, scopes: asked.Scope}, lifetime, map[string]string{"access_token": token})
		replyJSON(w, http.StatusOK, map[string]string{"accessToken": token, "expireTime": one.now.Add(lifetime).UTC().Format(time.RFC3339)})
	}
}

func (c *cloud) googleOAuth(w http.ResponseWriter, one *call) {
	if one.PostForm.Get("grant_type") != grantType+"jwt-bearer" {
		oauthRefuses(w, "unsupported_grant_type", "Invalid grant_type: %s", one.PostForm.Get("grant_type"))
		return
	}
	var claims struct {
		jwt.Claims
		Scope string `json:"scope"`
	}
	token, err := jwt.ParseSigned(one.PostForm.Get("assertion"), []jose.SignatureAlgorithm{jose.RS256})
	if err == nil {
		err = token.UnsafeClaimsWithoutVerification(&claims)
	}
	if err != nil {
		oauthRefuses(w, "invalid_grant", "Invalid JWT: Failed audience check or not a JWT with RS256.")
		return
	}
	index := slices.IndexFunc(c.trusted().GoogleKeys, func(key googleKey) bool { return key.ClientEmail == claims.Issuer })
	if index < 0 {
		oauthRefuses(w, "invalid_grant", "Invalid grant: account not found")
		return
	}
	key, err := c.trusted().GoogleKeys[index].public()
	if err == nil {
		err = token.Claims(key, &claims)
	}
	now, issued, expires := one.now.Unix(), unix(claims.IssuedAt), unix(claims.Expiry)
	switch {
	case err != nil:
		oauthRefuses(w, "invalid_grant", "Invalid JWT Signature.")
	case len(claims.Audience) != 1 || claims.Audience[0] != "https://oauth2.googleapis.com/token" && claims.Audience[0] != "https://"+one.Host+"/token":
		oauthRefuses(w, "invalid_grant", "Invalid JWT: Failed audience check.")
	case expires <= now || issued > now+300 || expires-issued > 3600:
		oauthRefuses(w, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.")
	case claims.Scope == "":
		oauthRefuses(w, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")
	default:
		g := &grant{identity: claims.Issuer, scopes: strings.Fields(claims.Scope)}
		c.accessToken(w, one, g, "ya29.c.", c.lifetime("google-oauth", time.Hour), map[string]any{})
	}
}

func (k googleKey) public() (crypto.PublicKey, error) {
	block, _ := pem.Decode([]byte(k.Key))
	if block == nil {
		return nil, errors.New("no PEM")
	}
	if block.Type == "PUBLIC KEY" {
		return x509.ParsePKIXPublicKey(block.Bytes)
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, is := private.(*rsa.PrivateKey)
	if !is {
		return nil, errors.New("no RSA key")
	}
	return &key.PublicKey, nil
}
