package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing/fstest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// message is one that a receiver got, for the library that judges it.
type message struct {
	Judge   string            `json:"judge"`
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"`
}

// tally is what a library said: of so many it took so many, and so many that were tampered
// with.
type tally struct {
	Taken    int      `json:"taken"`
	Of       int      `json:"of"`
	Tampered int      `json:"tampered"`
	Misses   []string `json:"misses"`
}

// signing sends messages through a route whose backends want them signed, and has the
// libraries of receivers judge what came.
func signing(suites string) (section string, wrong []string, err error) {
	folder := filepath.Join(suites, "signing")
	messages, err := signedMessages()
	if err != nil {
		return "", nil, err
	}
	requests, err := signedRequests()
	if err != nil {
		return "", nil, err
	}
	counts, err := npmVerdicts(folder, messages, requests)
	if err != nil {
		return "", nil, err
	}
	counts["Go standardwebhooks"] = goVerdicts(messages)
	counts["AWS SDK for Go"] = sdkVerdicts(requests)
	var b strings.Builder
	b.WriteString("## Signatures\n\nWhat backends got through the proxy, judged by the libraries of receivers: by whether they throw, and for SigV4 by what they sign themselves. " +
		"Two keys sign each webhook; a library knows one of them. npm packages and Go modules at the versions of fetch.sh and go.mod.\n\n" +
		"| | taken | tampered with and taken |\n|---|---|---|\n")
	for _, name := range []string{"standardwebhooks", "svix", "Go standardwebhooks", "stripe", "@smithy/signature-v4", "AWS SDK for Go"} {
		v := counts[name]
		fmt.Fprintf(&b, "| %s | %d of %d | %d |\n", name, v.Taken, v.Of, v.Tampered)
		if v.Of < 20 || v.Taken != v.Of || v.Tampered > 0 {
			wrong = append(wrong, fmt.Sprintf("%s takes %d of %d signatures, and %d that were tampered with: %q", name, v.Taken, v.Of, v.Tampered, v.Misses))
		}
	}
	return b.String(), wrong, nil
}

// signedBodies are JSON: some libraries read what they have verified.
func signedBodies() []string {
	list := []string{`{}`, `[]`, `"ü 漢 😀"`, ` {"a" : 1.50}` + "\n", `{"a":"` + strings.Repeat("x", 200_000) + `"}`, `"\u0000\"\\"`, `null`}
	for i := range 20 {
		list = append(list, fmt.Sprintf(`{"id":%d,"text":%q}`, i, strings.Repeat("é", i)))
	}
	return list
}

// signedMessages sends each body to two backends, one of Standard Webhooks and one of Stripe's
// style, and returns what they got for each library and each of two keys.
func signedMessages() ([]message, error) {
	keys := []string{"whsec_" + base64.StdEncoding.EncodeToString([]byte("a key of 24 bytes, or so")), "whsec_" + base64.StdEncoding.EncodeToString([]byte("another of 24 bytes here"))}
	both := []byte(strings.Join(keys, "\n") + "\n")
	secrets := fstest.MapFS{"judged/hook/secret": {Data: both}}
	hook, stripe := &caught{}, &caught{}
	address, stop, err := startProxyWith(secrets, func(r *routeconfig.Route) {
		r.Dispatch.Policy = "All"
		r.Backends[0].Credential = &routeconfig.Credential{Type: routeconfig.CredentialStandardWebhooks, Secret: "hook"}
		r.Backends[1].Credential = &routeconfig.Credential{Type: routeconfig.CredentialHMAC, Secret: "hook", Key: "secret", Header: "Stripe-Signature",
			HMAC: &routeconfig.HMAC{Algorithm: "SHA256", Encoding: "Hex", Prefix: "v1=", Timestamp: &routeconfig.HMACTimestamp{Prefix: "t=", Separator: "."}}}
	}, hook, stripe)
	if err != nil {
		return nil, err
	}
	defer stop()
	for _, body := range signedBodies() {
		if err := deliver(http.MethodPost, "http://"+address+"/", body); err != nil {
			return nil, err
		}
	}
	var list []message
	for i, key := range keys {
		for n := range hook.requests {
			for _, judge := range []string{"standardwebhooks", "svix"} {
				list = append(list, hook.message(n, judge, key))
			}
			list = append(list, stripe.message(n, "stripe", keys[i]))
		}
	}
	return list, nil
}

// deliver makes a call, which must succeed.
func deliver(method, address, body string, fields ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("make call: %w", err)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	response, err := (&http.Client{Timeout: time.Minute}).Do(r)
	if err != nil {
		return fmt.Errorf("call: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if got, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		return fmt.Errorf("call %s: %d %s", address, response.StatusCode, got)
	}
	return nil
}

// caught is a backend that keeps what it got. Calls come one after another.
type caught struct {
	requests []*http.Request
	bodies   [][]byte
}

// ServeHTTP implements http.Handler.
func (c *caught) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.requests, c.bodies = append(c.requests, r), append(c.bodies, body)
}

func (c *caught) message(n int, judge, secret string) message {
	m := message{Judge: judge, Secret: secret, Headers: map[string]string{}, Body: c.bodies[n]}
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature", "stripe-signature"} {
		if value := c.requests[n].Header.Get(name); value != "" {
			m.Headers[name] = value
		}
	}
	return m
}

// goVerdicts are those of the Go library of Standard Webhooks.
func goVerdicts(messages []message) (v tally) {
	for i := range messages {
		m := &messages[i]
		if m.Judge != "standardwebhooks" {
			continue
		}
		v.Of++
		hook, err := standardwebhooks.NewWebhook(m.Secret)
		if err != nil {
			continue
		}
		h := http.Header{}
		for name, value := range m.Headers {
			h.Set(name, value)
		}
		if hook.Verify(m.Body, h) == nil {
			v.Taken++
		}
		if hook.Verify(append(bytes.Clone(m.Body), ' '), h) == nil {
			v.Tampered++
		}
		h.Set("webhook-id", h.Get("webhook-id")+"x")
		if hook.Verify(m.Body, h) == nil {
			v.Tampered++
		}
	}
	return v
}

// npmVerdicts are those of npm's packages.
func npmVerdicts(folder string, messages []message, requests []awsRequest) (map[string]tally, error) {
	input, err := json.Marshal(map[string]any{"messages": messages, "requests": requests})
	if err != nil {
		return nil, fmt.Errorf("encode messages: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "signing.mjs", folder) //nolint:gosec // a folder of ours
	cmd.Stdin = bytes.NewReader(input)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run signing.mjs: %w: %s", err, stderr.String())
	}
	counts := map[string]tally{}
	if err := json.Unmarshal(out, &counts); err != nil {
		return nil, fmt.Errorf("read tally: %w", err)
	}
	return counts, nil
}
