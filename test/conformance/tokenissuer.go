package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// tokenIssuer is a running endpoint.
type tokenIssuer struct {
	url  string
	pair map[string]string // its certificate, which is its authority too, and the client's
	ask  *http.Client
	stop func()
}

func startIssuer(folder string, clients []tokenClient, cluster *account) (*tokenIssuer, error) {
	own, err := certificate("issuer")
	if err != nil {
		return nil, err
	}
	me, err := certificate("me")
	if err != nil {
		return nil, err
	}
	var theirs []map[string]any
	for i := range clients {
		clients[i].theirs["client_id"] = clients[i].name
		theirs = append(theirs, clients[i].theirs)
	}
	told, err := json.Marshal(map[string]any{"key": own["tls.key"], "cert": own["tls.crt"], "clients": theirs, "cookie": rand.Text(), "cluster": map[string]any{"issuer": clusterIssuer, "key": cluster.jwk()}})
	if err != nil {
		return nil, fmt.Errorf("encode clients: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	cmd := exec.CommandContext(ctx, "node", "issuer.mjs", folder) //nolint:gosec // a folder of ours
	in, unfed := cmd.StdinPipe()
	out, unheard := cmd.StdoutPipe()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := errors.Join(unfed, unheard, cmd.Start()); err != nil {
		cancel()
		return nil, fmt.Errorf("start issuer.mjs: %w", err)
	}
	stop := func() { _ = in.Close(); _ = cmd.Wait(); cancel() }
	_, _ = in.Write(append(told, '\n'))
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return nil, fmt.Errorf("read the port of issuer.mjs: %w: %s", err, stderr.String())
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(own["tls.crt"]))
	return &tokenIssuer{
		url: "https://127.0.0.1:" + strings.TrimSpace(port), stop: stop,
		pair: map[string]string{"ca.crt": own["tls.crt"], "tls.crt": me["tls.crt"], "tls.key": me["tls.key"]},
		ask:  &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}},
	}, nil
}

// judge makes three calls with a client's tokens: how many reached the backend, and how many
// of those had a token that was issued to the client, for the resource and the scope.
func (i *tokenIssuer) judge(c *tokenClient) (got, right int, err error) {
	secrets := fstest.MapFS{"judged/client/client_id": {Data: []byte(c.name)}}
	for key, value := range c.keys {
		secrets["judged/client/"+key] = &fstest.MapFile{Data: []byte(value)}
	}
	for key, value := range i.pair {
		secrets["judged/me/"+key] = &fstest.MapFile{Data: []byte(value)}
	}
	credential := c.ours
	if err := i.mountSubject(secrets, c, &credential); err != nil {
		return 0, 0, err
	}
	credential.Type, credential.Secret, credential.TokenURL, credential.Scopes = routeconfig.CredentialOAuth2, "client", i.url+"/token", []string{"read"}
	credential.Parameters = []routeconfig.NameValue{{Name: "resource", Value: resource}}
	if credential.Assertion != "" {
		credential.Assertion = i.url
	}
	own := routeconfig.TLS{CASecret: "me"}
	if credential.TokenTLS != nil {
		own.ClientCertificateSecret = credential.TokenTLS.ClientCertificateSecret
	}
	credential.TokenTLS = &own
	backend := &caught{}
	address, stop, err := startProxyWith(secrets, func(r *routeconfig.Route) { r.Backends[0].Credential = &credential }, backend)
	if err != nil {
		return 0, 0, err
	}
	defer stop()
	for range 3 {
		if err := deliver(http.MethodPost, "http://"+address+"/", "{}"); err != nil && !c.refused {
			return 0, 0, err
		}
	}
	for _, r := range backend.requests {
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		known, err := i.knows(token)
		if err != nil {
			return 0, 0, err
		}
		if bearer && known.Client == c.name && slices.Equal(known.Audience, []string{resource}) && known.Scope == "read" {
			right++
		}
	}
	return len(backend.requests), right, nil
}

// mountSubject puts the token of the service account where the credential has it from: into
// the Secret, or where the kubelet mounts it, with the hosts that it may be sent to.
func (i *tokenIssuer) mountSubject(secrets fstest.MapFS, c *tokenClient, credential *routeconfig.Credential) error {
	if c.subject == nil {
		return nil
	}
	token, err := c.subject(i.url)
	if err != nil {
		return err
	}
	if credential.Exchange != nil && !credential.Exchange.Workload {
		secrets["judged/client/subject_token"] = &fstest.MapFile{Data: []byte(token)}
		return nil
	}
	credential.Audience = i.url
	folder := "judged/" + (&routeconfig.Reference{Kind: routeconfig.KindToken, Name: i.url}).Folder()
	secrets[folder+"/"+routeconfig.TokenKey] = &fstest.MapFile{Data: []byte(token)}
	secrets[folder+"/allowedHosts"] = &fstest.MapFile{Data: []byte("127.0.0.1")}
	return nil
}

// knownToken is what the endpoint knows of a token.
type knownToken struct {
	Client   string   `json:"client"`
	Audience []string `json:"audience"`
	Scope    string   `json:"scope"`
}

func (i *tokenIssuer) knows(token string) (known knownToken, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, i.url+"/judge?token="+url.QueryEscape(token), nil)
	if err != nil {
		return known, fmt.Errorf("ask: %w", err)
	}
	response, err := i.ask.Do(r)
	if err != nil {
		return known, fmt.Errorf("ask: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(content, &known)
	}
	if err != nil {
		return known, fmt.Errorf("read what is known: %w", err)
	}
	return known, nil
}

// certificate is a pair that signs itself, for loopback.
func certificate(name string) (map[string]string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return map[string]string{
		"tls.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"tls.key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})),
	}, nil
}
