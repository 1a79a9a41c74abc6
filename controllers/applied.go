package controllers

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// A child whose write did not last is written again after 1 s, 2 s, 4 s and so on up
	// to this: somebody else wants it otherwise, and each round may cost Pods.
	longestPause = 64 * time.Second
	// forgiven is how long a write has to last for the next one to be made at once.
	forgiven = 10 * time.Minute
	// undoneTold is the number of writes undone at which somebody is told.
	undoneTold = 3
)

// sum names a content.
type sum [sha256.Size]byte

type appliedID struct {
	route types.NamespacedName
	kind  string
}

// applied is what is known of one child.
type applied struct {
	intent sum
	// version is the newest at which the child was as intended, and kept what it held of
	// ours then: the API server, or a webhook, may write a value in another way than we do.
	// It is known once the version was seen in the cache.
	version string
	kept    sum
	seen    bool
	// count is the number of writes of this intent of which none has lasted, the last of
	// them at this time.
	count int
	at    time.Time
}

// appliedIntents remembers what children were to be. What it does not know, after a
// restart, is read from the children. Its methods are safe for concurrent use; of one child
// there is one pass at a time.
type appliedIntents struct {
	mu   sync.Mutex
	last map[appliedID]applied
}

// stands reports whether the live object, at this version, is as intended. ours reads
// what it holds of ours, and is asked where the version is a new one.
func (a *appliedIntents) stands(id appliedID, intent sum, version string, ours func() (sum, error)) (bool, error) {
	last := a.get(id)
	same := last.intent == intent
	if same && last.seen && last.version == version {
		return true, nil
	}
	kept, err := ours()
	if err != nil {
		return false, err
	}
	written := same && (last.version == version || last.seen && last.kept == kept)
	if kept != intent && !written {
		return false, nil
	}
	if !same {
		last = applied{intent: intent}
	}
	last.version, last.kept, last.seen = version, kept, true
	a.set(id, last)
	return true, nil
}

// wait returns how long the next write of an intent has to wait.
func (a *appliedIntents) wait(id appliedID, intent sum, now time.Time) time.Duration {
	last := a.get(id)
	if last.count == 0 || last.intent != intent || now.Sub(last.at) >= forgiven {
		return 0
	}
	pause := min(time.Second<<min(last.count-1, 10), longestPause)
	return max(last.at.Add(pause).Sub(now), 0)
}

// record notes a write, and the version that it left. It returns how many of this intent
// have not lasted.
func (a *appliedIntents) record(id appliedID, intent sum, version string, now time.Time) int {
	next := applied{intent: intent, version: version, count: 1, at: now}
	if last := a.get(id); last.intent == intent && now.Sub(last.at) < forgiven {
		next.count = last.count + 1
	}
	a.set(id, next)
	return next.count - 1
}

func (a *appliedIntents) get(id appliedID) applied {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last[id]
}

func (a *appliedIntents) set(id appliedID, to applied) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == nil {
		a.last = map[appliedID]applied{}
	}
	a.last[id] = to
}

func (a *appliedIntents) forget(route types.NamespacedName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id := range a.last {
		if id.route == route {
			delete(a.last, id)
		}
	}
}

func digest(value any) (sum, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return sum{}, fmt.Errorf("encode: %w", err)
	}
	return sha256.Sum256(encoded), nil
}
