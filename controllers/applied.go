package controllers

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"
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

// applied is what is known of one child.
type applied struct {
	intent sum
	// version is the newest at which the child was as intended, and kept what it held of
	// ours then: the API server, or a webhook, may write a value in another way than we do.
	// It is none where that cannot be read.
	version string
	kept    sum
	// count is the number of writes of this intent of which none has lasted, the last of
	// them at this time; sighted is that of those which were not blind.
	count, sighted int
	at             time.Time
}

// write is what became of one: the version that it left, and what it left of ours.
type write struct {
	version string
	kept    sum
	// blind is one of a child that could not be read: whether there was anything to undo
	// nobody knows.
	blind bool
}

// appliedIntents remembers what the children of a route were to be, by kind. What it does
// not know, after a restart, is read from the children.
type appliedIntents struct{ last map[string]applied }

// stands reports whether the live object, at this version, is as intended. ours reads
// what it holds of ours, and is asked where the version is a new one. What cannot be read
// does not stand: the API server takes lists in which an item of ours is there twice.
func (a *appliedIntents) stands(kind string, intent sum, version string, ours func() (sum, error)) (bool, error) {
	last := a.last[kind]
	same := last.intent == intent
	if same && last.version == version {
		return true, nil
	}
	kept, err := ours()
	if err != nil {
		return false, err
	}
	if kept != intent && (!same || last.kept != kept) {
		return false, nil
	}
	if !same {
		last = applied{intent: intent}
	}
	last.version, last.kept = version, kept
	a.set(kind, last)
	return true, nil
}

// wait returns how long the next write of an intent has to wait.
func (a *appliedIntents) wait(kind string, intent sum, now time.Time) time.Duration {
	last := a.last[kind]
	if last.count == 0 || last.intent != intent || now.Sub(last.at) >= forgiven {
		return 0
	}
	pause := min(time.Second<<min(last.count-1, 10), longestPause)
	return max(last.at.Add(pause).Sub(now), 0)
}

// record notes a write. It returns how many of this intent are known to have been undone.
func (a *appliedIntents) record(kind string, intent sum, made write, now time.Time) int {
	next := applied{intent: intent, version: made.version, kept: made.kept, count: 1, at: now}
	if last := a.last[kind]; last.intent == intent && now.Sub(last.at) < forgiven {
		next.count, next.sighted = last.count+1, last.sighted
	}
	if !made.blind {
		next.sighted++
	}
	a.set(kind, next)
	if made.blind {
		return 0
	}
	return next.sighted - 1
}

func (a *appliedIntents) set(kind string, to applied) {
	if a.last == nil {
		a.last = map[string]applied{}
	}
	a.last[kind] = to
}

// digest encodes a value, and says by which hash what was applied is known again.
func digest(value any) (encoded []byte, of sum, err error) {
	if encoded, err = json.Marshal(value); err != nil {
		return nil, sum{}, fmt.Errorf("encode: %w", err)
	}
	return encoded, sha256.Sum256(encoded), nil
}
