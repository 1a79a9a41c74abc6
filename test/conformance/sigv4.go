package main

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// awsRequest is one that a backend got signed by SigV4, as it came.
type awsRequest struct {
	Service       string            `json:"service"`
	Region        string            `json:"region"`
	ID            string            `json:"id"`
	Secret        string            `json:"secret"`
	Session       string            `json:"session"`
	Method        string            `json:"method"`
	Path          string            `json:"path"`
	Query         string            `json:"query"`
	Headers       map[string]string `json:"headers"` // that are signed
	Body          []byte            `json:"body"`
	At            time.Time         `json:"at"`
	Authorization string            `json:"authorization"`
}

// targets are paths and queries. Of what is not encoded as the SDKs do themselves a receiver
// makes what it will, so that there is none of it.
func targets() []string {
	return []string{
		"/", "/a", "/a/", "/a/b%20c", "/a%2Fb", "/%E6%BC%A2", "/a//b", "/a/b//", "/~x-y_z.1", "/a%2520b", "/a+b", "/a=b", "/a%2Bb",
		"/?a=1", "/?b=2&a=1", "/?a=2&a=1", "/?a", "/?a=", "/?a=%20b", "/?a=%2B", "/?%C3%BC=%C3%B6", "/?a=b%3Bc", "/?A=1&a=2", "/p?x=%2F&y=%3D",
	}
}

// signedRequests sends calls of all kinds to three backends that want them signed, and
// returns what those got.
func signedRequests() ([]awsRequest, error) {
	secrets := fstest.MapFS{
		"judged/key/aws_access_key_id":         {Data: []byte("AKIDEXAMPLE")},
		"judged/key/aws_secret_access_key":     {Data: []byte("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")},
		"judged/session/aws_access_key_id":     {Data: []byte("ASIAEXAMPLE\n")},
		"judged/session/aws_secret_access_key": {Data: []byte("of a session\n")},
		"judged/session/aws_session_token":     {Data: []byte("AQoDYXdzEPT//////////wEXAMPLEtc764==\n")},
	}
	services := []string{"execute-api", "s3", "es"}
	backends := []*caught{{}, {}, {}}
	address, stop, err := startProxyWith(secrets, func(r *routeconfig.Route) {
		r.Dispatch.Policy = "All"
		for i := range r.Backends {
			b := &r.Backends[i]
			b.Request.Path = routeconfig.PathForward
			b.Credential = &routeconfig.Credential{Type: routeconfig.CredentialAWSSigV4, Secret: "key", AWS: &routeconfig.AWS{Region: "eu-central-1", Service: services[i]}}
		}
		r.Backends[2].Credential.Secret = "session"
	}, backends[0], backends[1], backends[2])
	if err != nil {
		return nil, err
	}
	defer stop()
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		for _, target := range targets() {
			body := ""
			if method == http.MethodPost || method == http.MethodPut {
				body = `{"a":"ü"}`
			}
			if err := deliver(method, "http://"+address+target, body, "Content-Type", "application/json", "X-Amz-Meta-Odd", "a  b", "Traceparent", "00-1-2-01"); err != nil {
				return nil, err
			}
		}
	}
	var list []awsRequest
	for i, b := range backends {
		for n := range b.requests {
			list = append(list, awsRequestOf(b, n, services[i], secrets, i == 2))
		}
	}
	return list, nil
}

func awsRequestOf(b *caught, n int, service string, secrets fstest.MapFS, session bool) awsRequest {
	r := b.requests[n]
	folder := "judged/key/"
	if session {
		folder = "judged/session/"
	}
	value := func(key string) string {
		if f := secrets[folder+key]; f != nil {
			return strings.TrimSuffix(string(f.Data), "\n")
		}
		return ""
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	out := awsRequest{
		Service: service, Region: "eu-central-1", Method: r.Method, Path: path, Query: query, Body: b.bodies[n], Headers: map[string]string{"host": r.Host},
		ID: value("aws_access_key_id"), Secret: value("aws_secret_access_key"), Session: value("aws_session_token"), Authorization: r.Header.Get("Authorization"),
	}
	out.At, _ = time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	_, signed, _ := strings.Cut(out.Authorization, "SignedHeaders=")
	signed, _, _ = strings.Cut(signed, ",")
	for name := range strings.SplitSeq(signed, ";") {
		switch name {
		case "host", "x-amz-date", "x-amz-security-token":
		default:
			out.Headers[name] = r.Header.Get(name)
		}
	}
	return out
}

// sdkVerdicts are those of the SDK's own signer on what came. It leaves the empty segments
// of a path in, which receivers other than S3 take out before they judge: those are left to
// the other library.
func sdkVerdicts(requests []awsRequest) (v tally) {
	for i := range requests {
		r := &requests[i]
		if strings.Contains(r.Path, "//") && r.Service != "s3" {
			continue
		}
		v.Of++
		if resigned(r, r.Headers["x-amz-content-sha256"]) == r.Authorization {
			v.Taken++
		} else {
			v.Misses = append(v.Misses, r.Service+" "+r.Path+"?"+r.Query)
		}
		if resigned(r, "another") == r.Authorization {
			v.Tampered++
		}
	}
	return v
}

func resigned(r *awsRequest, digest string) string {
	again, err := http.NewRequestWithContext(context.Background(), r.Method, "http://"+r.Headers["host"]+r.Path, bytes.NewReader(nil))
	if err != nil {
		return err.Error()
	}
	again.URL.Opaque, again.URL.RawQuery = "//"+r.Headers["host"]+r.Path, r.Query
	for name, value := range r.Headers {
		if name != "host" {
			again.Header.Set(name, value)
		}
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = r.Service == "s3" })
	credentials := aws.Credentials{AccessKeyID: r.ID, SecretAccessKey: r.Secret, SessionToken: r.Session}
	if err := signer.SignHTTP(context.Background(), credentials, again, digest, r.Service, r.Region, r.At); err != nil {
		return err.Error()
	}
	return again.Header.Get("Authorization")
}
