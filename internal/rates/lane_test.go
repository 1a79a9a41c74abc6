package rates

import (
	"strings"
	"testing"
)

// L2: namespaces take turns, however much one has queued, and none takes more than its
// slots. What nobody waits for any more takes none, and nothing is remembered.
func TestL2NamespacesTakeTurnsInALane(t *testing.T) {
	t.Parallel()
	l := &lane{slots: 4, each: 2}
	var queued []*poll
	add := func(namespace string) {
		c := &contact{id: proxyID{namespace: namespace}}
		c.poll = &poll{contact: c}
		queued = append(queued, c.poll)
		l.add(c.poll)
	}
	for namespace := range strings.SplitSeq("aaaaaabcbcd", "") {
		add(namespace)
	}
	queued[1].contact.poll = nil // its Pod is gone
	var begun []*poll
	take := func() (order string) {
		for p, ok := l.next(); ok; p, ok = l.next() {
			begun = append(begun, p)
			order += p.contact.id.namespace
		}
		return order
	}
	for i, want := range []string{"abcd", "a", "b", "c", "a", "a", "", "", "a", ""} {
		if got := take(); got != want {
			t.Errorf("after %d polls %q may begin, want %q", i, got, want)
		}
		l.done(begun[i])
	}
	if l.busy != 0 || len(l.tenants) != 0 || len(l.turns) != 0 || len(begun) != 10 {
		t.Errorf("%d polls began, and of them are left %+v", len(begun), l)
	}
}
