package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	poolName    = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/cluster"
	gke         = "identitynamespace:p.svc.id.goog:https://container.googleapis.com/v1/projects/p/locations/l/clusters/c"
	email       = "puller@p.iam.gserviceaccount.com"
	gar         = "europe-docker.pkg.dev"
	googleTrust = `{"google": [
		{"provider": "` + poolName + `", "issuer": "` + issuer + `", "subject": "` + subject + `", "audience": "` + poolName + `", "serviceAccounts": ["` + email + `"]},
		{"provider": "` + gke + `", "issuer": "` + issuer + `", "subject": "` + subject + `", "audience": "p.svc.id.goog"},
		{"provider": "` + poolName + `2", "issuer": "", "subject": "", "audience": "", "serviceAccounts": ["other@p.iam.gserviceaccount.com"]}]`
)

func (f *fixture) googleSTS(changed map[string]string) answered {
	f.Helper()
	fields := map[string]string{
		"grant_type": grantType + "token-exchange", "audience": poolName, "scope": cloudPlatform + ".read-only",
		"requested_token_type": tokenType + "access_token", "subject_token_type": tokenType + "jwt",
	}
	if changed["subject_token"] == "" {
		fields["subject_token"] = f.token(poolName, nil)
	}
	maps.Copy(fields, changed)
	return f.form("/v1/token", "sts.googleapis.com", fields)
}

func (f *fixture) impersonate(who, token, body string) answered {
	f.Helper()
	header := withBearer(token)
	header.Set("Content-Type", "application/json")
	return f.do(http.MethodPost, f.url+serviceAccounts+who+":generateAccessToken", "iamcredentials.googleapis.com", body, header)
}

func TestFederatedTokenPullsAndEndsWithItsServiceAccountToken(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", googleTrust+"}")
	got := f.googleSTS(nil).is(200, `"issued_token_type":"urn:ietf:params:oauth:token-type:access_token"`).is(200, `"token_type":"Bearer"`)
	if lives := got.value("expires_in").(float64); lives < 540 || lives > 600 {
		t.Error(lives)
	}
	f.get("/v2/p/r/app/manifests/1", gar, "oauth2accesstoken", got.text("access_token")).is(200, "pulled")
	f.get("/v2/", "eu.gcr.io", "_token", got.text("access_token")).is(200, "")
	f.get("/v2/", gar, "somebody", got.text("access_token")).is(401, "")
	f.get("/v2/", gar, "oauth2accesstoken", "x").is(401, "")
	long := f.googleSTS(map[string]string{"subject_token": f.token(poolName, claims{"exp": time.Now().Unix() + 36000})})
	if lives := long.value("expires_in").(float64); lives != 3600 {
		t.Error(lives)
	}
	scope := f.googleSTS(map[string]string{"scope": "openid"}).text("access_token")
	f.get("/v2/p/r/app/manifests/1", gar, "oauth2accesstoken", scope).is(403, "DENIED")
	f.put("/trust", googleTrust+`, "deny": [{"identity": "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/subject/`+subject+`", "action": "pull"}]}`)
	f.get("/v2/p/r/app/manifests/1", gar, "oauth2accesstoken", got.text("access_token")).is(403, "DENIED")
	f.put("/lifetimes", `{"google-sts": -1}`)
	f.get("/v2/", gar, "oauth2accesstoken", f.googleSTS(nil).text("access_token")).is(401, "")
}

func TestTokenOfGKEIsExchanged(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", googleTrust+"}")
	f.googleSTS(map[string]string{"audience": gke, "subject_token": f.token("p.svc.id.goog", nil)}).is(200, "ya29.d.")
}

func TestGoogleSTSRefusesWithItsCodes(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", googleTrust+"}")
	token := func(changed claims) map[string]string {
		return map[string]string{"subject_token": f.token(poolName, changed)}
	}
	for _, row := range []struct {
		name    string
		changed map[string]string
		code    string
		message string
	}{
		{"form of the audience", map[string]string{"audience": poolName[2:]}, "invalid_request", `Invalid value for "audience"`},
		{"name of the project", map[string]string{"audience": "//iam.googleapis.com/projects/p/locations/global/workloadIdentityPools/pool/providers/cluster"}, "invalid_request", `"audience"`},
		{"provider", map[string]string{"audience": poolName + "x"}, "invalid_target", ""},
		{"grant", map[string]string{"grant_type": "x"}, "unsupported_grant_type", ""},
		{"type", map[string]string{"subject_token_type": "x"}, "invalid_request", ""},
		{"scope", map[string]string{"scope": ""}, "invalid_request", ""},
		{"issuer", token(claims{"iss": "https://other.test"}), "invalid_grant", "issuer"},
		{"audience", token(claims{"aud": []string{"other"}}), "invalid_grant", "audience"},
		{"two audiences", token(claims{"aud": []string{poolName, "other"}}), "invalid_grant", "audience"},
		{"subject", token(claims{"sub": "x"}), "unauthorized_client", "attribute condition"},
		{"expired", token(claims{"exp": time.Now().Unix() - 1}), "invalid_grant", "stale"},
		{"key", map[string]string{"subject_token": f.tokenBy(rsaKeys()[1], "first", poolName, nil)}, "invalid_grant", "signature"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := f.googleSTS(row.changed).is(400, "")
			if got.text("error") != row.code || !strings.Contains(got.text("error_description"), row.message) {
				t.Error(got.body)
			}
		})
	}
	f.do("POST", f.url+"/v1/token", "sts.googleapis.com", "", withBearer("x")).is(400, "Authorization header")
	f.cloud.keys.file, f.cloud.keys.known.Keys = "absent", nil
	f.googleSTS(nil).is(400, "Error connecting to the given credential's issuer.")
}

func TestServiceAccountOfGoogleIsImpersonatedByWhoMay(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", googleTrust+"}")
	caller := f.googleSTS(nil).text("access_token")
	body := `{"scope": ["` + cloudPlatform + `"], "lifetime": "600s"}`
	got := f.impersonate(email, caller, body).is(200, "")
	expires, err := time.Parse(time.RFC3339, got.text("expireTime"))
	f.must(err)
	if lives := time.Until(expires); lives < 9*time.Minute || lives > 10*time.Minute {
		t.Error(lives)
	}
	f.get("/v2/", gar, "oauth2accesstoken", got.text("accessToken")).is(200, "")
	f.impersonate("nobody@p.iam.gserviceaccount.com", caller, body).is(404, `"status":"NOT_FOUND"`)
	f.impersonate("other@p.iam.gserviceaccount.com", caller, body).is(403, "Permission 'iam.serviceAccounts.getAccessToken' denied")
	f.impersonate(email, "x", body).is(401, `"code":401`)
	f.impersonate(email, caller, `{}`).is(400, "INVALID_ARGUMENT")
	f.impersonate(email, caller, `{"scope": ["x"], "lifetime": "3601s"}`).is(400, "INVALID_ARGUMENT")
	f.put("/trust", googleTrust+`, "deny": [{"identity": "`+email+`", "action": "iam.serviceAccounts.getAccessToken"}]}`)
	f.impersonate(email, caller, body).is(403, "PERMISSION_DENIED")
}

func TestKeyFileOfGoogleMintsToken(t *testing.T) {
	f := newFixture(t)
	private, err := x509.MarshalPKCS8PrivateKey(rsaKeys()[0])
	f.must(err)
	public, err := x509.MarshalPKIXPublicKey(&rsaKeys()[0].PublicKey)
	f.must(err)
	key := func(kind string, der []byte) string {
		text, err := json.Marshal(map[string]any{"googleKeys": []any{
			map[string]string{"clientEmail": email, "key": string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))},
		}})
		f.must(err)
		return string(text)
	}
	now := time.Now().Unix()
	good := claims{"iss": email, "sub": nil, "aud": "https://oauth2.googleapis.com/token", "iat": now, "exp": now + 3600, "scope": cloudPlatform}
	with := func(changed claims) string {
		all := maps.Clone(good)
		maps.Copy(all, changed)
		return f.token("", all)
	}
	ask := func(assertion string) answered {
		return f.form("/token", "oauth2.googleapis.com", map[string]string{"grant_type": grantType + "jwt-bearer", "assertion": assertion})
	}
	f.put("/trust", key("PUBLIC KEY", public))
	ask(with(nil)).is(200, "ya29.c.")
	f.put("/trust", key("PRIVATE KEY", private))
	token := ask(with(nil)).is(200, `"expires_in":3600`).text("access_token")
	f.get("/v2/p/r/app/manifests/1", gar, "oauth2accesstoken", token).is(200, "")
	for _, row := range []struct{ name, assertion, code, message string }{
		{"no JWT", "x", "invalid_grant", "Invalid JWT"},
		{"who", with(claims{"iss": "x"}), "invalid_grant", "account not found"},
		{"key", f.tokenBy(rsaKeys()[1], "first", "", good), "invalid_grant", "Invalid JWT Signature."},
		{"audience", with(claims{"aud": "x"}), "invalid_grant", "audience"},
		{"long", with(claims{"exp": now + 3700}), "invalid_grant", "short-lived"},
		{"old", with(claims{"iat": now - 3700, "exp": now - 100}), "invalid_grant", "short-lived"},
		{"scope", with(claims{"scope": ""}), "invalid_scope", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := ask(row.assertion).is(400, row.message); got.text("error") != row.code {
				t.Error(got.body)
			}
		})
	}
	f.form("/token", "", map[string]string{"grant_type": "x"}).is(400, "unsupported_grant_type")
}
