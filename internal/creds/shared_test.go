package creds_test

import (
	"os"
	"slices"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// A key of several callers says nothing of who calls, so it lets nobody in, and all other keys
// do. Who is told of it is not told the key.
func TestKeysOfSeveralCallersLetNobodyIn(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	handle := store.Callers("shop", "callers")
	for _, row := range []struct {
		name    string
		keys    map[string]string
		in      map[string]string // who gets in by which key
		message string
		told    []string
	}{
		{"each its own", map[string]string{"app": "a", "till": "t", "web": "w"}, map[string]string{"a": "app", "t": "till", "w": "web"}, "", nil},
		{"twice one caller's", map[string]string{"till": "t\nt"}, map[string]string{"t": "till"}, "", nil},
		{
			"one of two", map[string]string{"app": "a", "till": "t\nboth", "web": "both\nw"}, map[string]string{"a": "app", "t": "till", "w": "web"},
			`key "web" line 1 is a key of "till", too; nobody gets in by it`, []string{"web"},
		},
		{"of two, no more", map[string]string{"till": "t", "web": "both\nw"}, map[string]string{"t": "till", "w": "web", "both": "web"}, "", nil},
		{
			"one of three, and two of two", map[string]string{"app": "all\r\na", "till": "all\nt\nboth", "web": "w\n\nboth\nall"},
			map[string]string{"a": "app", "t": "till", "w": "web"},
			`key "till" line 1 is a key of "app", too; nobody gets in by it; key "web" line 3 is a key of "till", too (and 1 more lines); nobody gets in by it`,
			[]string{"till", "web"},
		},
		{
			"beside a line that no field carries", map[string]string{"till": "both", "web": "w\x01\nboth\nw"}, map[string]string{"w": "web"},
			`key "web" line 1 holds a control character: take it out; key "web" line 2 is a key of "till", too; nobody gets in by it`, []string{"web"},
		},
		{
			"no other key at all", map[string]string{"till": "both", "web": "both"}, nil,
			`key "web" line 1 is a key of "till", too; nobody gets in by it`, []string{"web"},
		},
	} {
		secrets.Mount("shop", "callers", row.keys)
		store.Reload([]string{"."})
		callers, err := handle.Get()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"a", "t", "w", "both", "all"} {
			if name, ok := callers.Name(key); name != row.in[key] || ok != (name != "") {
				t.Errorf("%s: %q is %q, want %q", row.name, key, name, row.in[key])
			}
		}
		p := handle.Problem()
		if (p == nil) != (row.message == "") || p != nil && (p.Message != row.message || p.Stale || !slices.Equal(p.Keys, row.told)) {
			t.Errorf("%s: the problem is %+v, want %q of %q", row.name, p, row.message, row.told)
		}
	}
}
