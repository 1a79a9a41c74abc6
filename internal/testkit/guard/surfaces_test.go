package guard_test

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"github.com/fanout-operator/fanout/internal/testkit/canary"
)

// signs are what text in escapes, quotes and alphabets is told by.
const signs = `"\/+=&%<>`

// surfaces are whatever somebody may read who may read no Secret.
type surfaces map[string]*bytes.Buffer

func (s surfaces) add(name, text string) {
	if s[name] == nil {
		s[name] = &bytes.Buffer{}
	}
	s[name].WriteString(text + "\n")
}

// search fails the test where a canary is on one of them.
func (s surfaces) search(t *testing.T, canaries []canary.Value) {
	t.Helper()
	size := 0
	for _, name := range slices.Sorted(maps.Keys(s)) {
		size += s[name].Len()
		for _, hit := range canary.Found(canaries, s[name].String()) {
			t.Errorf("%s shows %s", name, hit)
		}
		if s[name].Len() < 10 {
			t.Errorf("%s is empty", name)
		}
	}
	t.Logf("%d canaries, in %d bytes of %q", len(canaries), size, slices.Sorted(maps.Keys(s)))
}
