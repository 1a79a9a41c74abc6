package testkit

import (
	"testing"
	"time"
)

// Eventually waits until a condition holds, at most 30 s: computations of low priority wait while a machine is loaded.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}
