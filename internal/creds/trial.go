package creds

import (
	"context"
	"sync"
	"time"
)

// What a backend thinks of a token, as far as it has said.
const (
	unknown int32 = iota
	accepted
	refused
)

// renewalBurst is how many tokens may be renewed at once because the backend refuses them,
// beside one a firstPause. A backend of which one replica refuses every token accepts it
// now and then, which ends each pause.
const renewalBurst = 3

// Trial is the right to send a call once more, with another token. All who were refused
// the one before wait for the first of them to come back: where that fails they are not
// sent again.
type Trial struct {
	source *TokenSource // nil for who may go without being waited for
	old    string       // the token that was refused
	fetch  *fetch
	done   chan struct{}
	once   sync.Once
}

// End says that the call has come back, or will not be sent. It may be called again, and
// on nil.
func (t *Trial) End() {
	if t == nil || t.source == nil {
		return
	}
	t.once.Do(func() {
		t.source.mu.Lock()
		defer t.source.mu.Unlock()
		t.source.trial = nil
		close(t.done)
	})
}

// Accept tells that a backend took a token. It takes no lock unless that is news.
func (t *TokenSource) Accept(token Token) {
	if token.standing == nil || token.standing.Load() == accepted {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	token.standing.Store(accepted)
	t.wait, t.renewAt = 0, time.Time{}
}

// Refuse tells that a backend answered 401 to a token.
func (t *TokenSource) Refuse(token Token) {
	if token.standing != nil {
		token.standing.Store(refused)
	}
}

// Another waits for a token in place of one that was refused. It is nil where the 401 is
// to be the answer: the token was renewed for this reason within the pause, which is 1 s
// and doubles up to 30 s until the backend accepts one; the endpoint gives none, or the
// same; the backend refuses the new one too; or ctx ends. Whoever gets a Trial ends it.
//
// A token is not given up before there is another: a 401 may be about something else.
func (t *TokenSource) Another(ctx context.Context, token Token) *Trial {
	trial, first := t.replace(token) //nolint:contextcheck // a fetch serves all callers, and must not end with one
	if trial == nil {
		return nil
	}
	settled := trial.done
	if first {
		settled = trial.fetch.done
	}
	select {
	case <-settled:
	case <-ctx.Done():
	}
	if ctx.Err() != nil || !t.replaced(token) {
		if first {
			trial.End()
		}
		return nil
	}
	if first {
		return trial
	}
	return &Trial{}
}

// replace returns the trial to wait for, and whether it is the caller's own.
func (t *TokenSource) replace(token Token) (trial *Trial, first bool) {
	client, err := t.options.Client.Get()
	t.mu.Lock()
	defer t.mu.Unlock()
	renewed := t.current.secret != token.secret
	switch now := time.Now(); {
	case t.trial != nil && (renewed || t.trial.old == token.secret):
		return t.trial, false
	case t.trial != nil: // it is the one on trial
		return nil, false
	case renewed:
		trial = &Trial{done: make(chan struct{})}
		close(trial.done)
		return trial, false
	case err != nil, now.Before(t.renewAt), t.fetch == nil && t.refused == client && now.Before(t.retryAt), !t.renewals.AllowN(now, 1):
		return nil, false
	default:
		t.wait = min(max(2*t.wait, firstPause), maxPause)
		t.renewAt = now.Add(t.wait)
	}
	t.trial = &Trial{source: t, old: token.secret, fetch: t.begin(client), done: make(chan struct{})}
	return t.trial, true
}

// replaced reports whether there is a token in place of another, and nobody was refused it.
func (t *TokenSource) replaced(token Token) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.current
	return now.secret != "" && now.secret != token.secret && now.standing.Load() != refused
}
