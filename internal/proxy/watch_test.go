package proxy_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// watch runs a Watcher until the end of the test.
func watch(t *testing.T, changed func(proxy.Changes) bool, folders ...string) {
	t.Helper()
	w, err := proxy.NewWatcher(slog.New(slog.DiscardHandler), folders...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx, changed) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
}

// L7: 20 writes to 2,000 Secrets are not 20 full reads, and with ten events a write not 200.
func TestL7RotationOfManySecrets(t *testing.T) {
	t.Parallel()
	const total, written = 2000, 20
	secrets := testkit.NewSecrets(t)
	tree := &testkit.Counting{FS: os.DirFS(secrets.Dir)}
	store := creds.NewStore(creds.Options{Tree: tree})
	var groups []*creds.Derived[*creds.Snapshot]
	for i := range total {
		name := fmt.Sprintf("s%d", i)
		secrets.Mount("shop", name, map[string]string{"k": "old"})
		groups = append(groups, store.Keys("shop", name, "k"))
	}
	full := tree.Opened.Load()
	var rounds atomic.Int64
	watch(t, func(c proxy.Changes) bool {
		rounds.Add(1)
		return store.Reload(c.Below(secrets.Dir))
	}, secrets.Dir)
	for i := range written {
		secrets.Mount("shop", fmt.Sprintf("s%d", i*97), map[string]string{"k": "new"})
		testkit.Eventually(t, "what was written is read", func() bool {
			s, err := groups[i*97].Get()
			return err == nil && s.Value("k").Reveal() == "new"
		})
	}
	reads := tree.Opened.Load() - full
	t.Logf("%d writes, %d rounds, %d files read of %d", written, rounds.Load(), reads, full)
	if reads >= 4*full { // everything is looked at every 30 s, too
		t.Errorf("%d writes read %d files, %d times all of them", written, reads, reads/full)
	}
}

// L7: a callback hears what changed in which folder, new folders included, and hears the same
// again until it is settled.
func TestL7ChangesAreNamed(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	document, credentials := filepath.Join(root, "document"), filepath.Join(root, "credentials")
	for _, folder := range []string{document, filepath.Join(credentials, "shop", "key")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	type round struct{ document, credentials []string }
	rounds := make(chan round, 100)
	unsettled := true
	watch(t, func(c proxy.Changes) bool {
		r := round{c.Below(document), c.Below(credentials)}
		rounds <- r
		if unsettled && slices.Contains(r.credentials, "web/new/k2") {
			unsettled = false
			return false
		}
		return true
	}, document, credentials)
	write := func(parts ...string) {
		t.Helper()
		name := filepath.Join(parts...)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// next is what a round tells, without the rounds that a slow machine adds.
	next := func(want func(round) bool) round {
		t.Helper()
		for r := range rounds {
			if want(r) {
				return r
			}
		}
		return round{}
	}
	has := func(path string) func(round) bool {
		return func(r round) bool { return slices.Contains(r.credentials, path) }
	}
	write(credentials, "shop", "key", "k")
	if r := next(has("shop/key/k")); len(r.document) > 0 || slices.Contains(r.credentials, ".") {
		t.Errorf("a changed key is told as %v", r)
	}
	write(document, "document.json")
	if r := next(func(r round) bool { return slices.Contains(r.document, "document.json") }); len(r.credentials) > 0 && !strings.HasPrefix(r.credentials[0], "shop") {
		t.Errorf("a changed document is told as %v", r)
	}
	write(credentials, "web", "new", "k")
	next(has("web"))
	write(credentials, "web", "new", "k2")
	next(has("web/new/k2"))
	next(has("web/new/k2")) // without another write
}
