package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// issuerName is that of the tokens.
const issuerName = "https://issuer.example"

// callers are floods of what callers are known by. The route of the bystanders knows them by a
// key, and others by passwords.
func (a *abuse) callers() (list []*trial, err error) {
	hash, err := bcrypt.GenerateFromPassword([]byte("correct"), 12)
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	secrets := map[string]map[string]string{"users": {"auth": "somebody:" + string(hash) + "\n"}, "callers": {"bystander": bystanderKey + "\n"}}
	knowing := func(r *routeconfig.Route) {
		r.Authentication = &routeconfig.Authentication{
			APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: keyHeader}, Basic: &routeconfig.CallerBasic{Secret: "users"},
		}
	}
	small := same("application/json", []byte(`{"ok":true}`))
	jwks, token, err := issuing()
	if err != nil {
		return nil, err
	}
	tokens := func(r *routeconfig.Route) {
		knowing(r)
		r.Authentication.JWT = []routeconfig.CallerJWT{{Name: "idp", Issuer: issuerName, JWKSURI: jwks, Algorithms: []string{"ES256", "RS256"}, Caller: []string{"sub"}, Header: "Authorization", Prefix: "Bearer "}}
	}
	for _, row := range []struct {
		name   string
		modify func(*routeconfig.Route)
		show   func(n int) string
	}{
		{"wrong passwords of a user", knowing, func(n int) string { return basic("somebody", "wrong"+strconv.Itoa(n)) }},
		{"users that are not there", knowing, func(n int) string { return basic("nobody"+strconv.Itoa(n), "wrong") }},
		{"passwords of 40 KB", knowing, func(n int) string { return basic("somebody", strings.Repeat("w", 40_000)+strconv.Itoa(n)) }},
		{"wrong keys", knowing, func(n int) string { return keyHeader + ": wrong" + strconv.Itoa(n) + "\r\n" }},
		{"tokens that somebody else has signed", tokens, func(n int) string { return bearer(token("ES256", "known", n)) }},
		{"tokens of keys that nobody knows", tokens, func(n int) string { return bearer(token("ES256", "unknown"+strconv.Itoa(n), n)) }},
		{"tokens that are not signed", tokens, func(n int) string { return bearer(token("none", "known", n)) }},
		{"tokens of 40 KB", tokens, func(n int) string { return bearer(strings.Repeat("e", 40_000) + "." + strconv.Itoa(n) + ".x") }},
		{"tokens of 20,000 parts", tokens, func(n int) string { return bearer(strings.Repeat("e.", 20_000) + strconv.Itoa(n)) }},
		{"tokens of deep claims", tokens, func(n int) string { return bearer(deep(n)) }},
	} {
		var n atomic.Int64
		list = append(list, a.overTLS(&trial{name: "callers: " + row.name, handlers: small, secrets: map[string]map[string]string{"users": secrets["users"], "callers": secrets["callers"]},
			modify: row.modify, quiet: knowing, load: (&crowding{connections: 100, secure: a.plain(), talk: func(ctx context.Context, conn net.Conn, _ int) error {
				for ctx.Err() == nil {
					if _, err := conn.Write(http1("/", row.show(int(n.Add(1))), "{}")); err != nil {
						return err // it has ended
					}
				}
				return nil
			}}).load}))
	}
	return list, nil
}

func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)) + "\r\n"
}

func bearer(token string) string { return "Authorization: Bearer " + token + "\r\n" }

// deep is a token whose claims are 10,000 deep.
func deep(n int) string {
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","kid":"known"}`))
	claims := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat(`{"a":`, many/2) + strconv.Itoa(n) + strings.Repeat("}", many/2)))
	return head + "." + claims + "." + strings.Repeat("A", 86)
}

// issuing serves the key of an issuer, and makes tokens that are signed by another one.
func issuing() (address string, token func(alg, kid string, n int) string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", nil, fmt.Errorf("make key: %w", err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return "", nil, fmt.Errorf("encode key: %w", err)
	}
	text := base64.RawURLEncoding.EncodeToString
	set, err := json.Marshal(map[string]any{"keys": []map[string]string{{
		"kty": "EC", "crv": "P-256", "kid": "known", "alg": "ES256", "use": "sig", "x": text(point[1:33]), "y": text(point[33:]),
	}}})
	if err != nil {
		return "", nil, fmt.Errorf("encode keys: %w", err)
	}
	urls, _, err := serveAll([]http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) { reply(w, "application/json", set) }})
	if err != nil {
		return "", nil, err
	}
	end := time.Now().Add(time.Hour).Unix()
	return urls[0] + "keys", func(alg, kid string, n int) string {
		head := fmt.Sprintf(`{"alg":%q,"kid":%q}`, alg, kid)
		claims := fmt.Sprintf(`{"iss":%q,"sub":"s%d","exp":%d}`, issuerName, n, end)
		signature := make([]byte, 64)
		_, _ = rand.Read(signature)
		signature[0], signature[32] = 1, 1 // below the order of the curve: it is computed to its end
		return text([]byte(head)) + "." + text([]byte(claims)) + "." + text(signature)
	}, nil
}
