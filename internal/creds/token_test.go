package creds_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// issuer is a token endpoint in memory, of which each answer is what says returns.
type issuer struct {
	after time.Duration
	says  func(n int) (status int, body string, err error)

	mu    sync.Mutex
	asked []time.Time
}

// RoundTrip implements http.RoundTripper.
func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.asked = append(i.asked, time.Now())
	n := len(i.asked)
	i.mu.Unlock()
	timer := time.NewTimer(i.after)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		return nil, fmt.Errorf("ask: %w", context.Cause(r.Context()))
	}
	status, body, err := i.says(n)
	if err != nil && status == 0 {
		return nil, err
	}
	var content io.Reader = strings.NewReader(body)
	if err != nil {
		content = io.MultiReader(content, iotest.ErrReader(err))
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(content)}, nil
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.asked)
}

// always is an endpoint that says the same each time.
func always(status int, body string) *issuer {
	return &issuer{says: func(int) (int, string, error) { return status, body, nil }}
}

// fromIssuer is a source with a client that may be rotated.
func fromIssuer(t *testing.T, i *issuer, modify ...func(*creds.TokenOptions)) (source *creds.TokenSource, rotate func(secret string)) {
	t.Helper()
	secrets := testkit.NewSecrets(t)
	secrets.Mount("shop", "client", map[string]string{"client_id": "me", "client_secret": "v"})
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	o := creds.TokenOptions{TokenURL: "https://idp.example.com/token", Transport: i, Client: store.Client("shop", "client", "client_id", "client_secret")}
	for _, m := range modify {
		m(&o)
	}
	return creds.NewTokenSource(o), func(secret string) {
		secrets.Mount("shop", "client", map[string]string{"client_id": "me", "client_secret": secret})
		store.Reload([]string{"."})
	}
}

// tokenOf is the token that there is, and how long it was waited for.
func tokenOf(t *testing.T, source *creds.TokenSource) (token string, took time.Duration, err error) {
	t.Helper()
	begun := time.Now()
	got, err := source.Token(t.Context())
	return got.Reveal(), time.Since(begun), err
}

// E3: a token is renewed a minute before its end, or after nine tenths of a short life; what
// is no life at all, as endpoints may say, is five minutes.
func TestE3LivesOfTokens(t *testing.T) {
	t.Parallel()
	const byDefault = 270 * time.Second
	for expires, want := range map[string]time.Duration{
		``: byDefault, `,"expires_in":3600`: 59 * time.Minute, `,"expires_in":"3600"`: 59 * time.Minute, `,"expires_in":" 100 "`: 90 * time.Second,
		`,"expires_in":100.5`: 90450 * time.Millisecond, `,"expires_in":0`: byDefault, `,"expires_in":-1`: byDefault, `,"expires_in":"soon"`: byDefault,
		`,"expires_in":null`: byDefault, `,"expires_in":"NaN"`: byDefault, `,"expires_in":"Inf"`: byDefault, `,"expires_in":1e400`: 365*24*time.Hour - time.Minute,
		`,"expires_in":0.001`: 900 * time.Millisecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			i := always(200, `{"access_token":"t","token_type":"Bearer"`+expires+`}`)
			source, _ := fromIssuer(t, i)
			for _, wait := range []time.Duration{0, want - 1, 1} {
				time.Sleep(wait)
				if token, took, err := tokenOf(t, source); token != "t" || took != 0 || err != nil {
					t.Errorf("%s: %q after %v, %v", expires, token, took, err)
				}
				synctest.Wait()
				if n, asked := i.count(), wait == 1; (n == 2) != asked {
					t.Errorf("%s: asked %d times %v before its renewal", expires, n, want-wait)
				}
			}
		})
	}
}

// E3: whatever an endpoint answers is a token, or a fault in words of ours.
func TestE3AnswersOfEndpoints(t *testing.T) {
	t.Parallel()
	broken := errors.New("secret words of the peer")
	for name, row := range map[string]struct {
		status      int
		body        string
		err         error
		token, want string
	}{
		"JSON":                      {200, ` {"access_token":"a","token_type":"bearer"}`, nil, "a", ""},
		"JSON with a mark":          {200, "\ufeff{\"access_token\":\"a\"}", nil, "a", ""},
		"a form":                    {200, "access_token=a%2Bb&expires_in=60&token_type=bearer", nil, "a+b", ""},
		"no JSON at all":            {200, `{"access_token":"a"`, nil, "", "token endpoint answered 200 without an access_token that can be read"},
		"a number for a token":      {200, `{"access_token":7}`, nil, "", "token endpoint answered 200 without an access_token that can be read"},
		"an error that is known":    {400, `{"error":"invalid_client"}`, nil, "", "token endpoint answered 400 invalid_client"},
		"an error of its own":       {200, `{"error":"boredom"}`, nil, "", "token endpoint answered 200 with an error"},
		"a redirect":                {302, ``, nil, "", "token endpoint answered 302: redirects are not followed"},
		"a defect":                  {500, `{"access_token":"a"}`, nil, "", "token endpoint answered 500"},
		"no field":                  {200, `{"access_token":"a\nb"}`, nil, "", "token endpoint answered 200 with an access_token that cannot stand in a header field (RFC 6749, appendix A.12)"},
		"beyond ASCII":              {200, `{"access_token":"é"}`, nil, "", "token endpoint answered 200 with an access_token that cannot stand in a header field (RFC 6749, appendix A.12)"},
		"a proof":                   {200, `{"access_token":"a","token_type":"DPoP"}`, nil, "", "token endpoint answered 200 with a token_type that is no Bearer (RFC 6749, section 7.1)"},
		"more than 1 MiB":           {200, `{"access_token":"a"}` + strings.Repeat(" ", 1<<20), nil, "", "token endpoint answered 200 with more than 1 MiB"},
		"1 MiB":                     {200, `{"access_token":"a"}` + strings.Repeat(" ", 1<<20-20), nil, "a", ""},
		"no connection":             {0, "", broken, "", "token endpoint cannot be asked: explained"},
		"a break in the middle":     {200, `{"access_token":"a"}`, broken, "", "token endpoint cannot be asked: explained"},
		"time is up for the answer": {0, "", context.DeadlineExceeded, "", "token endpoint has not answered in time"},
	} {
		synctest.Test(t, func(t *testing.T) {
			i := &issuer{says: func(int) (int, string, error) { return row.status, row.body, row.err }}
			source, _ := fromIssuer(t, i, func(o *creds.TokenOptions) { o.Explain = func(error) string { return "explained" } })
			token, _, err := tokenOf(t, source)
			text := ""
			if fault := (&creds.Fault{}); errors.As(err, &fault) {
				text = fault.Text
			}
			if token != row.token || text != row.want || (err == nil) != (row.want == "") {
				t.Errorf("%s: token %q, fault %q, want %q and %q", name, token, text, row.token, row.want)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		source, _ := fromIssuer(t, always(200, "{}"), func(o *creds.TokenOptions) { o.TokenURL = "http://[::1" })
		if _, _, err := tokenOf(t, source); err == nil || err.Error() != "token endpoint cannot be asked" {
			t.Errorf("an endpoint without an address: %v", err)
		}
	})
}

// E3: failures are remembered for a second, then for twice as long each, up to 30 s: an
// endpoint that is down is not asked by each call, and calls do not wait for it.
func TestE3FailuresAreRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := always(503, "")
		source, _ := fromIssuer(t, i)
		begun := time.Now()
		for time.Since(begun) < 2*time.Minute {
			if _, took, err := tokenOf(t, source); err == nil || took != 0 {
				t.Fatalf("after %v: %v", took, err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		var gaps []int
		for n := 1; n < len(i.asked); n++ {
			gaps = append(gaps, int(i.asked[n].Sub(i.asked[n-1]).Round(time.Second).Seconds()))
		}
		if got := fmt.Sprint(gaps); got != "[1 2 4 8 16 30 30]" {
			t.Errorf("asked again after %s s", got)
		}
	})
}

// E3: an endpoint that is slow, or fails, costs nobody the token that there still is.
func TestE3RenewalsDelayNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{says: func(n int) (int, string, error) {
			if n == 1 {
				return 200, `{"access_token":"first","expires_in":600}`, nil
			}
			return 503, "", nil
		}}
		source, rotate := fromIssuer(t, i)
		if _, _, err := tokenOf(t, source); err != nil {
			t.Fatal(err)
		}
		time.Sleep(9 * time.Minute) // it is to be renewed
		i.after = 5 * time.Second
		for range 20 {
			if token, took, err := tokenOf(t, source); token != "first" || took != 0 || err != nil {
				t.Errorf("while it is renewed: %q after %v, %v", token, took, err)
			}
			time.Sleep(time.Second)
		}
		rotate("w") // and the endpoint is asked in the name of the new client, in vain
		time.Sleep(time.Second)
		if token, _, err := tokenOf(t, source); token != "first" || err != nil {
			t.Errorf("of a client that was rotated: %q, %v", token, err)
		}
		if token, took, err := tokenOf(t, source); token != "first" || took != 0 || err != nil {
			t.Errorf("within the pause: %q after %v, %v", token, took, err)
		}
		time.Sleep(time.Minute)
		if token, _, err := tokenOf(t, source); token != "" || err == nil {
			t.Errorf("after its end: %q, %v", token, err)
		}
	})
}

// E3: however many calls ask at once there is one request, which ends with none of them.
func TestE3OneRequestServesAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := always(200, `{"access_token":"t","expires_in":600}`)
		i.after = 3 * time.Second
		source, _ := fromIssuer(t, i)
		left := errors.New("the client has left")
		ctx, leave := context.WithCancelCause(t.Context())
		var running sync.WaitGroup
		for n := range 1000 {
			running.Go(func() {
				of := t.Context()
				if n == 0 {
					of = ctx
				}
				switch token, err := source.Token(of); {
				case n == 0 && !errors.Is(err, left):
					t.Errorf("who has left: %v", err)
				case n > 0 && (err != nil || token.Reveal() != "t"):
					t.Errorf("call %d: %q, %v", n, token.Reveal(), err)
				}
			})
		}
		time.Sleep(time.Second)
		leave(left)
		running.Wait()
		if n := i.count(); n != 1 {
			t.Errorf("the endpoint was asked %d times", n)
		}
	})
}

// An endpoint that never answers is left after ten seconds.
func TestE3SlowEndpointsAreLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := always(200, "{}")
		i.after = time.Hour
		source, _ := fromIssuer(t, i)
		if _, took, err := tokenOf(t, source); took != 10*time.Second || err == nil || err.Error() != "token endpoint has not answered in time" {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// Without a client nothing is asked.
func TestNoTokenWithoutItsClient(t *testing.T) {
	t.Parallel()
	i := always(200, `{"access_token":"t"}`)
	source, _ := fromIssuer(t, i, func(o *creds.TokenOptions) {
		o.Client = creds.NewStore(creds.Options{Tree: os.DirFS(t.TempDir())}).Client("shop", "none", "client_id", "client_secret")
	})
	if _, _, err := tokenOf(t, source); !errors.Is(err, creds.ErrMissing) || i.count() != 0 {
		t.Errorf("asked %d times, %v", i.count(), err)
	}
}

// H1: id and secret are form-encoded before they go into the Basic field (RFC 6749, section
// 2.3.1), and once in the form.
func TestH1ClientsAreEncodedOnce(t *testing.T) {
	t.Parallel()
	const id, secret = "a:b c%/+é", "s%e:c+r/e t&="
	for post, want := range map[bool][2]string{
		false: {"a%3Ab+c%25%2F%2B%C3%A9:s%25e%3Ac%2Br%2Fe+t%26%3D", "grant_type=client_credentials"},
		true:  {"", "client_id=a%3Ab+c%25%2F%2B%C3%A9&client_secret=s%25e%3Ac%2Br%2Fe+t%26%3D&grant_type=client_credentials"},
	} {
		endpoint := testkit.NewBackend(t, testkit.Respond(200, "application/json", `{"access_token":"t"}`))
		secrets := testkit.NewSecrets(t)
		secrets.Mount("shop", "client", map[string]string{"client_id": id, "client_secret": secret})
		source := creds.NewTokenSource(creds.TokenOptions{
			TokenURL: endpoint.URL, Transport: http.DefaultTransport, Post: post,
			Client: creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}).Client("shop", "client", "client_id", "client_secret"),
		})
		if _, _, err := tokenOf(t, source); err != nil {
			t.Fatal(err)
		}
		got := endpoint.Last(t)
		shown, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(got.Header.Get("Authorization"), "Basic "))
		if string(shown) != want[0] || string(got.Body) != want[1] {
			t.Errorf("in the form %v: shown is %q, the form %q; want %q", post, shown, got.Body, want)
		}
	}
}

// N1: who has no use for another token, or gets none, keeps nobody from trying.
func TestN1TrialsThatComeToNothingEnd(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		second string
		leaves bool
		want   bool // is the call sent again?
	}{
		"another token":       {`{"access_token":"second","expires_in":600}`, false, true},
		"the same token":      {`{"access_token":"first","expires_in":600}`, false, false},
		"none":                {`{"error":"invalid_client"}`, false, false},
		"the client has left": {`{"access_token":"second","expires_in":600}`, true, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			i := &issuer{after: time.Second, says: func(n int) (int, string, error) {
				if n == 1 {
					return 200, `{"access_token":"first","expires_in":600}`, nil
				}
				return 200, row.second, nil
			}}
			source, _ := fromIssuer(t, i)
			token, err := source.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			source.Refuse(token)
			ctx, leave := context.WithTimeout(t.Context(), time.Minute)
			if row.leaves {
				ctx, leave = context.WithTimeout(t.Context(), 500*time.Millisecond)
			}
			defer leave()
			trial := source.Another(ctx, token)
			if (trial != nil) != row.want {
				t.Errorf("%s: the call is sent again: %v", name, trial != nil)
			}
			trial.End()
			trial.End() // which it may be again
			time.Sleep(2 * time.Minute)
			done := make(chan struct{})
			go func() { // whoever comes next does not wait for the one before
				source.Another(t.Context(), token).End()
				close(done)
			}()
			time.Sleep(2 * time.Second)
			select {
			case <-done:
			default:
				t.Fatalf("%s: the next one waits for a trial that is over", name)
			}
		})
	}
}

// What was never issued is neither accepted nor refused.
func TestStandingOfNoToken(t *testing.T) {
	t.Parallel()
	source, _ := fromIssuer(t, always(200, `{"access_token":"t"}`))
	source.Accept(creds.Token{})
	source.Refuse(creds.Token{})
	if token, _, err := tokenOf(t, source); token != "t" || err != nil {
		t.Errorf("%q, %v", token, err)
	}
}
