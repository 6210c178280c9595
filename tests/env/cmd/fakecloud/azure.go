package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

type azureClient struct {
	TenantID     string `json:"tenantId"`
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
	federation
}

const (
	acrScope  = "https://containerregistry.azure.net/.default"
	armScope  = "https://management.azure.com/.default"
	assertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// acrUser is the user name of all tokens of ACR.
	acrUser = "00000000-0000-0000-0000-000000000000"
)

// aadsts is an error of Entra.
type aadsts struct {
	number  int
	message string
}

// statuses has what is not 401 invalid_client.
var statuses = map[int]struct {
	status int
	code   string
}{
	70011: {400, "invalid_scope"}, 70003: {400, "unsupported_grant_type"}, 700016: {400, "unauthorized_client"},
	90002: {400, "invalid_request"}, 900144: {400, "invalid_request"}, 500011: {400, "invalid_resource"},
}

func (c *cloud) entra(w http.ResponseWriter, one *call) {
	tenant, _, _ := strings.Cut(one.URL.Path[1:], "/")
	client, scope := one.PostForm.Get("client_id"), one.PostForm.Get("scope")
	subject, refused := c.client(one, tenant, client)
	switch {
	case one.PostForm.Get("grant_type") != "client_credentials":
		refused = &aadsts{70003, "The app requested an unsupported grant type '" + one.PostForm.Get("grant_type") + "'."}
	case client == "" || scope == "":
		refused = &aadsts{900144, "The request body must contain the following parameter: 'client_id' and 'scope'."}
	case refused == nil && !strings.HasSuffix(scope, "/.default"):
		refused = &aadsts{70011, "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid."}
	case refused == nil && scope != acrScope && scope != armScope:
		refused = &aadsts{500011, "The resource principal named " + strings.TrimSuffix(scope, "/.default") + " was not found in the tenant named " + tenant + "."}
	}
	if refused != nil {
		refused.answer(w, one)
		return
	}
	lifetime := c.lifetime("entra", time.Hour)
	token := c.signed(one, lifetime, map[string]any{
		"aud": strings.TrimSuffix(scope, "/.default"), "iss": "https://sts.windows.net/" + tenant + "/", "appid": client, "tid": tenant, "ver": "1.0",
	})
	c.issue(one, &grant{identity: client, subject: subject, scopes: []string{scope}}, lifetime, map[string]string{"access_token": token})
	seconds := int(lifetime.Seconds()) - 1
	replyJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token})
}

// client finds out who asks; what it returns is the subject of a ServiceAccount token.
func (c *cloud) client(one *call, tenant, client string) (string, *aadsts) {
	var own []azureClient
	known := false
	for _, entry := range c.trusted().Azure {
		known = known || entry.TenantID == tenant
		if entry.TenantID == tenant && entry.ClientID == client {
			own = append(own, entry)
		}
	}
	secret, token := one.PostForm.Get("client_secret"), one.PostForm.Get("client_assertion")
	switch {
	case !known:
		return "", &aadsts{90002, "Tenant '" + tenant + "' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."}
	case own == nil:
		return "", &aadsts{700016, "Application with identifier '" + client + "' was not found in the directory '" + tenant + "'."}
	case secret != "":
		if !slices.ContainsFunc(own, func(entry azureClient) bool { return entry.ClientSecret == secret }) {
			return "", &aadsts{7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID."}
		}
		return "", nil
	case token == "" || one.PostForm.Get("client_assertion_type") != assertion:
		return "", &aadsts{7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."}
	}
	claims, err := c.keys.verify(token, one.now)
	switch {
	case errors.Is(err, errExpired):
		return "", &aadsts{700024, fmt.Sprintf("Client assertion is not within its valid time range. Current time: %s, assertion valid from %s, expiry time of assertion %s.",
			one.now.UTC().Format(time.RFC3339), claims.NotBefore.Time().UTC().Format(time.RFC3339), claims.Expiry.Time().UTC().Format(time.RFC3339))}
	case errors.Is(err, errMalformed):
		return "", &aadsts{50027, "JWT token is invalid or malformed."}
	case err != nil:
		return "", &aadsts{700027, "Client assertion failed signature validation."}
	}
	const text = "No matching federated identity record found for presented assertion %s '%s'. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion."
	switch _, what := mismatch(own, claims); what {
	case "issuer":
		return "", &aadsts{700211, fmt.Sprintf(text, what, claims.Issuer)}
	case "audience":
		return "", &aadsts{700212, fmt.Sprintf(text, what, strings.Join(claims.Audience, ","))}
	case "subject":
		return "", &aadsts{700213, fmt.Sprintf(text, what, claims.Subject)}
	}
	return claims.Subject, nil
}

func (e *aadsts) answer(w http.ResponseWriter, one *call) {
	status, code := http.StatusUnauthorized, "invalid_client"
	if other, is := statuses[e.number]; is {
		status, code = other.status, other.code
	}
	trace, correlation, now := random(16), random(16), one.now.UTC().Format("2006-01-02 15:04:05Z")
	replyJSON(w, status, map[string]any{
		"error": code, "error_codes": []int{e.number}, "timestamp": now, "trace_id": trace, "correlation_id": correlation,
		"error_uri":         fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", e.number),
		"error_description": fmt.Sprintf("AADSTS%d: %s\r\nTrace ID: %s Correlation ID: %s Timestamp: %s", e.number, e.message, trace, correlation, now),
	})
}

func acrRefuses(w http.ResponseWriter, status int, code, message string) {
	replyJSON(w, status, map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}})
}

const acrUnauthorized = "authentication required, visit https://aka.ms/acr/authorization for more information."

func (c *cloud) acrExchange(w http.ResponseWriter, one *call) {
	service := strings.ToLower(one.PostForm.Get("service"))
	entra := c.granted(one.PostForm.Get("access_token"), "entra")
	switch {
	case one.PostForm.Get("grant_type") != "access_token" || service == "":
		acrRefuses(w, http.StatusBadRequest, "UNSUPPORTED", "grant_type access_token and service are needed")
		return
	case entra == nil || entra.expired() || entra.scopes[0] != acrScope || c.denies(entra.identity, service):
		acrRefuses(w, http.StatusUnauthorized, "UNAUTHORIZED", acrUnauthorized)
		return
	}
	lifetime := c.lifetime("acr-exchange", 3*time.Hour)
	token := c.signed(one, lifetime, map[string]any{
		"sub": entra.identity, "iss": "Azure Container Registry", "aud": service, "version": "1.0", "grant_type": "refresh_token",
		"permissions": map[string]any{"actions": []string{"read"}},
	})
	c.issue(one, &grant{identity: entra.identity, subject: entra.subject, place: service}, lifetime, map[string]string{"refresh_token": token})
	replyJSON(w, http.StatusOK, map[string]string{"refresh_token": token})
}

// acrToken gives an access token for a refresh token, or for another access token that has the scopes too.
func (c *cloud) acrToken(w http.ResponseWriter, one *call) {
	_, token, _ := one.BasicAuth()
	if one.Method == http.MethodPost {
		token = one.PostForm.Get("refresh_token")
		if one.PostForm.Get("grant_type") != "refresh_token" {
			acrRefuses(w, http.StatusBadRequest, "UNSUPPORTED", "grant_type must be refresh_token")
			return
		}
	}
	service := strings.ToLower(one.Form.Get("service"))
	login := c.granted(token, "acr-exchange", "acr-token")
	if username, _, basic := one.BasicAuth(); login == nil || login.expired() || !c.isAt(login.place, service) || basic && username != acrUser {
		acrRefuses(w, http.StatusUnauthorized, "UNAUTHORIZED", acrUnauthorized)
		return
	}
	g := &grant{identity: login.identity, subject: login.subject, place: service}
	access := []any{}
	for _, scope := range strings.Fields(strings.Join(one.Form["scope"], " ")) {
		kind, name, _ := strings.Cut(scope, ":")
		name, actions, _ := strings.Cut(name, ":")
		own := login.route == "acr-exchange" || slices.Contains(login.scopes, name)
		if kind != "repository" || !slices.Contains(strings.Split(actions, ","), "pull") || !own || c.denies(g.identity, "pull") {
			continue
		}
		g.scopes = append(g.scopes, name)
		access = append(access, map[string]any{"Type": kind, "Name": name, "Actions": []string{"pull"}})
	}
	lifetime := c.lifetime("acr-token", 75*time.Minute)
	answer := c.signed(one, lifetime, map[string]any{
		"sub": g.identity, "iss": "Azure Container Registry", "aud": service, "version": "1.0", "grant_type": "access_token", "access": access,
	})
	c.issue(one, g, lifetime, map[string]string{"access_token": answer})
	replyJSON(w, http.StatusOK, map[string]string{"access_token": answer})
}
