package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing/fstest"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	rotationSecret   = "s:e%c+r t/~" //nolint:gosec // of clients of this run
	rotationAudience = "https://orders.example.com/"
	// rotationEvery is longer than the 30 s in which unknown keys cause one fetch and the 20 s for
	// which a token of the key before may be used: a proxy may learn of a key that late.
	rotationEvery = 52 * time.Second
	rotations     = 3
	rotationLoad  = 4
)

// rotation lets npm's oidc-provider issue tokens to callers and to a route for its backend, which
// is another route that believes the same issuer, and rotate its keys under load.
func rotation(suites string) (section string, wrong []string, err error) {
	folder := filepath.Join(suites, "oidc")
	version, err := versionOf(folder, "oidc-provider")
	if err != nil {
		return "", nil, err
	}
	idp, err := startRotating(folder)
	if err != nil {
		return "", nil, err
	}
	defer idp.stop()
	found, err := idp.load()
	if err != nil {
		return "", nil, err
	}
	section = fmt.Sprintf("## Issuer and token endpoint\n\nnpm `oidc-provider` %s issues tokens (RS256, for 20 s) to the callers of a route, by discovery, and to the route for its "+
		"backend, by client_credentials; the backend is a second route that believes the same issuer. Its keys rotate under load, every %.0f s: the new one signs at once, the one before stays published.\n\n"+
		"| calls | failed | rotations | keys that signed | tokens of the backend |\n|---|---|---|---|---|\n| %d | %d | %d | %d | %d |\n",
		version, rotationEvery.Seconds(), found.calls, found.failed, rotations, len(found.keys), len(found.shown))
	if found.failed > 0 || found.calls < 1000 || len(found.keys) != rotations+1 || len(found.shown) < rotations {
		wrong = append(wrong, fmt.Sprintf("with keys that rotate %d of %d calls failed (%s); %d keys signed, the backend got %d tokens", found.failed, found.calls, found.first, len(found.keys), len(found.shown)))
	}
	return section, wrong, nil
}

// rotating is a running issuer.
type rotating struct {
	url  string
	in   io.Writer
	out  *bufio.Reader
	stop func()
}

func startRotating(folder string) (*rotating, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	cmd := exec.CommandContext(ctx, "node", "rotation.mjs", folder, rotationSecret, rotationAudience) //nolint:gosec // a folder of ours
	in, unfed := cmd.StdinPipe()
	out, unheard := cmd.StdoutPipe()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := errors.Join(unfed, unheard, cmd.Start()); err != nil {
		cancel()
		return nil, fmt.Errorf("start rotation.mjs: %w", err)
	}
	i := &rotating{in: in, out: bufio.NewReader(out), stop: func() { _ = in.Close(); _ = cmd.Wait(); cancel() }}
	line, err := i.out.ReadString('\n')
	if err != nil {
		i.stop()
		return nil, fmt.Errorf("read the address of rotation.mjs: %w: %s", err, stderr.String())
	}
	i.url = strings.TrimSpace(line)
	return i, nil
}

// rotate lets the issuer sign by a new key, and returns when it does.
func (i *rotating) rotate() error {
	if _, err := io.WriteString(i.in, "\n"); err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	if _, err := i.out.ReadString('\n'); err != nil {
		return fmt.Errorf("read that keys have rotated: %w", err)
	}
	return nil
}

// token asks for one as a caller.
func (i *rotating) token(ctx context.Context) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {rotationAudience}, "scope": {"read"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, i.url+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("ask for a token: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("caller", url.QueryEscape(rotationSecret))
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return "", fmt.Errorf("ask for a token: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Token string `json:"access_token"`
	}
	content, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(content, &answer)
	}
	if err != nil {
		return "", fmt.Errorf("read a token: %w", err)
	}
	if answer.Token == "" {
		return "", fmt.Errorf("the issuer answered %d without a token: %s", response.StatusCode, content)
	}
	return answer.Token, nil
}

// believes lets a route admit the issuer's tokens.
func (i *rotating) believes(r *routeconfig.Route) {
	r.Authentication = &routeconfig.Authentication{JWT: []routeconfig.CallerJWT{{
		Name: "idp", Issuer: i.url, Algorithms: []string{"RS256"}, Audiences: []string{rotationAudience}, ClockSkew: routeconfig.Duration(30 * time.Second),
		Caller: []string{"client_id"}, Header: "Authorization", Prefix: "Bearer",
	}}}
}

// rotationFound is what became of the calls. Keys are those that signed tokens of callers, shown
// the tokens that the backend got.
type rotationFound struct {
	calls, failed int64
	first         string
	keys, shown   map[string]bool
}

// load makes calls while keys rotate, each caller with a new token every second.
func (i *rotating) load() (found rotationFound, err error) {
	found.shown, found.keys = map[string]bool{}, map[string]bool{}
	var mu sync.Mutex
	behind := &recorder{}
	second, stopSecond, err := startProxyWith(fstest.MapFS{}, i.believes, behind)
	if err != nil {
		return found, err
	}
	defer stopSecond()
	hop := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // what the first route's backend gets
		token := r.Header.Get("Authorization")
		mu.Lock()
		found.shown[token] = true
		mu.Unlock()
		status, err := knock(r.Context(), second, token)
		if err != nil {
			status = http.StatusBadGateway
		}
		w.WriteHeader(status)
	})
	client := fstest.MapFS{"judged/client/client_id": {Data: []byte("route")}, "judged/client/client_secret": {Data: []byte(rotationSecret)}}
	first, stopFirst, err := startProxyWith(client, func(r *routeconfig.Route) {
		i.believes(r)
		r.Dispatch.Policy = "All"
		r.Backends[0].Credential = &routeconfig.Credential{
			Type: routeconfig.CredentialOAuth2, Secret: "client", TokenURL: i.url + "/token", Scopes: []string{"read"},
			Parameters: []routeconfig.NameValue{{Name: "resource", Value: rotationAudience}},
		}
	}, hop)
	if err != nil {
		return found, err
	}
	defer stopFirst()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	c := &rotationCallers{issuer: i, address: first, found: &found, mu: &mu}
	var callers sync.WaitGroup
	for range rotationLoad {
		callers.Go(func() { c.call(ctx) })
	}
	const soon = 3 * time.Second // calls are under way
	for range rotations {
		time.Sleep(soon)
		if err = i.rotate(); err != nil {
			break
		}
		time.Sleep(rotationEvery - soon)
	}
	c.over.Store(true)
	callers.Wait()
	return found, errors.Join(err, c.broken)
}

// rotationCallers make calls until it is over. mu guards what they have found, and broken.
type rotationCallers struct {
	issuer  *rotating
	address string
	over    atomic.Bool
	mu      *sync.Mutex
	found   *rotationFound
	broken  error
}

// call makes calls, with a new token every second.
func (c *rotationCallers) call(ctx context.Context) {
	for !c.over.Load() {
		token, err := c.issuer.token(ctx)
		c.mu.Lock()
		if c.broken = errors.Join(c.broken, err); err == nil {
			c.found.keys[head(token)] = true
		}
		c.mu.Unlock()
		if err != nil {
			return
		}
		for begun := time.Now(); time.Since(begun) < time.Second && !c.over.Load(); time.Sleep(20 * time.Millisecond) {
			status, err := knock(ctx, c.address, "Bearer "+token)
			c.note(status, err)
		}
	}
}

func (c *rotationCallers) note(status int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found.calls++; err == nil && status == http.StatusOK {
		return
	}
	if c.found.failed++; c.found.first == "" {
		c.found.first = fmt.Sprintf("status %d, %v", status, err)
	}
}

// head is that of a token, which names the key that has signed it.
func head(token string) string {
	first, _, _ := strings.Cut(token, ".")
	return first
}
