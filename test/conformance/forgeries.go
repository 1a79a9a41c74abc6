package main

import (
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"time"
)

// headers ask for what is not done, with a good signature over them.
func (f *forged) headers() map[string]string {
	out := map[string]string{}
	for name, more := range map[string]object{
		"b64 false":             {"b64": false, "crit": []string{"b64"}},
		"b64 false, no crit":    {"b64": false},
		"b64 true":              {"b64": true, "crit": []string{"b64"}},
		"crit":                  {"crit": []string{"exp"}, "exp": 1},
		"an empty crit":         {"crit": []string{}},
		"crit of nothing":       {"crit": nil, "zip": "DEF"},
		"zip":                   {"zip": "DEF"},
		"a type of DPoP":        {"typ": "dpop+jwt"},
		"a type of logout":      {"typ": "logout+jwt"},
		"a type of events":      {"typ": "secevent+jwt"},
		"a type of introspects": {"typ": "token-introspection+jwt"},
		"a type of grants":      {"typ": "oauth-authz-req+jwt"},
		"a type of no text":     {"typ": 1},
		"an empty type":         {"typ": ""},
		"a kid of no text":      {"kid": 1},
		"an empty kid":          {"kid": ""},
		"a kid of another key":  {"kid": "ec"},
		"RS384 as it says":      {"alg": "RS384"},
		"PS256 as it says":      {"alg": "PS256"},
		"rs256 in small":        {"alg": "rs256"},
		"RS256 and a blank":     {"alg": "RS256 "},
	} {
		header := object{"alg": "RS256", "kid": "rsa"}
		maps.Copy(header, more)
		out["a header with "+name] = f.byRSA(input(header, claims(nil)))
	}
	in := input(object{"alg": "PS256", "kid": "rsa"}, claims(nil))
	out["an algorithm that is not pinned"] = f.pss(in)
	out["PS256 as RS256"] = f.pss(input(object{"alg": "RS256", "kid": "rsa"}, claims(nil)))
	out["ES256 with Ed25519's"] = f.byEd(input(object{"alg": "ES256", "kid": "ed"}, claims(nil)))
	out["EdDSA with P-256's"] = f.byEC(input(object{"alg": "EdDSA", "kid": "ec"}, claims(nil)))
	body := "." + raw([]byte(`{"iss":"x"}`))
	for name, head := range map[string]string{
		"alg twice": `{"alg":"RS256","alg":"none","kid":"rsa"}`, "no object": `["RS256"]`, "no JSON": `{"alg":"RS256"`, "bad UTF-8": "{\"alg\":\"RS256\",\"kid\":\"\xff\"}",
		"alg in other case": `{"ALG":"RS256","kid":"rsa"}`, "nothing": ``,
	} {
		out["a header of "+name] = f.byRSA(raw([]byte(head)) + body)
	}
	return out
}

// signatures are none of what they stand behind.
func (f *forged) signatures() map[string]string {
	good := f.byRSA(input(object{"alg": "RS256", "kid": "rsa"}, claims(nil)))
	parts := strings.Split(good, ".")
	admin := strings.Split(input(object{"alg": "RS256", "kid": "rsa"}, claims(object{"sub": "root"})), ".")
	ec := input(object{"alg": "ES256", "kid": "ec"}, claims(nil))
	point := f.point(ec)
	der, _ := asn1.Marshal([]*big.Int{new(big.Int).SetBytes(point[:32]), new(big.Int).SetBytes(point[32:])}) // two numbers
	n := f.ec.Params().N.Bytes()
	ed := input(object{"alg": "EdDSA", "kid": "ed"}, claims(nil))
	in := parts[0] + "." + parts[1]
	out := map[string]string{
		"another payload":        parts[0] + "." + admin[1] + "." + parts[2],
		"another header":         raw([]byte(`{"alg":"RS256","kid":"rsa","x":1}`)) + "." + parts[1] + "." + parts[2],
		"the modulus added":      f.modulusAdded(in),
		"zeros before it":        in + "." + raw(append([]byte{0, 0}, pkcs1(f.rsa, in)...)),
		"a byte behind it":       in + "." + raw(append(pkcs1(f.rsa, in), 0)),
		"zeros of RSA":           in + "." + raw(make([]byte, 256)),
		"one of RSA":             in + "." + raw(append(make([]byte, 255), 1)),
		"zeros of P-256":         ec + "." + raw(make([]byte, 64)),
		"the order of P-256":     ec + "." + raw(append(append([]byte{}, n...), n...)),
		"r of zero":              ec + "." + raw(append(make([]byte, 32), point[32:]...)),
		"s of zero":              ec + "." + raw(append(append([]byte{}, point[:32]...), make([]byte, 32)...)),
		"P-256 in DER":           ec + "." + raw(der),
		"half of P-256":          ec + "." + raw(point[:32]),
		"P-256 and a byte":       ec + "." + raw(append(append([]byte{}, point...), 0)),
		"zeros of Ed25519":       ed + "." + raw(make([]byte, 64)),
		"a point of low order":   ed + "." + raw(append([]byte{1}, make([]byte, 63)...)),
		"of RSA for P-256":       ec + "." + parts[2],
		"of another call":        in + "." + strings.Split(f.byRSA(admin[0]+"."+admin[1]), ".")[2],
		"of no algorithm at all": in + "." + raw([]byte("signature")),
	}
	return out
}

// said are well signed, and say what admits nobody.
func (f *forged) said() map[string]string {
	now, out := time.Now().Unix(), map[string]string{}
	for name, more := range map[string]object{
		"has ended": {"exp": now - 60}, "never ends": {"exp": nil}, "ends in words": {"exp": "tomorrow"}, "ends as a text": {"exp": fmt.Sprint(now + 300)}, "ends before time": {"exp": -1},
		"ends beyond time": {"exp": 1e300}, "ends in a list": {"exp": []int64{now + 300}}, "ends as null": {"exp": object(nil)}, "begins later": {"nbf": now + 600}, "begins in words": {"nbf": "now"},
		"was issued later": {"iat": now + 600}, "is for others": {"aud": "billing"}, "is for nobody": {"aud": nil}, "is for a list of others": {"aud": []string{"billing", "x"}},
		"is for an empty list": {"aud": []string{}}, "is for a part of us": {"aud": "order"}, "is for more than us": {"aud": "orders "}, "is for us in capitals": {"aud": "ORDERS"},
		"is for a list in a list": {"aud": [][]string{{"orders"}}}, "is for an object": {"aud": object{"orders": true}}, "is of others": {"iss": "https://evil.example.com"}, "is of nobody": {"iss": nil},
		"is of us and a slash": {"iss": forgedIssuer + "/"}, "is of us in capitals": {"iss": strings.ToUpper(forgedIssuer)}, "is of us and more": {"iss": forgedIssuer + ".evil.example"},
		"is of a list": {"iss": []string{forgedIssuer}}, "names nobody": {"sub": nil}, "names an empty one": {"sub": ""}, "names an object": {"sub": object{"a": 1}}, "names a list": {"sub": []string{"ada"}},
		"names two lines": {"sub": "ada\nroot"}, "names a zero": {"sub": "ada\x00"}, "names too long": {"sub": strings.Repeat("a", 300)}, "names true": {"sub": true},
	} {
		out["one that "+name] = f.byRSA(input(object{"alg": "RS256", "kid": "rsa"}, claims(more)))
	}
	head := raw([]byte(`{"alg":"RS256","kid":"rsa"}`))
	for name, payload := range map[string]string{
		"audiences twice": fmt.Sprintf(`{"iss":%q,"sub":"ada","exp":%d,"aud":"orders","aud":"x"}`, forgedIssuer, now+300),
		"ends twice":      fmt.Sprintf(`{"iss":%q,"sub":"ada","aud":"orders","exp":%d,"exp":1}`, forgedIssuer, now+300),
		"no object":       `"ada"`, "no JSON": `{"iss":`, "nothing": ``, "two objects": `{}{}`, "bad UTF-8": "{\"iss\":\"\xff\"}",
		"other letters": fmt.Sprintf(`{"ISS":%q,"Sub":"ada","AUD":"orders","EXP":%d}`, forgedIssuer, now+300),
	} {
		out["a payload of "+name] = f.byRSA(head + "." + raw([]byte(payload)))
	}
	return out
}

// forms are other ways to write a good token.
func (f *forged) forms() map[string]string {
	good := f.byRSA(input(object{"alg": "RS256", "kid": "rsa"}, claims(object{"note": "??>>~~"})))
	p := strings.Split(good, ".")
	flat, _ := json.Marshal(object{"protected": p[0], "payload": p[1], "signature": p[2]}) // of texts alone
	general, _ := json.Marshal(object{"payload": p[1], "signatures": []object{{"protected": p[0], "signature": p[2]}}})
	signature, _ := base64.RawURLEncoding.DecodeString(p[2])
	last := []byte(p[2])
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last[len(last)-1] = alphabet[strings.IndexByte(alphabet, last[len(last)-1])|1] // bits that mean nothing
	if string(last) == p[2] {
		last[len(last)-1] = alphabet[strings.IndexByte(alphabet, last[len(last)-1])^2]
	}
	nested := f.byRSA(raw([]byte(`{"alg":"RS256","kid":"rsa","cty":"JWT"}`)) + "." + raw([]byte(good)))
	return map[string]string{
		"flattened": string(flat), "general": string(general), "padding": p[0] + "." + p[1] + "." + base64.URLEncoding.EncodeToString(signature),
		"the other alphabet": p[0] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(p[1]) + "." + base64.RawStdEncoding.EncodeToString(signature) + "+",
		"odd bits":           p[0] + "." + p[1] + "." + string(last), "a dot behind": good + ".", "a dot before": "." + good, "five parts": good + "..", "one part": p[0], "nested": nested,
		"four parts": good + "." + p[2], "an empty header": "." + p[1] + "." + p[2], "an empty payload": p[0] + ".." + p[2], "too long": good + strings.Repeat("A", 20_000), "escaped": strings.ReplaceAll(good, ".", "%2E"),
	}
}
