package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing/fstest"
	"time"

	"github.com/fanout-operator/fanout/internal/jwt"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// wycheproof is the module with the vectors of JSON Web Signatures.
const wycheproof = "github.com/C2SP/wycheproof@v0.0.0-20250901140545-b51abcfb8daf"

// callerTokens holds the vectors of Wycheproof against its keys, as tokens are held against an
// issuer's, and sends hostile tokens to a route that believes one issuer.
func callerTokens(string) (section string, wrong []string, err error) {
	var b strings.Builder
	b.WriteString("## Tokens of callers\n\nThe signatures of Wycheproof, read from the module cache, judged by the keys that stand beside them. Valid ones that are refused are of " +
		"secrets, of more forms than the compact one, or of keys whose `alg` is another than the signature's.\n\n" +
		"| vectors | invalid, of which accepted | valid, of which accepted |\n|---|---|---|\n")
	for _, name := range []string{"json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json"} {
		v, err := signatures(name)
		if err != nil {
			return "", nil, err
		}
		fmt.Fprintf(&b, "| %s | %d, %d | %d, %d |\n", strings.TrimSuffix(name, "_test.json"), v.invalid, len(v.taken), v.valid, v.accepted)
		wrong = append(wrong, v.taken...)
		if v.invalid+v.valid == 0 {
			wrong = append(wrong, name+" has no vectors")
		}
	}
	found, err := hostile(context.Background())
	if err != nil {
		return "", nil, err
	}
	fmt.Fprintf(&b, "\nHostile tokens, made at run time and sent to a route whose issuer has keys of RSA, P-256 and Ed25519: %d, of which %d were admitted, %d reached the backend "+
		"and %d addresses that they bring along were asked. Beside them %d of %d genuine ones were admitted.\n", found.sent, len(found.admitted), found.reached, found.asked, found.genuine, found.of)
	wrong = append(wrong, found.admitted...)
	if found.reached > 0 || found.asked > 0 || found.genuine != found.of || found.of == 0 || found.sent < 100 {
		wrong = append(wrong, fmt.Sprintf("hostile tokens: %+v", found))
	}
	return b.String(), wrong, nil
}

// signatureVerdicts counts vectors. Taken are the invalid ones that were accepted.
type signatureVerdicts struct {
	invalid, valid, accepted int
	taken                    []string
}

// setOf reads what a group of vectors publishes: a set of keys, or one key.
func setOf(published map[string]any) (*jwt.Set, error) {
	if published["keys"] == nil {
		published = map[string]any{"keys": []any{published}}
	}
	keys, err := json.Marshal(published)
	if err != nil {
		return nil, fmt.Errorf("encode keys: %w", err)
	}
	return jwt.ParseSet(string(keys)) // the caller says of which file
}

func signatures(name string) (v signatureVerdicts, err error) {
	dir, err := moduleDir(wycheproof)
	if err != nil {
		return v, err
	}
	raw, err := os.ReadFile(filepath.Clean(filepath.Join(dir, "testvectors_v1", name)))
	if err != nil {
		return v, fmt.Errorf("read vectors: %w", err)
	}
	var file struct {
		TestGroups []struct {
			Public, Private map[string]any
			Tests           []struct {
				TcID    int
				Comment string
				JWS     json.RawMessage
				Result  string
			}
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return v, fmt.Errorf("read %s: %w", name, err)
	}
	for _, g := range file.TestGroups {
		published := g.Public
		if published == nil {
			published = g.Private
		}
		set, err := setOf(published)
		if err != nil {
			return v, fmt.Errorf("read keys of %s: %w", name, err)
		}
		for _, test := range g.Tests {
			compact := ""
			if json.Unmarshal(test.JWS, &compact) != nil {
				compact = string(test.JWS) // another form
			}
			in := set.Signed(compact, routeconfig.Algorithms())
			switch {
			case test.Result != "invalid" && in:
				v.valid, v.accepted = v.valid+1, v.accepted+1
			case test.Result != "invalid":
				v.valid++
			case in:
				v.invalid, v.taken = v.invalid+1, append(v.taken, fmt.Sprintf("%s: %d is accepted: %s", name, test.TcID, test.Comment))
			default:
				v.invalid++
			}
		}
	}
	return v, nil
}

// hostileVerdicts is what became of hostile tokens, and of genuine ones beside them.
type hostileVerdicts struct {
	sent, genuine, of int
	admitted          []string
	reached, asked    int64
}

// hostile sends tokens to a route whose issuer has its keys in a ConfigMap.
func hostile(ctx context.Context) (v hostileVerdicts, err error) {
	i, err := newForged()
	if err != nil {
		return v, err
	}
	bait := &recorder{} // what jku and x5u lead to
	trap, untrap, err := serve(bait)
	if err != nil {
		return v, err
	}
	defer untrap()
	i.bait = "http://" + trap
	behind := &recorder{}
	mounted := fstest.MapFS{"judged/_keys/jwks.json": {Data: i.published()}}
	address, stop, err := startProxyWith(mounted, func(r *routeconfig.Route) { //nolint:contextcheck // it ends by stop
		r.Authentication = &routeconfig.Authentication{JWT: []routeconfig.CallerJWT{{
			Name: "idp", Issuer: forgedIssuer, JWKS: &routeconfig.ConfigMapKey{Name: "keys", Key: "jwks.json"}, Algorithms: []string{"RS256", "ES256", "EdDSA"},
			Audiences: []string{"orders"}, ClockSkew: routeconfig.Duration(30 * time.Second), Caller: []string{"sub"}, Header: "Authorization", Prefix: "Bearer",
		}}}
	}, behind)
	if err != nil {
		return v, err
	}
	defer stop()
	for name, token := range i.genuine() {
		v.of++
		status, err := knock(ctx, address, "Bearer "+token)
		if err != nil {
			return v, fmt.Errorf("%s: %w", name, err)
		}
		if status == http.StatusOK {
			v.genuine++
		}
	}
	before := behind.count.Load()
	for name, fields := range i.hostile() {
		v.sent++
		status, err := knock(ctx, address, fields...)
		if err != nil {
			return v, fmt.Errorf("%s: %w", name, err)
		}
		if status != http.StatusUnauthorized {
			v.admitted = append(v.admitted, fmt.Sprintf("a hostile token, %s, is answered %d", name, status))
		}
	}
	v.reached, v.asked = behind.count.Load()-before, bait.count.Load()
	return v, nil
}

// knock makes a call with lines of Authorization.
func knock(ctx context.Context, address string, lines ...string) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("make call: %w", err)
	}
	r.Header["Authorization"] = lines
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0, fmt.Errorf("call: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode, nil
}
