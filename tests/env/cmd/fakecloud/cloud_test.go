package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	robot     = "team+puller"
	quayTrust = `{"quay": [{"robot": "` + robot + `", "issuer": "` + issuer + `", "subject": "` + subject + `", "audience": "quay.test"}]}`
)

func (f *fixture) quay() answered {
	f.Helper()
	return f.get("/oauth2/federation/robot/token", "quay.test", robot, f.token("quay.test", nil))
}

func TestRobotOfQuayGetsTokenThatPulls(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", quayTrust)
	token := f.quay().is(200, `{"token":"ey`).text("token")
	f.get("/v2/team/app/manifests/1", "quay.test", robot, token).is(200, "pulled")
	f.get("/v2/", "quay.test", "team+other", token).is(401, "")
	f.get("/v2/", "quay.test", robot, "x").is(401, "")
	f.put("/lifetimes", `{"quay": -1}`)
	f.get("/v2/", "quay.test", robot, f.quay().text("token")).is(401, "")
	const path = "/oauth2/federation/robot/token"
	for name, token := range map[string]string{
		"issuer": f.token("quay.test", claims{"iss": "x"}), "subject": f.token("quay.test", claims{"sub": "x"}), "audience": f.token("x", nil),
		"two audiences": f.token("quay.test", claims{"aud": []string{"quay.test", "x"}}), "expired": f.token("quay.test", claims{"exp": 1}),
		"key": f.tokenBy(rsaKeys()[1], "first", "quay.test", nil), "no JWT": "x",
	} {
		t.Run(name, func(*testing.T) { f.get(path, "quay.test", robot, token).is(401, `{"error":"`) })
	}
	f.get(path, "quay.test", "team+other", f.token("quay.test", nil)).is(401, "Token does not match robot")
}

func TestFrontIsChosenByGrammarOrByFronts(t *testing.T) {
	f := newFixture(t)
	for host, want := range map[string]string{
		registry: "ecr", registry + ":443": "ecr", strings.ToUpper(registry): "ecr", "123456789012.dkr-ecr-fips.us-east-1.on.aws": "ecr",
		"public.ecr.aws": "ecr-public", acr: "acr", "team-abc.azurecr.io": "acr", "team.eastus.geo.azurecr.io": "acr", gar: "google", "gcr.io": "google", "quay.io": "quay",
		"team.data.azurecr.io": "", "team.azurecr.io.evil.test": "", registry + ".evil.test": "", registry + ".": "", "1.dkr.ecr.eu-west-1.amazonaws.com": "", "127.0.0.1": "",
	} {
		if got, _ := f.cloud.kind(host); got != want {
			t.Errorf("%s: %q", host, got)
		}
	}
	f.get("/v2/", "cloud.test:1", "AWS", "x").is(404, "NAME_UNKNOWN")
	f.put("/trust", ecrTrust+"}")
	minted := password(f.send(ecrRequest(f.session(nil))))
	f.put("/fronts", `{"cloud.test:1": "ecr"}`)
	if dates := f.get("/v2/", "cloud.test:1", "AWS", minted).is(200, "").header.Values("Date"); len(dates) != 1 {
		t.Error(dates)
	}
	f.get("/v2/", "cloud.test:2", "AWS", minted).is(404, "")
	f.put("/fronts", `{"cloud.test": "ecr"}`)
	f.get("/v2/", "cloud.test:2", "AWS", minted).is(200, "")
	f.put("/fronts", `{"*": "ecr"}`)
	f.get("/v2/", "other.test", "AWS", minted).is(200, "")
	f.do("PUT", f.url+"/v2/team/app/manifests/1", registry, "", nil).is(404, "")
}

func TestRequestsAreRecordedWithoutCredentials(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", ecrTrust+"}")
	token := f.token("sts.amazonaws.com", nil)
	key := f.session(map[string]string{"WebIdentityToken": token})
	minted := password(f.send(ecrRequest(key)))
	f.get("/v2/team/app/manifests/1", registry, "AWS", minted)
	f.get("/other?token=canary", "x", "", "")
	all := f.requests()
	for index, want := range []record{
		{Provider: "aws", Route: "sts", Method: "POST", Host: stsHost, Path: "/", Status: 200, Namespace: "team", Name: "puller",
			Credentials: map[string]string{"WebIdentityToken": hash(token)},
			Issued:      map[string]string{"accessKeyId": hash(key.AccessKeyID), "secretAccessKey": hash(key.SecretAccessKey), "sessionToken": hash(key.SessionToken)}},
		{Provider: "aws", Route: "ecr", Method: "POST", Host: ecrHost, Path: "/", Status: 200, Namespace: "team", Name: "puller",
			Credentials: map[string]string{"accessKeyId": hash(key.AccessKeyID), "sessionToken": hash(key.SessionToken)},
			Issued:      map[string]string{"password": hash(minted)}},
		{Provider: "aws", Route: "front", Method: "GET", Host: registry, Path: "/v2/team/app/manifests/1", Status: 200, Namespace: "team", Name: "puller",
			Username: "AWS", Credentials: map[string]string{"basic": hash(minted)}, Issued: map[string]string{}},
		{Route: "unknown", Method: "GET", Host: "x", Path: "/other", Status: 404, Credentials: map[string]string{}, Issued: map[string]string{}},
	} {
		want.Time = all[index].Time
		if got := fmt.Sprint(all[index]); got != fmt.Sprint(want) {
			t.Errorf("%s\n%v", got, want)
		}
	}
	told := f.do("GET", f.admin+"/requests", "", "", nil).body
	for _, secret := range []string{token, key.AccessKeyID, key.SecretAccessKey, key.SessionToken, minted, "canary"} {
		if strings.Contains(told, secret) {
			t.Error(secret)
		}
	}
	f.do("DELETE", f.admin+"/requests", "", "", nil).is(204, "")
	f.do("GET", f.admin+"/requests", "", "", nil).is(200, "[]")
	f.do("PUT", f.admin+"/trust", "", `{"awz": []}`, nil).is(400, "awz")
}

func TestFaultsApplyAsOftenAsTheyShould(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", quayTrust)
	f.put("/faults", `[{"route": "sts", "status": 500}, {"route": "quay", "times": 1, "status": 429, "body": "slow", "contentType": "text/plain", "retryAfter": "7"},
		{"route": "quay", "times": 1, "redirect": "https://evil.test/"}, {"route": "quay", "times": 1, "huge": 70000, "delayMs": 1}]`)
	first := f.quay().is(429, "slow")
	if first.header.Get("Retry-After") != "7" || first.header.Get("Content-Type") != "text/plain" {
		t.Error(first.header)
	}
	if second := f.quay().is(307, ""); second.header.Get("Location") != "https://evil.test/" {
		t.Error(second.header)
	}
	if third := f.quay().is(200, `"token"`); len(third.body) < 70000 {
		t.Error(len(third.body))
	}
	f.quay().is(200, `{"token"`)
	all := f.requests()
	if !all[0].Fault || all[0].Status != 429 || all[0].Name != "puller" || all[3].Fault {
		t.Error(all)
	}
	f.put("/faults", `[{"route": "*", "truncate": true}]`)
	request, err := http.NewRequest("GET", f.url+"/oauth2/federation/robot/token", nil)
	f.must(err)
	request.SetBasicAuth(robot, f.token("quay.test", nil))
	response, err := http.DefaultClient.Do(request)
	f.must(err)
	defer response.Body.Close()
	half, err := io.ReadAll(response.Body)
	if err == nil || !bytes.HasPrefix(half, []byte(`{"token"`)) {
		t.Error(err, string(half))
	}
}

func TestClockOfRouteIsItsOwn(t *testing.T) {
	f := newFixture(t)
	f.put("/trust", ecrTrust+"}")
	key := f.session(nil)
	f.put("/faults", `[{"route": "ecr", "dateOffset": 1200}]`)
	request := ecrRequest(key)
	refused := f.send(request).is(400, "Signature expired")
	date, err := http.ParseTime(refused.header.Get("Date"))
	f.must(err)
	if off := time.Until(date); off < 19*time.Minute || off > 20*time.Minute {
		t.Error(off)
	}
	request.shift = 20 * time.Minute
	f.get("/v2/", registry, "AWS", password(f.send(request).is(200, ""))).is(200, "")
	f.put("/faults", `[{"route": "sts", "dateOffset": 1200}]`)
	f.webIdentity(nil).is(400, "ExpiredTokenException")
}

func TestProgramServesEveryNameByItsCA(t *testing.T) {
	dir := t.TempDir()
	cloud, err := newCloud(&keySource{file: filepath.Join(dir, "jwks")})
	if err != nil {
		t.Fatal(err)
	}
	at := addresses{Listen: "127.0.0.1:0", Plain: "127.0.0.1:0", Admin: "127.0.0.1:0", CAFile: filepath.Join(dir, "ca.pem")}
	if err := serve(cloud, &at); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(at.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		Dial:            func(string, string) (net.Conn, error) { return net.Dial("tcp", at.Listen) },
	}}
	for _, address := range []string{"https://" + registry, "https://sts.eu-west-1.amazonaws.com", "https://" + at.Listen, "https://localhost"} {
		response, err := client.Get(address + "/v2/")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	for address, want := range map[string]int{at.Plain + "/v2/": 404, at.Admin + "/requests": 200} {
		response, err := http.Get("http://" + address)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != want {
			t.Errorf("%s: %s", address, response.Status)
		}
		response.Body.Close()
	}
	if text, _ := json.Marshal(at); !strings.Contains(string(text), `"caFile":`) {
		t.Error(string(text))
	}
}
