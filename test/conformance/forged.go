package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"maps"
	"math/big"
	"strings"
	"time"
)

const forgedIssuer = "https://idp.example.com"

// forged makes tokens with the keys of an issuer, and with those of somebody else.
type forged struct {
	rsa, theirs *rsa.PrivateKey
	ec          *ecdsa.PrivateKey
	ed          ed25519.PrivateKey
	bait        string
}

type object map[string]any

func newForged() (*forged, error) {
	f := &forged{}
	var errs [4]error
	f.rsa, errs[0] = rsa.GenerateKey(rand.Reader, 2048)
	f.theirs, errs[1] = rsa.GenerateKey(rand.Reader, 2048)
	f.ec, errs[2] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, f.ed, errs[3] = ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("make keys: %w", err)
	}
	return f, nil
}

func raw(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func jwkOf(k *rsa.PublicKey) object { return object{"kty": "RSA", "n": raw(k.N.Bytes()), "e": "AQAB"} }

// published is the issuer's set.
func (f *forged) published() []byte {
	point, _ := f.ec.PublicKey.Bytes() // of P-256
	one := jwkOf(&f.rsa.PublicKey)
	one["kid"] = "rsa"
	set, _ := json.Marshal(object{"keys": []object{ // of texts alone
		one, {"kty": "EC", "crv": "P-256", "kid": "ec", "x": raw(point[1:33]), "y": raw(point[33:])},
		{"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": raw(f.ed.Public().(ed25519.PublicKey))},
	}})
	return set
}

// claims are good ones, changed by more; a nil one is left out.
func claims(more object) object {
	now := time.Now().Unix()
	out := object{"iss": forgedIssuer, "sub": "ada", "aud": "orders", "exp": now + 300, "iat": now}
	for name, value := range more {
		if out[name] = value; value == nil {
			delete(out, name)
		}
	}
	return out
}

// input is what is signed: a header of alg, kid and more, a nil one left out, and a payload.
func input(header, payload object) string {
	header = maps.Clone(header)
	for name, value := range header {
		if value == nil {
			delete(header, name)
		}
	}
	head, _ := json.Marshal(header) // of what JSON knows
	body, _ := json.Marshal(payload)
	return raw(head) + "." + raw(body)
}

// byRSA, byEC and byEd sign with the issuer's keys, as RS256, ES256 and EdDSA do.
func (f *forged) byRSA(in string) string { return in + "." + raw(pkcs1(f.rsa, in)) }

func (f *forged) byEd(in string) string { return in + "." + raw(ed25519.Sign(f.ed, []byte(in))) }

func (f *forged) byEC(in string) string { return in + "." + raw(f.point(in)) }

func (f *forged) point(in string) []byte {
	sum := sha256.Sum256([]byte(in))
	r, s, _ := ecdsa.Sign(rand.Reader, f.ec, sum[:]) // by a good key
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

func pkcs1(key *rsa.PrivateKey, in string) []byte {
	sum := sha256.Sum256([]byte(in))
	signature, _ := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:]) // by a good key
	return signature
}

func byMAC(h func() hash.Hash, key []byte, in string) string {
	mac := hmac.New(h, key)
	mac.Write([]byte(in))
	return in + "." + raw(mac.Sum(nil))
}

// genuine are tokens that must be admitted, or the others show nothing.
func (f *forged) genuine() map[string]string {
	return map[string]string{
		"RS256":                  f.byRSA(input(object{"alg": "RS256", "kid": "rsa", "typ": "JWT"}, claims(nil))),
		"ES256":                  f.byEC(input(object{"alg": "ES256", "kid": "ec"}, claims(nil))),
		"EdDSA":                  f.byEd(input(object{"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"}, claims(nil))),
		"no kid":                 f.byRSA(input(object{"alg": "RS256"}, claims(nil))),
		"a list of audiences":    f.byRSA(input(object{"alg": "RS256", "kid": "rsa"}, claims(object{"aud": []string{"x", "orders"}}))),
		"a jku that is not read": f.byRSA(input(object{"alg": "RS256", "kid": "rsa", "jku": f.bait + "/genuine"}, claims(nil))),
	}
}

// hostile are the lines of Authorization of calls that must be refused.
func (f *forged) hostile() map[string][]string {
	all := map[string][]string{}
	for _, list := range []map[string]string{f.unsigned(), f.shared(), f.ownKeys(), f.headers(), f.signatures(), f.said(), f.forms()} {
		for name, token := range list {
			all[name] = []string{"Bearer " + token}
		}
	}
	good := f.byRSA(input(object{"alg": "RS256", "kid": "rsa"}, claims(nil)))
	maps.Copy(all, map[string][]string{
		"two lines":           {"Bearer " + good, "Bearer " + good},
		"no scheme":           {good},
		"another scheme":      {"Basic " + good},
		"a scheme twice":      {"Bearer Bearer " + good},
		"two tokens":          {"Bearer " + good + "," + good},
		"two tokens, a blank": {"Bearer " + good + " " + good},
		"in quotes":           {`Bearer "` + good + `"`},
		"a tab":               {"Bearer\t" + good},
		"no token":            {"Bearer "},
	})
	return all
}

// unsigned say that they need no signature, or have none.
func (f *forged) unsigned() map[string]string {
	out := map[string]string{}
	signature := raw(pkcs1(f.rsa, input(object{"alg": "RS256", "kid": "rsa"}, claims(nil))))
	for _, alg := range []any{"none", "None", "NONE", "nOnE", "", " none", "none\x00", nil, 0, []string{"none"}, object{}} {
		for _, kid := range []any{"rsa", nil} {
			in := input(object{"alg": alg, "kid": kid}, claims(nil))
			out[fmt.Sprintf("alg %q, kid %v, without a signature", alg, kid)] = in + "."
			out[fmt.Sprintf("alg %q, kid %v, with one", alg, kid)] = in + "." + signature
		}
	}
	in := input(object{"alg": "RS256", "kid": "rsa"}, claims(nil))
	out["a signature that is cut off"], out["a signature that is empty"] = in, in+"."
	return out
}

// shared are signed by a secret that everybody has: what the issuer publishes.
func (f *forged) shared() map[string]string {
	out := map[string]string{}
	der, _ := x509.MarshalPKIXPublicKey(&f.rsa.PublicKey) // of a kind that it knows
	jwk, _ := json.Marshal(jwkOf(&f.rsa.PublicKey))
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	old := x509.MarshalPKCS1PublicKey(&f.rsa.PublicKey)
	for name, key := range map[string][]byte{
		"PEM": text, "PEM without its line end": []byte(strings.TrimSpace(string(text))), "DER": der, "PKCS 1": old, "PKCS 1, PEM": pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: old}),
		"JWK": jwk, "set": f.published(), "modulus": f.rsa.N.Bytes(), "empty": nil, "kid": []byte("rsa"), "Ed25519": f.ed.Public().(ed25519.PublicKey),
	} {
		for alg, h := range map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New} {
			out[alg+" by "+name] = byMAC(h, key, input(object{"alg": alg, "kid": "rsa"}, claims(nil)))
		}
		out["RS256, and HS256 by "+name] = byMAC(sha256.New, key, input(object{"alg": "RS256", "kid": "rsa"}, claims(nil)))
	}
	return out
}

// ownKeys are signed by a key that the token brings along, or tells where to fetch.
func (f *forged) ownKeys() map[string]string {
	out := map[string]string{}
	der, _ := x509.MarshalPKIXPublicKey(&f.theirs.PublicKey)
	jwk := jwkOf(&f.theirs.PublicKey)
	for name, more := range map[string]object{
		"jwk": {"jwk": jwk}, "jwk of our kid": {"jwk": object{"kty": "RSA", "kid": "rsa", "n": jwk["n"], "e": "AQAB"}},
		"jku": {"jku": f.bait + "/jku"}, "x5u": {"x5u": f.bait + "/x5u"}, "x5c": {"x5c": []string{base64.StdEncoding.EncodeToString(der)}},
		"x5t": {"x5t": raw([]byte("x"))}, "nothing": {}, "keys": {"keys": []object{jwk}},
	} {
		for _, kid := range []any{"rsa", "theirs", nil, "../../keys", "/dev/null", "rsa' OR '1'='1", f.bait + "/kid", "", 1, []string{"rsa"}, strings.Repeat("k", 5000)} {
			header := object{"alg": "RS256", "kid": kid}
			maps.Copy(header, more)
			in := input(header, claims(nil))
			name := fmt.Sprintf("their key, %s, kid %.20v", name, kid)
			out[name] = in + "." + raw(pkcs1(f.theirs, in))
		}
	}
	return out
}

// pss signs as PS256 does.
func (f *forged) pss(in string) string {
	sum := sha256.Sum256([]byte(in))
	signature, _ := rsa.SignPSS(rand.Reader, f.rsa, crypto.SHA256, sum[:], nil) // by a good key
	return in + "." + raw(signature)
}

// modulusAdded is a good signature, and the modulus: another number that means the same.
func (f *forged) modulusAdded(in string) string {
	sum := new(big.Int).Add(new(big.Int).SetBytes(pkcs1(f.rsa, in)), f.rsa.N)
	return in + "." + raw(sum.Bytes())
}
