package creds_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// endpoint is a token endpoint in memory that issues t1, t2, … and keeps when.
type endpoint struct{ issued []time.Time }

// RoundTrip implements http.RoundTripper.
func (e *endpoint) RoundTrip(*http.Request) (*http.Response, error) {
	e.issued = append(e.issued, time.Now())
	body := fmt.Sprintf(`{"access_token":"t%d","expires_in":36000}`, len(e.issued))
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// gaps are the seconds between the tokens after the first.
func (e *endpoint) gaps() []int {
	var list []int
	for i := 2; i < len(e.issued); i++ {
		list = append(list, int(e.issued[i].Sub(e.issued[i-1]).Round(time.Second).Seconds()))
	}
	return list
}

func (e *endpoint) source(t *testing.T) *creds.TokenSource {
	t.Helper()
	secrets := testkit.NewSecrets(t)
	secrets.Mount("shop", "client", map[string]string{"client_id": "me", "client_secret": "v"})
	return creds.NewTokenSource(creds.TokenOptions{
		TokenURL: "https://idp.example.com/token", Transport: e,
		Client: creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}).Client("shop", "client", "client_id", "client_secret"),
	})
}

// refuse is a call whose token is refused; it reports whether it may be sent once more, and
// what becomes of it then.
func refuse(t *testing.T, source *creds.TokenSource, then func(creds.Token)) bool {
	t.Helper()
	token, err := source.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	source.Refuse(token)
	trial := source.Another(t.Context(), token)
	defer trial.End()
	if trial == nil {
		return false
	}
	if token, err = source.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	then(token)
	return true
}

// N1: tokens that are refused are renewed after pauses that double, until one is accepted.
func TestN1PausesDoubleUntilATokenIsAccepted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		source := e.source(t)
		for range 1200 {
			refuse(t, source, source.Refuse)
			time.Sleep(100 * time.Millisecond)
		}
		if got, want := e.gaps(), []int{1, 2, 4, 8, 16, 30, 30}; !slices.Equal(got, want) {
			t.Errorf("renewed after %v s, want %v", got, want)
		}
		token, err := source.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		source.Accept(token)
		if !refuse(t, source, source.Refuse) || refuse(t, source, source.Refuse) {
			t.Error("after a token was accepted the next one that is refused is not renewed at once, or the one after it is")
		}
		time.Sleep(time.Second)
		if !refuse(t, source, source.Refuse) {
			t.Error("the pause did not begin at 1 s again")
		}
	})
}

// N1: a backend that takes a token now and then has not one renewed with every refusal.
func TestN1RefusalsBetweenSuccessesAreFewRenewals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		source := e.source(t)
		for range 100 {
			refuse(t, source, source.Accept)
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(e.issued) - 1; n > 3+10 {
			t.Errorf("%d renewals in 10 s, want three and one a second", n)
		}
	})
}

// N1: calls that were under way with a token that has been replaced since are refused it
// late. That says nothing of the new one, which stays, and with which they are sent again.
func TestN1RefusingAnOlderTokenKeepsTheNewerOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		source := e.source(t)
		old, err := source.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !refuse(t, source, source.Accept) {
			t.Fatal("the first refusal brings no other token")
		}
		for range 3 {
			source.Refuse(old)
			trial := source.Another(t.Context(), old)
			if trial == nil {
				t.Fatal("a call that was refused the older token is not sent with the newer one")
			}
			trial.End()
			time.Sleep(time.Minute)
		}
		now, err := source.Token(t.Context())
		if err != nil || now.Reveal() != "t2" || len(e.issued) != 2 {
			t.Errorf("the token is %s of %d, %v; want the second of two", now.Reveal(), len(e.issued), err)
		}
	})
}
