package creds_test

import (
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// webhookKey is a key of Standard Webhooks of 24 equal bytes.
func webhookKey(b byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(b), 24)))
}

// What signs is judged when the Secret is read, by words that repeat nothing of it.
func TestKeysThatSignAreJudged(t *testing.T) {
	t.Parallel()
	a, b := webhookKey('a'), webhookKey('b')
	for content, want := range map[string]string{
		a:                               "",
		a + "\n":                        "",
		a + "\r\n" + b + "\r\n":         "",
		"\n" + a + "\n \n" + b:          "",
		strings.TrimPrefix(a, "whsec_"): "",
		a + "\n" + b + "\n" + a:         `key "secret" holds 3 keys: leave at most 2`,
		" \n\t":                         `key "secret" holds no key`,
		"whsec_c2hvcnQ=":                `key "secret" line 1 is no whsec_ with 24 bytes or more in base64 (Standard Webhooks)`,
		a + "\nwhsec_%":                 `key "secret" line 2 is no whsec_ with 24 bytes or more in base64 (Standard Webhooks)`,
		"whsk_" + a[6:]:                 `key "secret" line 1 is no whsec_ with 24 bytes or more in base64 (Standard Webhooks)`,
		a + " ":                         `key "secret" line 1 is no whsec_ with 24 bytes or more in base64 (Standard Webhooks)`,
	} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount("shop", "s", map[string]string{"secret": content})
		d := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}).Webhook("shop", "s")
		_, err := d.Get()
		got := ""
		if p := d.Problem(); p != nil {
			got = p.Message
		}
		if got != want || (err == nil) != (want == "") {
			t.Errorf("%q: %q (%v), want %q", content, got, err, want)
		}
	}
}

// The keys themselves: of Standard Webhooks what base64 says, of others the texts.
func TestLinesAreKeys(t *testing.T) {
	t.Parallel()
	if got := creds.NewValue(webhookKey('a') + "\n\n" + strings.TrimPrefix(webhookKey('b'), "whsec_") + "\nno base64").WebhookKeys(); len(got) != 2 ||
		string(got[0]) != strings.Repeat("a", 24) || string(got[1]) != strings.Repeat("b", 24) {
		t.Errorf("keys are %q", got)
	}
	if got := creds.NewValue("whsec_x\r\n\nb c\n").TextKeys(); len(got) != 2 || string(got[0]) != "whsec_x" || string(got[1]) != "b c" {
		t.Errorf("texts are %q", got)
	}
}

// A Secret that has no session any more is of a key without; half a key is none.
func TestSessionsComeAndGo(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	key := store.AWS("shop", "s")
	for _, step := range []struct {
		secret, session string
		want            string
		wrong           bool
	}{{"1", "t", "1t", false}, {"2", "", "2", false}, {"", "u", "2", true}, {"3", "u", "3u", false}, {"4", "\n", "4", false}} {
		keys := map[string]string{"aws_access_key_id": "id", "aws_session_token": step.session}
		if step.secret != "" {
			keys["aws_secret_access_key"] = step.secret
		}
		secrets.Mount("shop", "s", keys)
		store.Reload([]string{"."})
		s, err := key.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		got := s.Value(creds.AWSSecretKey).Reveal() + s.Value(creds.AWSSessionToken).Reveal()
		if got != step.want || (key.Problem() != nil) != step.wrong {
			t.Errorf("with %v: %q and problem %+v, want %q", keys, got, key.Problem(), step.want)
		}
	}
}
