package main

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	acr        = "team.azurecr.io"
	azureTrust = `{"azure": [
		{"tenantId": "t", "clientId": "c", "issuer": "` + issuer + `", "subject": "` + subject + `", "audience": "api://AzureADTokenExchange"},
		{"tenantId": "t", "clientId": "static", "clientSecret": "secret of the client"}]`
)

func (f *fixture) entra(tenant string, changed map[string]string) answered {
	f.Helper()
	fields := map[string]string{"grant_type": "client_credentials", "client_id": "c", "scope": acrScope, "client_assertion_type": assertion}
	if changed["client_secret"] == "" && changed["client_assertion"] == "" {
		fields["client_assertion"] = f.token("api://AzureADTokenExchange", nil)
	}
	maps.Copy(fields, changed)
	return f.form("/"+tenant+"/oauth2/v2.0/token", "login.microsoftonline.com", fields)
}

func (f *fixture) exchange(token string) answered {
	f.Helper()
	return f.form("/oauth2/exchange", acr, map[string]string{"grant_type": "access_token", "service": acr, "access_token": token})
}

func (f *fixture) refreshToken() string {
	f.Helper()
	return f.exchange(f.entra("t", nil).is(200, "").text("access_token")).is(200, "").text("refresh_token")
}

func withBearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func TestAssertionMintsRefreshTokenThatPulls(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", azureTrust+"}")
	minted := f.entra("t", nil).is(200, `"token_type":"Bearer"`)
	if minted.value("expires_in") != 3599.0 || minted.value("ext_expires_in") != 3599.0 {
		t.Error(minted.body)
	}
	refresh := f.exchange(minted.text("access_token")).is(200, "").text("refresh_token")
	// As containerd does it: the challenge, a POST that is refused, and a GET with Basic.
	challenge := f.get("/v2/team/app/manifests/1", acr, "", "").is(401, "UNAUTHORIZED").header.Get("WWW-Authenticate")
	if challenge != `Bearer realm="http://team.azurecr.io/oauth2/token",service="team.azurecr.io",scope="repository:team/app:pull"` {
		t.Error(challenge)
	}
	f.form("/oauth2/token", acr, map[string]string{"grant_type": "password", "username": acrUser, "password": refresh, "service": acr}).is(400, "")
	access := f.get("/oauth2/token?service="+acr+"&scope=repository:team/app:pull,push", acr, acrUser, refresh).is(200, "").text("access_token")
	f.do("GET", f.url+"/v2/team/app/manifests/1", acr, "", withBearer(access)).is(200, "pulled")
	f.do("GET", f.url+"/v2/", acr, "", withBearer(access)).is(200, "pulled")
	other := f.do("GET", f.url+"/v2/team/other/manifests/1", acr, "", withBearer(access)).is(401, "")
	if challenge := other.header.Get("WWW-Authenticate"); !strings.HasSuffix(challenge, `,error="insufficient_scope"`) {
		t.Error(challenge)
	}
	f.do("GET", f.url+"/v2/", "other.azurecr.io", "", withBearer(access)).is(401, "")
	f.do("GET", f.url+"/v2/", acr, "", withBearer(refresh)).is(401, "")
}

func TestAccessTokenOfACRIsForItsScopes(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", azureTrust+"}")
	fields := map[string]string{"grant_type": "refresh_token", "service": acr, "scope": "repository:team/app:pull", "refresh_token": f.refreshToken()}
	narrow := f.form("/oauth2/token", acr, fields).is(200, "").text("access_token")
	both := f.get("/oauth2/token?service="+acr+"&scope=repository:team/app:pull&scope=repository:team/other:pull", acr, acrUser, narrow).is(200, "").text("access_token")
	f.do("GET", f.url+"/v2/team/app/manifests/1", acr, "", withBearer(both)).is(200, "")
	f.do("GET", f.url+"/v2/team/other/manifests/1", acr, "", withBearer(both)).is(401, "")
}

func TestLoginOfACRThatIsNotGoodIsRefused(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", azureTrust+"}")
	f.get("/oauth2/exchange", acr, "", "").is(404, "")
	f.exchange("x").is(401, "authentication required, visit https://aka.ms/acr/authorization for more information.")
	f.exchange(f.entra("t", map[string]string{"scope": armScope}).is(200, "").text("access_token")).is(401, "UNAUTHORIZED")
	entra := f.entra("t", nil).text("access_token")
	f.form("/oauth2/exchange", acr, map[string]string{"grant_type": "access_token", "access_token": entra}).is(400, "")
	refresh := f.refreshToken()
	f.get("/oauth2/token?service="+acr, acr, "", "").is(401, "UNAUTHORIZED")
	f.get("/oauth2/token?service="+acr, acr, acrUser, "x").is(401, "UNAUTHORIZED")
	f.get("/oauth2/token?service="+acr, acr, "somebody", refresh).is(401, "UNAUTHORIZED")
	f.get("/oauth2/token?service=other.azurecr.io", "other.azurecr.io", acrUser, refresh).is(401, "UNAUTHORIZED")
	f.put("/trust", azureTrust+`, "deny": [{"identity": "c", "action": "`+acr+`"}]}`)
	f.exchange(entra).is(401, "UNAUTHORIZED")
	f.put("/trust", azureTrust+`, "deny": [{"identity": "c", "action": "pull"}]}`)
	access := f.get("/oauth2/token?service="+acr+"&scope=repository:team/app:pull", acr, acrUser, refresh).is(200, "").text("access_token")
	f.do("GET", f.url+"/v2/team/app/manifests/1", acr, "", withBearer(access)).is(401, "")
	f.put("/lifetimes", `{"acr-exchange": -1, "acr-token": -1}`)
	access = f.get("/oauth2/token?service="+acr, acr, acrUser, refresh).is(200, "").text("access_token")
	f.do("GET", f.url+"/v2/", acr, "", withBearer(access)).is(401, "")
	f.get("/oauth2/token?service="+acr, acr, acrUser, f.refreshToken()).is(401, "")
}

func TestEntraRefusesWithItsNumbers(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", azureTrust+"}")
	token := func(changed claims) map[string]string {
		return map[string]string{"client_assertion": f.token("api://AzureADTokenExchange", changed)}
	}
	for _, row := range []struct {
		name    string
		tenant  string
		changed map[string]string
		status  int
		code    string
		number  float64
	}{
		{"issuer", "t", token(claims{"iss": "https://other.test"}), 401, "invalid_client", 700211},
		{"audience", "t", token(claims{"aud": []string{"other"}}), 401, "invalid_client", 700212},
		{"two audiences", "t", token(claims{"aud": []string{"api://AzureADTokenExchange", "other"}}), 401, "invalid_client", 700212},
		{"subject", "t", token(claims{"sub": "system:serviceaccount:team:Puller"}), 401, "invalid_client", 700213},
		{"expired", "t", token(claims{"exp": time.Now().Unix() - 1}), 401, "invalid_client", 700024},
		{"no times", "t", token(claims{"exp": nil, "nbf": nil}), 401, "invalid_client", 700024},
		{"key", "t", map[string]string{"client_assertion": f.tokenBy(rsaKeys()[1], "first", "api://AzureADTokenExchange", nil)}, 401, "invalid_client", 700027},
		{"no JWT", "t", map[string]string{"client_assertion": "x"}, 401, "invalid_client", 50027},
		{"type", "t", map[string]string{"client_assertion_type": "x"}, 401, "invalid_client", 7000218},
		{"secret", "t", map[string]string{"client_id": "static", "client_secret": "x"}, 401, "invalid_client", 7000215},
		{"secret of nobody", "t", map[string]string{"client_secret": "x"}, 401, "invalid_client", 7000215},
		{"client", "t", map[string]string{"client_id": "x"}, 400, "unauthorized_client", 700016},
		{"tenant", "x", nil, 400, "invalid_request", 90002},
		{"no scope", "t", map[string]string{"scope": ""}, 400, "invalid_request", 900144},
		{"scope", "t", map[string]string{"scope": "https://containerregistry.azure.net"}, 400, "invalid_scope", 70011},
		{"resource", "t", map[string]string{"scope": "https://other.test/.default"}, 400, "invalid_resource", 500011},
		{"grant", "t", map[string]string{"grant_type": "password"}, 400, "unsupported_grant_type", 70003},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := f.entra(row.tenant, row.changed).is(row.status, `"error_description":"AADSTS`).is(row.status, `\r\nTrace ID: `)
			if numbers := got.value("error_codes").([]any); got.text("error") != row.code || numbers[0] != row.number {
				t.Error(got.body)
			}
		})
	}
	f.entra("t", map[string]string{"client_id": "static", "client_secret": "secret of the client"}).is(200, "access_token")
}
