package jwt

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// pair is a key of an issuer, as it is published and as it signs.
type pair struct {
	id      string
	private any
}

func newRSA(t testing.TB, id string, bits int) pair {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return pair{id, k}
}

func newEC(t testing.TB, id string, curve elliptic.Curve) pair {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pair{id, k}
}

func newEd(t testing.TB, id string) pair {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pair{id, k}
}

// published is the public key as JSON, with more members.
func (p pair) published(t testing.TB, more map[string]any) map[string]any {
	t.Helper()
	k, err := jwk.Import(p.private.(interface{ Public() crypto.PublicKey }).Public())
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := json.Marshal(k)
	members := map[string]any{}
	if err := json.Unmarshal(raw, &members); err != nil {
		t.Fatal(err)
	}
	if p.id != "" {
		members["kid"] = p.id
	}
	maps.Copy(members, more)
	return members
}

func setOf(t testing.TB, keys ...map[string]any) []byte {
	t.Helper()
	if keys == nil {
		keys = []map[string]any{}
	}
	raw, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// sign makes a token whose header has more members than alg and kid. A nil one is left out.
func (p pair) sign(t testing.TB, alg, payload string, more map[string]any) string {
	t.Helper()
	header := map[string]any{"alg": alg}
	if p.id != "" {
		header["kid"] = p.id
	}
	for name, value := range more {
		if header[name] = value; value == nil {
			delete(header, name)
		}
	}
	raw, _ := json.Marshal(header)
	return p.signRaw(t, alg, string(raw), payload)
}

func (p pair) signRaw(t testing.TB, alg, header, payload string) string {
	t.Helper()
	input := encode(header) + "." + encode(payload)
	known, ok := jwa.LookupSignatureAlgorithm(alg)
	if !ok {
		t.Fatalf("no algorithm %s", alg)
	}
	signer, err := jws.SignerFor(known)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign(p.private, []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(string(signature))
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// says is a payload of good claims, changed by more; a nil one is left out.
func says(more map[string]any) string {
	now := time.Now().Unix()
	claims := map[string]any{"iss": "https://idp.example", "sub": "ada", "aud": "orders", "exp": now + 300, "iat": now, "nbf": now - 10}
	for name, value := range more {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	raw, _ := json.Marshal(claims)
	return string(raw)
}

func config(modify ...func(*routeconfig.CallerJWT)) *routeconfig.CallerJWT {
	c := &routeconfig.CallerJWT{
		Name: "idp", Issuer: "https://idp.example", JWKSURI: "https://idp.example/keys", Algorithms: []string{"RS256", "ES256", "EdDSA"},
		Audiences: []string{"orders"}, ClockSkew: routeconfig.Duration(30 * time.Second), Caller: []string{"sub"}, Header: "Authorization",
	}
	for _, m := range modify {
		m(c)
	}
	return c
}

// holding is an issuer whose keys are there and stay.
func holding(t testing.TB, c *routeconfig.CallerJWT, keys ...map[string]any) *Issuer {
	t.Helper()
	i := New(Options{Config: c, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	i.fetch = func(context.Context) (*Set, error) { return parseSet(setOf(t, keys...)) }
	i.refresh()
	i.asked = time.Now() // nobody fetches any more
	return i
}

// judge is how the gate asks.
func judge(t testing.TB, i *Issuer, compact string) (*Caller, Verdict) {
	t.Helper()
	token := Parse(compact)
	if token == nil || !i.Issues(token) {
		return nil, Refused
	}
	caller, verdict, flaw := i.Judge(t.Context(), token, Digest(sha256.Sum256([]byte(compact))))
	if (flaw != NoFlaw) != (verdict == Refused) {
		t.Errorf("verdict %d with flaw %d", verdict, flaw)
	}
	return caller, verdict
}

func TestClaims(t *testing.T) {
	t.Parallel()
	ed := newEd(t, "one")
	now := time.Now().Unix()
	in := map[string]any{"a": map[string]any{"b": "nested"}, "https://x/y": "odd", "n": 12345678901234567, "list": []any{"x", "y", 7, []any{"z"}}, "scope": "read write", "yes": true}
	need := func(values []string, path ...string) func(*routeconfig.CallerJWT) {
		return func(c *routeconfig.CallerJWT) {
			c.RequiredClaims = []routeconfig.RequiredClaim{{Claim: path, Values: values}}
		}
	}
	named := func(path ...string) func(*routeconfig.CallerJWT) {
		return func(c *routeconfig.CallerJWT) { c.Caller = path }
	}
	anybody := func(c *routeconfig.CallerJWT) { c.Audiences = nil }
	for name, row := range map[string]struct {
		claims map[string]any
		modify func(*routeconfig.CallerJWT)
		want   string
	}{
		"all well":                         {nil, nil, "ada"},
		"ended, within the skew":           {map[string]any{"exp": now - 5}, nil, "ada"},
		"ended":                            {map[string]any{"exp": now - 31}, nil, ""},
		"ended, without a skew":            {map[string]any{"exp": now - 1}, func(c *routeconfig.CallerJWT) { c.ClockSkew = 0 }, ""},
		"no end":                           {map[string]any{"exp": nil}, nil, ""},
		"an end that is null":              {map[string]any{"exp": json.RawMessage("null")}, nil, ""},
		"an end in another case":           {map[string]any{"exp": nil, "EXP": now + 300}, nil, ""},
		"an end that is a text":            {map[string]any{"exp": "9999999999"}, nil, ""},
		"an end of a fraction":             {map[string]any{"exp": float64(now) + 300.5}, nil, "ada"},
		"an end after all time":            {map[string]any{"exp": 1e300}, nil, ""},
		"an end in E notation":             {map[string]any{"exp": json.RawMessage("4e9")}, nil, "ada"},
		"not begun":                        {map[string]any{"nbf": now + 300}, nil, ""},
		"not begun, within the skew":       {map[string]any{"nbf": now + 25}, nil, "ada"},
		"a beginning that is a text":       {map[string]any{"nbf": "0"}, nil, ""},
		"no beginning":                     {map[string]any{"nbf": nil, "iat": nil}, nil, "ada"},
		"issued tomorrow":                  {map[string]any{"iat": now + 86400}, nil, ""},
		"another issuer":                   {map[string]any{"iss": "https://idp.example/"}, nil, ""},
		"no issuer":                        {map[string]any{"iss": nil}, nil, ""},
		"issuers in a list":                {map[string]any{"iss": []string{"https://idp.example"}}, nil, ""},
		"one audience of many":             {map[string]any{"aud": []string{"web", "orders"}}, nil, "ada"},
		"another audience":                 {map[string]any{"aud": "Orders"}, nil, ""},
		"other audiences":                  {map[string]any{"aud": []string{"web"}}, nil, ""},
		"no audience":                      {map[string]any{"aud": nil}, nil, ""},
		"an audience in an object":         {map[string]any{"aud": map[string]any{"orders": "orders"}}, nil, ""},
		"any audience":                     {map[string]any{"aud": "web"}, anybody, "ada"},
		"a claim that must be there":       {in, need(nil, "a", "b"), "ada"},
		"and is not":                       {in, need(nil, "a", "c"), ""},
		"and is null":                      {map[string]any{"a": json.RawMessage("null")}, need(nil, "a"), ""},
		"a value":                          {in, need([]string{"other", "nested"}, "a", "b"), "ada"},
		"another value":                    {in, need([]string{"other"}, "a", "b"), ""},
		"an item of a list":                {in, need([]string{"y"}, "list"), "ada"},
		"a number in a list":               {in, need([]string{"7"}, "list"), "ada"},
		"an item of a list in a list":      {in, need([]string{"z"}, "list"), ""},
		"a word of the scope":              {in, need([]string{"write"}, "scope"), "ada"},
		"half a word of the scope":         {in, need([]string{"writ"}, "scope"), ""},
		"words of another claim":           {map[string]any{"scopes": "read write"}, need([]string{"write"}, "scopes"), ""},
		"true":                             {in, need([]string{"true"}, "yes"), "ada"},
		"a path through a text":            {in, need(nil, "scope", "read"), ""},
		"named by a claim further down":    {in, named("a", "b"), "nested"},
		"named by a claim of an odd name":  {in, named("https://x/y"), "odd"},
		"named by a number":                {in, named("n"), "12345678901234567"},
		"named by a list":                  {in, named("list"), ""},
		"named by true":                    {in, named("yes"), ""},
		"no name":                          {map[string]any{"sub": nil}, nil, ""},
		"an empty name":                    {map[string]any{"sub": ""}, nil, ""},
		"a name of two lines":              {map[string]any{"sub": "ada\nroot"}, nil, ""},
		"half a character for a name":      {map[string]any{"sub": json.RawMessage(`"\ud800"`)}, nil, ""},
		"a name that is too long":          {map[string]any{"sub": strings.Repeat("x", 257)}, nil, ""},
		"a name that is not":               {map[string]any{"sub": strings.Repeat("x", 256)}, nil, strings.Repeat("x", 256)},
		"a short name of many escapes":     {map[string]any{"sub": json.RawMessage(`"` + strings.Repeat(`\u0061`, 256) + `"`)}, nil, strings.Repeat("a", 256)},
		"a name that is far too long":      {map[string]any{"sub": strings.Repeat("x", 4000)}, nil, ""},
		"a number that is no name for one": {map[string]any{"sub": -1.5}, nil, "-1.5"},
	} {
		c := config()
		if row.modify != nil {
			row.modify(c)
		}
		compact := ed.sign(t, "EdDSA", says(row.claims), nil)
		caller, verdict := judge(t, holding(t, c, ed.published(t, nil)), compact)
		if got := nameOf(caller); got != row.want || (verdict == Admitted) != (row.want != "") {
			t.Errorf("%s: %q (%d), want %q", name, got, verdict, row.want)
		}
	}
}

func nameOf(c *Caller) string {
	if c == nil {
		return ""
	}
	return c.Name
}

// Every way to get in with a token that the issuer has not made, or not for us.
func TestHostileTokensAreRefused(t *testing.T) {
	t.Parallel()
	key, ec, ed, other := newRSA(t, "rsa", 2048), newEC(t, "ec", elliptic.P256()), newEd(t, "ed"), newEd(t, "ed")
	pinned := newEC(t, "pinned", elliptic.P256())
	issuer := holding(t, config(), key.published(t, nil), ec.published(t, nil), ed.published(t, nil),
		pinned.published(t, map[string]any{"alg": "ES384"}), newEd(t, "").published(t, nil))
	public, _ := json.Marshal(key.published(t, nil))
	good := ed.sign(t, "EdDSA", says(nil), nil)
	parts := strings.Split(good, ".")
	symmetric := func(secret []byte, alg string) string {
		input := encode(`{"alg":"`+alg+`","kid":"rsa"}`) + "." + encode(says(nil))
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		return input + "." + encode(string(mac.Sum(nil)))
	}
	resign := func(header string) string { return ed.signRaw(t, "EdDSA", header, says(nil)) }
	own := other.published(t, nil)
	for name, compact := range map[string]string{
		"nothing": "", "dots": "..", "two parts": parts[0] + "." + parts[1], "four parts": good + ".x", "five parts": good + ".x.y",
		"no signature":                parts[0] + "." + parts[1] + ".",
		"the signature of another":    parts[0] + "." + parts[1] + "." + strings.Split(ed.sign(t, "EdDSA", says(map[string]any{"sub": "bob"}), nil), ".")[2],
		"another payload":             parts[0] + "." + encode(says(map[string]any{"sub": "root"})) + "." + parts[2],
		"a header that is not signed": encode(`{"alg":"EdDSA","kid":"ed","x":1}`) + "." + parts[1] + "." + parts[2],
		"none":                        encode(`{"alg":"none"}`) + "." + parts[1] + ".",
		"none, signed":                encode(`{"alg":"none","kid":"ed"}`) + "." + parts[1] + "." + parts[2],
		"None":                        encode(`{"alg":"None","kid":"ed"}`) + "." + parts[1] + "." + parts[2],
		"nOnE":                        encode(`{"alg":"nOnE"}`) + "." + parts[1] + "." + parts[2],
		"no algorithm":                resign(`{"kid":"ed"}`),
		"an empty algorithm":          resign(`{"alg":"","kid":"ed"}`),
		"algorithms in a list":        resign(`{"alg":["EdDSA"],"kid":"ed"}`),
		"lower case":                  resign(`{"alg":"eddsa","kid":"ed"}`),
		"two algorithms":              resign(`{"alg":"none","alg":"EdDSA","kid":"ed"}`),
		"two algorithms, turned":      resign(`{"alg":"EdDSA","alg":"none","kid":"ed"}`),
		"ALG":                         resign(`{"ALG":"EdDSA","kid":"ed"}`),
		"HS256 by the public key":     symmetric(public, "HS256"),
		"HS256 by the modulus":        symmetric(key.private.(*rsa.PrivateKey).N.Bytes(), "HS256"),
		"HS256 by nothing":            symmetric(nil, "HS256"),
		"RS256 that is HS256":         symmetric(public, "RS256"),
		"not pinned":                  key.sign(t, "PS256", says(nil), nil),
		"not pinned either":           key.sign(t, "RS512", says(nil), nil),
		"a key of another algorithm":  pinned.sign(t, "ES256", says(nil), nil),
		"the key of another":          other.sign(t, "EdDSA", says(nil), nil),
		"the key of another, no name": other.sign(t, "EdDSA", says(nil), map[string]any{"kid": nil}),
		"a key that is unknown":       other.sign(t, "EdDSA", says(nil), map[string]any{"kid": "x"}),
		"a key of another type":       other.sign(t, "EdDSA", says(nil), map[string]any{"kid": "rsa"}),
		"a path for a key":            other.sign(t, "EdDSA", says(nil), map[string]any{"kid": "../../../../dev/null"}),
		"a query for a key":           other.sign(t, "EdDSA", says(nil), map[string]any{"kid": "x' UNION SELECT 'a"}),
		"a number for a key":          resign(`{"alg":"EdDSA","kid":7}`),
		"an empty name of a key":      resign(`{"alg":"EdDSA","kid":""}`),
		"a key of its own":            other.sign(t, "EdDSA", says(nil), map[string]any{"jwk": own}),
		"a key of its own, no name":   other.sign(t, "EdDSA", says(nil), map[string]any{"jwk": own, "kid": nil}),
		"keys of its own":             other.sign(t, "EdDSA", says(nil), map[string]any{"jku": "https://evil.example/keys"}),
		"certificates of its own":     other.sign(t, "EdDSA", says(nil), map[string]any{"x5u": "https://evil.example/", "x5c": []string{"MA=="}}),
		"an extension":                resign(`{"alg":"EdDSA","kid":"ed","crit":["exp"],"exp":1}`),
		"an extension of nothing":     resign(`{"alg":"EdDSA","kid":"ed","crit":[]}`),
		"b64":                         resign(`{"alg":"EdDSA","kid":"ed","b64":false,"crit":["b64"]}`),
		"b64 that is not critical":    resign(`{"alg":"EdDSA","kid":"ed","b64":false}`),
		"compressed":                  resign(`{"alg":"EdDSA","kid":"ed","zip":"DEF"}`),
		"a logout token":              resign(`{"alg":"EdDSA","kid":"ed","typ":"logout+jwt"}`),
		"a proof of DPoP":             resign(`{"alg":"EdDSA","kid":"ed","typ":"dpop+jwt"}`),
		"a type that is no text":      resign(`{"alg":"EdDSA","kid":"ed","typ":null}`),
		"padding":                     parts[0] + "." + parts[1] + "." + parts[2] + "==",
		"a blank":                     good + " ",
		"a line end":                  parts[0] + "." + parts[1][:4] + "\n" + parts[1][4:] + "." + parts[2],
		"the other alphabet":          parts[0] + "." + parts[1] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(parts[2]) + "+",
		"bits that are left":          good[:len(good)-1] + "B",
		"JSON":                        `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`,
		"a header that is a list":     resign(`[]`),
		"a header that is null":       resign(`null`),
		"two headers":                 resign(`{"alg":"EdDSA","kid":"ed"}{}`),
		"a payload that is a list":    ed.sign(t, "EdDSA", "["+says(nil)+"]", nil),
		"a payload that is a text":    ed.sign(t, "EdDSA", "ada", nil),
		"no payload":                  ed.sign(t, "EdDSA", "", nil),
		"no UTF-8":                    ed.sign(t, "EdDSA", strings.Replace(says(nil), "ada", "a\xff", 1), nil),
		"a token in a token":          ed.sign(t, "EdDSA", good, map[string]any{"cty": "JWT"}),
		"too long":                    ed.sign(t, "EdDSA", says(map[string]any{"pad": strings.Repeat("x", MaxToken)}), nil),
		"a signature of zeros":        encode(`{"alg":"ES256","kid":"ec"}`) + "." + parts[1] + "." + encode(string(make([]byte, 64))),
		"a signature in ASN.1":        encode(`{"alg":"ES256","kid":"ec"}`) + "." + parts[1] + "." + encode("\x30\x06\x02\x01\x01\x02\x01\x01"),
	} {
		if caller, verdict := judge(t, issuer, compact); verdict != Refused || caller != nil {
			t.Errorf("%s is let in: %s", name, compact)
		}
	}
	for name, compact := range map[string]string{
		"EdDSA": good, "RS256": key.sign(t, "RS256", says(nil), nil), "ES256": ec.sign(t, "ES256", says(nil), nil),
		"without a name": ed.sign(t, "EdDSA", says(nil), map[string]any{"kid": nil}),
		"typ":            resign(`{"alg":"EdDSA","kid":"ed","typ":"JWT"}`), "at+jwt": resign(`{"alg":"EdDSA","kid":"ed","typ":"application/AT+JWT"}`),
		"keys of its own, and signed": resign(`{"alg":"EdDSA","kid":"ed","jku":"https://evil.example/","x":1}`),
	} {
		if _, verdict := judge(t, issuer, compact); verdict != Admitted {
			t.Errorf("%s is refused: %s", name, compact)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a.b.c")
	f.Add(encode(`{"alg":"EdDSA","kid":"ed"}`) + "." + encode(`{"iss":"x","exp":1}`) + ".AAAA")
	issuer := holding(f, config(), newEd(f, "ed").published(f, nil))
	f.Fuzz(func(t *testing.T, compact string) {
		if caller, verdict := judge(t, issuer, compact); caller != nil || verdict == Admitted {
			t.Errorf("%q is let in", compact)
		}
	})
}
