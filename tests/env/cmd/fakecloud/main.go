// Command fakecloud plays the clouds that mint short-lived registry credentials, and the registries that take these.
//
//	fakecloud --ca-file FILE [--listen 127.0.0.1:0] [--plain ADDRESS] [--admin 127.0.0.1:0]
//	          [--jwks-file FILE | --jwks-url URL [--jwks-ca FILE] [--jwks-token-file FILE]]
//	          [--registry URL [--registry-ca FILE]] [--aws URL]
//
// It writes its CA to --ca-file, prints one line of JSON when it serves, and ends when its stdin ends or a signal comes:
//
//	{"listen": "127.0.0.1:1", "plain": "127.0.0.1:2", "admin": "127.0.0.1:3", "caFile": "FILE"}
//
// At "listen" it talks TLS, with a certificate for whatever name a client asks for, and for 127.0.0.1; at "plain", which
// is there with --plain, HTTP. ServiceAccount tokens (RS256 or ES256) are verified with the keys of --jwks-file, or of
// --jwks-url, which is asked with the token in --jwks-token-file. They are read again when a token names an unknown key.
// --registry is where pulls go; user information in it is sent as Basic. --aws is another emulator of AWS, which answers at sts,
// ecr and ecr-public instead: it does not see PUT /trust and /lifetimes, but faults apply, and the fronts take what its ECR gives.
//
// # What it plays
//
// A route has a name, by which faults, lifetimes and requests call it. It is found by path alone, whatever the Host:
//
//	sts           POST /                           Action=AssumeRoleWithWebIdentity or AssumeRole (the latter signed)
//	ecr           POST /                           X-Amz-Target AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken, signed
//	ecr-public    POST /                           X-Amz-Target SpencerFrontendService.GetAuthorizationToken, signed for us-east-1
//	entra         POST /TENANT/oauth2/v2.0/token   client_assertion or client_secret
//	acr-exchange  POST /oauth2/exchange            token of entra -> refresh token
//	acr-token     POST, GET /oauth2/token          refresh token -> access token; with grant_type=password 400, as ACR has it
//	google-sts    POST /v1/token                   a form; without Authorization
//	google-iam    POST /v1/projects/-/serviceAccounts/EMAIL:generateAccessToken
//	google-oauth  POST /token                      JWT of a key file
//	quay          GET /oauth2/federation/robot/token
//	front         GET, HEAD /v2/…                  pulls with minted credentials
//
// A Host in the form of AWS (api.ecr.eu-west-1.amazonaws.com) says for which region a request has to be signed; others
// take any region. The front needs to know whose registry it is: from the Host by the providers' grammar, or from
// PUT /fronts. A wrong password is answered 401 everywhere, an expired one 403 by ECR and 401 by the others.
//
// # Admin interface
//
// Plain HTTP at "admin". PUT replaces all that was set before, and answers 204; unknown fields are answered 400.
//
// PUT /trust: who may do what. A token has to have the issuer, the subject and the one audience of an entry. The same role,
// client, provider or robot may have several entries.
//
//	{"aws":    [{"roleArn": "arn:aws:iam::123456789012:role/pull", "issuer": URL, "subject": "system:serviceaccount:NS:NAME", "audience": "sts.amazonaws.com"}],
//	 "awsKeys": [{"arn": "arn:aws:iam::123456789012:user/u", "accessKeyId": "AKIA…", "secretAccessKey": "…", "sessionToken": ""}],
//	 "assume": [{"arn": "who: ARN of a user or role", "roleArn": "into what", "externalId": ""}],
//	 "azure":  [{"tenantId": "…", "clientId": "…", "issuer": URL, "subject": "…", "audience": "api://AzureADTokenExchange"},
//	            {"tenantId": "…", "clientId": "…", "clientSecret": "…"}],
//	 "google": [{"provider": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/P/providers/Q", "issuer": URL,
//	             "subject": "…", "audience": "…", "serviceAccounts": ["may be impersonated: EMAIL"]}],
//	 "googleKeys": [{"clientEmail": "…", "key": "PEM of the public key, or of the private key (PKCS #8)"}],
//	 "quay":   [{"robot": "org+puller", "issuer": URL, "subject": "…", "audience": "…"}],
//	 "deny":   [{"identity": "arn:aws:iam::123456789012:role/pull", "action": "ecr:GetAuthorizationToken"}]}
//
// A provider of GKE is "identitynamespace:PROJECT.svc.id.goog:https://container.googleapis.com/v1/projects/…". An identity
// is the ARN of a role or user, a client ID, the email of a Google service account, a robot, or a principal of Google:
// "principal:", the provider up to its /providers/ (of GKE PROJECT.svc.id.goog), "/subject/" and the subject. Actions that
// can be denied are ecr:GetAuthorizationToken, ecr-public:GetAuthorizationToken, sts:GetServiceBearerToken,
// iam.serviceAccounts.getAccessToken, the host of a registry of ACR (its exchange refuses the client), and pull (at every
// front). A session policy is obeyed for the actions of ecr, ecr-public and sts.
//
// PUT /faults: a list. The first fault of a route ("*" is every route) that is not used up applies, after the request was
// recorded. Without status, body and redirect the route answers, and the rest is done to its answer.
//
//	[{"route": "ecr", "times": 2,       how often; 0 is always
//	  "delayMs": 500,                   before anything else
//	  "dateOffset": -1200,              seconds by which the route's clock is wrong: its Date, what it compares signatures and
//	                                    ServiceAccount tokens with, and the expiry it tells; not the expiry it goes by
//	  "retryAfter": "30",               that header
//	  "status": 503, "body": "…", "contentType": "application/json",   200 if there is only a body
//	  "redirect": "https://…",          as Location; status 307 if there is none
//	  "huge": 1048576,                  that many blanks before the body
//	  "truncate": true}]                half of the body, then the connection ends
//
// PUT /lifetimes: seconds by route, also below zero, {"ecr": 20, "sts": -1}. Otherwise 43200 for ecr and ecr-public, what
// was asked for for sts and google-iam, 10800 for acr-exchange, 4500 for acr-token, and 3600. A token of google-sts
// never outlives the ServiceAccount token.
//
// PUT /fronts: {"HOST or HOST:PORT, or * for all": "ecr", …}; beside it ecr-public, acr, google and quay. It comes before the grammar,
// and a registry of ACR that it names takes the refresh tokens of all.
//
// GET /requests: a list in order of arrival, DELETE /requests empties it (204).
//
//	[{"time": "RFC 3339", "provider": "aws | azure | google | quay, or empty", "route": "sts, or unknown", "method": "POST", "host": "…", "path": "/",
//	  "status": 200,                    0 until it is answered
//	  "fault": true,                    a fault applied
//	  "namespace": "…", "name": "…",    the ServiceAccount from whose token the credentials come, directly or by what was minted
//	  "username": "…",                  of Basic
//	  "credentials": {"WebIdentityToken": "SHA-256 in hex"},
//	  "issued": {"sessionToken": "SHA-256 in hex"}}]
//
// Credentials have the names of their form fields, or basic (the password), bearer, sessionToken and accessKeyId. Issued
// are accessKeyId, secretAccessKey and sessionToken by sts; password by ecr, ecr-public and quay; access_token or
// refresh_token by the others. Empty ones are left out. No credential is ever shown.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fakecloud:", err)
		os.Exit(1)
	}
}

type addresses struct {
	Listen string `json:"listen"`
	Plain  string `json:"plain,omitempty"`
	Admin  string `json:"admin"`
	CAFile string `json:"caFile"`
}

func run(args []string) error {
	flags := flag.NewFlagSet("fakecloud", flag.ContinueOnError)
	var at addresses
	flags.StringVar(&at.CAFile, "ca-file", "", "where to write the CA to trust")
	flags.StringVar(&at.Listen, "listen", "127.0.0.1:0", "address for TLS")
	flags.StringVar(&at.Plain, "plain", "", "address for plain HTTP, if any")
	flags.StringVar(&at.Admin, "admin", "127.0.0.1:0", "address for the admin interface")
	var keys keySource
	flags.StringVar(&keys.file, "jwks-file", "", "keys of ServiceAccount tokens")
	flags.StringVar(&keys.url, "jwks-url", "", "where to ask for these keys")
	keysCA := flags.String("jwks-ca", "", "CA of --jwks-url")
	flags.StringVar(&keys.tokenFile, "jwks-token-file", "", "bearer token for --jwks-url")
	registry := flags.String("registry", "", "the registry that pulls go to")
	registryCA := flags.String("registry-ca", "", "CA of --registry")
	aws := flags.String("aws", "", "URL of who answers for AWS")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if at.CAFile == "" || flags.NArg() > 0 {
		return errors.New("--ca-file is needed, and no argument")
	}
	var err error
	if keys.transport, err = trusting(*keysCA); err != nil {
		return err
	}
	cloud, err := newCloud(&keys)
	if err != nil {
		return err
	}
	cloud.aws = *aws
	if *registry != "" {
		if cloud.registry, err = proxy(*registry, *registryCA); err != nil {
			return err
		}
	}
	if err := serve(cloud, &at); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(at); err != nil {
		return err
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		ended <- syscall.SIGHUP
	}()
	<-ended
	return nil
}

// serve listens at all addresses, and puts the ports into them.
func serve(c *cloud, at *addresses) error {
	certificates, err := newAuthority(at.CAFile)
	if err != nil {
		return err
	}
	secure := &http.Server{Handler: c, TLSConfig: certificates.config()}
	open := &http.Server{Handler: c}
	admin := &http.Server{Handler: c.admin()}
	for _, one := range []struct {
		address *string
		serve   func(net.Listener) error
	}{
		{&at.Listen, func(l net.Listener) error { return secure.ServeTLS(l, "", "") }},
		{&at.Plain, open.Serve},
		{&at.Admin, admin.Serve},
	} {
		if *one.address == "" {
			continue
		}
		listener, err := net.Listen("tcp", *one.address)
		if err != nil {
			return err
		}
		*one.address = listener.Addr().String()
		go func() { _ = one.serve(listener) }()
	}
	return nil
}
