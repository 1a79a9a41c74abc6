package creds_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// L7: only the Secrets that changed are read, however many there are.
func TestL7OnlyChangedSecretsAreRead(t *testing.T) {
	t.Parallel()
	const total, written = 200, 20
	secrets := testkit.NewSecrets(t)
	name := func(i int) string { return fmt.Sprintf("s%d", i) }
	for i := range total {
		secrets.Mount("shop", name(i), map[string]string{"k": "old"})
	}
	secrets.Mount("web", "s0", map[string]string{"k": "old"})
	tree := &testkit.Counting{FS: os.DirFS(secrets.Dir)}
	store := creds.NewStore(creds.Options{Tree: tree})
	groups := make([]*creds.Derived[*creds.Snapshot], total)
	for i := range groups {
		groups[i] = store.Keys("shop", name(i), "k")
	}
	other := store.Keys("web", "s0", "k")
	each := tree.Opened.Load() / (total + 1)
	opened := func(changed ...string) int64 {
		before := tree.Opened.Load()
		store.Reload(changed)
		return (tree.Opened.Load() - before) / each
	}
	var changed []string
	for i := range written {
		secrets.Mount("shop", name(i), map[string]string{"k": "new"})
		for _, file := range []string{"", "/..data", "/..data_tmp", "/..v1/k", "/k"} { // as the events come
			changed = append(changed, "shop/"+name(i)+file)
		}
	}
	if n := opened(changed...); n != written {
		t.Errorf("%d Secrets are read, want the %d that changed, once each", n, written)
	}
	for i, g := range groups {
		s, err := g.Snapshot()
		want := "old"
		if i < written {
			want = "new"
		}
		if err != nil || s.Value("k").Reveal() != want {
			_, name := g.Object()
			t.Errorf("%s is %q (%v), want %q", name, s.Value("k").Reveal(), err, want)
		}
	}
	for _, row := range []struct {
		changed string
		want    int64
	}{{"shop/s0extra", 0}, {"elsewhere", 0}, {"shop/none/k", 0}, {"web", 1}, {"shop", total}, {".", total + 1}} {
		if n := opened(row.changed); n != row.want {
			t.Errorf("after a change of %s %d Secrets are read, want %d", row.changed, n, row.want)
		}
	}
	store.Forget([]creds.Source{other})
	if n := opened("shop/s0", "."); n != 1 {
		t.Errorf("after all others are forgotten %d are read, want 1", n)
	}
}
