package fanout

import (
	"regexp"
	"testing"
)

// Each cause has a word of its own and words for people, none of which is left out.
func TestCausesHaveWords(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for c := NoCause + 1; c < Cause(Causes); c++ {
		if !regexp.MustCompile(`^[a-z][a-zA-Z]+$`).MatchString(c.String()) || seen[c.String()] || c.Says() == "" {
			t.Errorf("cause %d is %q, %q", c, c, c.Says())
		}
		seen[c.String()] = true
	}
	if NoCause.String() != "" || NoCause.Says() != "" {
		t.Error("no cause has a word")
	}
}
