package backend

import (
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/sign"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// signing is a backend that signs, its transport, and what mounts its Secret.
func signing(t *testing.T, config routeconfig.Backend, scripts ...exchangeScript) (b *Backend, sent *transport, mount func(map[string]string)) {
	t.Helper()
	secrets := testkit.NewSecrets(t)
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	config.Name, config.URL, config.MaxResponseSize = "one", "https://one.example.com/x", 16
	config.Timeout, config.Request.Path = testkit.Span(time.Minute), routeconfig.PathURL
	state := NewState(StateOptions{Namespace: "shop", Config: &config, Store: store, Dialer: dial.New(dial.Options{})})
	sent = &transport{scripts: scripts}
	state.connections = sent
	expressions, err := expression.NewCompiler()
	if err != nil {
		t.Fatal(err)
	}
	if b, err = New(Options{Config: &config, State: state, Combined: true, Via: "fanout-x", Expressions: expressions}); err != nil {
		t.Fatal(err)
	}
	return b, sent, func(keys map[string]string) {
		secrets.Mount("shop", config.Credential.Secret, keys)
		store.Reload([]string{"."})
	}
}

func webhookKeys(letters string) (text string, keys [][]byte) {
	for _, letter := range letters {
		key := strings.Repeat(string(letter), 24)
		keys = append(keys, []byte(key))
		text += "whsec_" + base64.StdEncoding.EncodeToString([]byte(key)) + "\n"
	}
	return text, keys
}

// Each attempt is signed at its own time, under the id that its call has; another call has
// another. Two keys sign side by side, and what is rotated signs the next attempt.
func TestEachAttemptIsSigned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, sent, mount := signing(t, routeconfig.Backend{
			Credential: &routeconfig.Credential{Type: routeconfig.CredentialStandardWebhooks, Secret: "hook"},
			Retry: &routeconfig.Retry{
				Attempts: 2, Methods: routeconfig.RetryAll, RetryOn: []string{"503"}, BudgetPercent: 100,
			},
		}, exchangeScript{status: 503, header: http.Header{"Retry-After": {"5"}}}, exchangeScript{status: 200})
		text, keys := webhookKeys("ab")
		mount(map[string]string{"secret": text})
		for range 2 {
			if a := ask(t, b, newCall("POST", "Webhook-Id", "theirs", "Webhook-Signature", "theirs", "Webhook_Timestamp", "1")); a.Outcome != fanout.Succeeded {
				t.Fatalf("answer %+v", a)
			}
		}
		var ids []string
		for i, r := range sent.seen {
			id := r.Header.Get("Webhook-Id")
			for _, want := range sign.Webhook(id, sent.at[i], []byte("body"), keys) {
				if got := r.Header[want.Name]; !slices.Equal(got, []string{want.Value}) {
					t.Errorf("attempt %d: %s is %q, want %q", i, want.Name, got, want.Value)
				}
			}
			if r.Header[http.CanonicalHeaderKey("Webhook_Timestamp")] != nil {
				t.Errorf("attempt %d has what its caller sent: %v", i, r.Header)
			}
			ids = append(ids, id)
		}
		if len(ids) != 3 || ids[0] != ids[1] || ids[1] == ids[2] || strings.Contains(strings.Join(ids, ""), "theirs") {
			t.Errorf("ids are %q, want one for the first two", ids)
		}
		if before, after := sent.seen[0].Header.Get("Webhook-Timestamp"), sent.seen[1].Header.Get("Webhook-Timestamp"); atoi(after)-atoi(before) != 5 {
			t.Errorf("attempts are signed at %s and %s, want 5 s between", before, after)
		}
		text, keys = webhookKeys("c")
		mount(map[string]string{"secret": text})
		ask(t, b, newCall("POST"))
		last := sent.seen[len(sent.seen)-1]
		if got := sign.Webhook(last.Header.Get("Webhook-Id"), sent.at[len(sent.at)-1], []byte("body"), keys); last.Header.Get("Webhook-Signature") != got[1].Value {
			t.Errorf("the rotated key does not sign: %v", last.Header)
		}
	})
}

func atoi(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// A rule may say what the message is; an id that could be read as one of another message is
// sent to nobody.
func TestARuleMaySayTheWebhookID(t *testing.T) {
	t.Parallel()
	for id, sentIt := range map[string]bool{"order-7": true, "a.1": false, "": false} {
		b, sent, mount := signing(t, routeconfig.Backend{
			Credential: &routeconfig.Credential{Type: routeconfig.CredentialStandardWebhooks, Secret: "hook"},
			Request:    routeconfig.Request{SetHeaders: []routeconfig.NameValue{{Name: "webhook-id", Value: id}}},
		}, exchangeScript{status: 200})
		text, keys := webhookKeys("a")
		mount(map[string]string{"secret": text})
		a := ask(t, b, newCall("POST"))
		if !sentIt {
			if a.Reason != fanout.Credential || !strings.Contains(a.Detail, "Webhook-Id") || len(sent.seen) > 0 {
				t.Errorf("%q: answer %+v, %d requests", id, a, len(sent.seen))
			}
			continue
		}
		h := sent.seen[0].Header
		if want := sign.Webhook(id, time.Unix(int64(atoi(h.Get("Webhook-Timestamp"))), 0), []byte("body"), keys); h.Get("Webhook-Id") != id || h.Get("Webhook-Signature") != want[1].Value {
			t.Errorf("%q: sent %v", id, h)
		}
	}
}

// An HMAC, and SigV4, stand in their fields, whatever the caller sent there.
func TestSignaturesStandInTheirFields(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		credential routeconfig.Credential
		keys       map[string]string
		theirs     []string
		want       map[string]string
	}{
		"GitHub's": {
			routeconfig.Credential{
				Type: routeconfig.CredentialHMAC, Secret: "s", Key: "k", Header: "x-hub-signature-256",
				HMAC: &routeconfig.HMAC{Algorithm: routeconfig.AlgorithmSHA256, Encoding: routeconfig.EncodingHex, Prefix: "sha256="},
			},
			map[string]string{"k": "key\n"}, []string{"X-Hub-Signature-256", "theirs"},
			// echo -n body | openssl dgst -sha256 -hmac key
			map[string]string{"X-Hub-Signature-256": "sha256=515aae133b435d4000956731f68ae5cf5eb85d4f0dc6a546d2bfcd3595ec1ae1"},
		},
		"SigV4": {
			routeconfig.Credential{Type: routeconfig.CredentialAWSSigV4, Secret: "s", AWS: &routeconfig.AWS{Region: "eu-central-1", Service: "execute-api"}},
			map[string]string{"aws_access_key_id": "AKID", "aws_secret_access_key": "v", "aws_session_token": "session"},
			[]string{"X-Amz-Security-Token", "theirs", "X-Amz-Date", "theirs", "X_Amz_Content_Sha256", "theirs", "Authorization", "theirs"},
			map[string]string{"X-Amz-Security-Token": "session", "X-Amz-Content-Sha256": "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5"},
		},
	} {
		b, sent, mount := signing(t, routeconfig.Backend{Credential: &row.credential}, exchangeScript{status: 200})
		if _, refusal := b.Reserve(t.Context(), newCall("POST"), nil); refusal.Reason != fanout.Credential {
			t.Errorf("%s: without its Secret %+v", name, refusal)
		}
		if err := b.credential.sign(&http.Request{}, &work{call: newCall("POST")}); !errors.Is(err, creds.ErrMissing) {
			t.Errorf("%s: an attempt without its Secret: %v", name, err)
		}
		mount(row.keys)
		if a := ask(t, b, newCall("POST", row.theirs...)); a.Outcome != fanout.Succeeded {
			t.Fatalf("%s: %+v", name, a)
		}
		h := sent.seen[0].Header
		for field, want := range row.want {
			if got := h[field]; !slices.Equal(got, []string{want}) {
				t.Errorf("%s: %s is %q, want %q", name, field, got, want)
			}
		}
		for field, values := range h {
			if slices.Contains(values, "theirs") {
				t.Errorf("%s: %s is the caller's: %q", name, field, values)
			}
		}
	}
}

// Several keys sign where their signatures have room: beside a timestamp.
func TestSeveralKeysSignBesideATimestamp(t *testing.T) {
	t.Parallel()
	for header, signatures := range map[string]int{"": 2, "X-Time": 0} {
		b, sent, mount := signing(t, routeconfig.Backend{Credential: &routeconfig.Credential{
			Type: routeconfig.CredentialHMAC, Secret: "s", Key: "k", Header: "X-Signature",
			HMAC: &routeconfig.HMAC{Prefix: "v1=", Timestamp: &routeconfig.HMACTimestamp{Header: header, Prefix: "t=", Separator: "."}},
		}}, exchangeScript{status: 200})
		mount(map[string]string{"k": "old\nnew"})
		a := ask(t, b, newCall("POST", "X-Time", "theirs"))
		if signatures == 0 {
			if a.Reason != fanout.Credential || !strings.Contains(a.Detail, "more than one line") {
				t.Errorf("two keys without room: %+v", a)
			}
			continue
		}
		if got := sent.seen[0].Header.Get("X-Signature"); strings.Count(got, "v1=") != signatures || !strings.HasPrefix(got, "t=") {
			t.Errorf("two keys make %q", got)
		}
	}
}

// A signature is made for who may have it, asked for each attempt.
func TestASignatureIsBoundToHosts(t *testing.T) {
	t.Parallel()
	text, _ := webhookKeys("a")
	for hosts, allowed := range map[string]bool{"one.example.com": true, "two.example.com": false} {
		b, sent, mount := signing(t, routeconfig.Backend{
			Credential: &routeconfig.Credential{Type: routeconfig.CredentialStandardWebhooks, Secret: "hook"},
		}, exchangeScript{status: 200})
		mount(map[string]string{"secret": text, "allowedHosts": "one.example.com"})
		call := newCall("POST")
		r, refusal := b.Reserve(t.Context(), call, nil)
		if r == nil {
			t.Fatalf("refused: %+v", refusal)
		}
		mount(map[string]string{"secret": text, "allowedHosts": hosts})
		a := do(t.Context(), r, call, nil)
		if (a.Outcome == fanout.Succeeded) != allowed || (len(sent.seen) > 0) != allowed || len(b.Forbidden()) > 0 == allowed {
			t.Errorf("allowedHosts %s: %+v, %d requests, forbidden %v", hosts, a, len(sent.seen), b.Forbidden())
		}
	}
}
