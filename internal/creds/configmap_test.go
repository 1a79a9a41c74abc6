package creds_test

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// A ConfigMap is read like a Secret, beside one of its name: what is built of it stays when
// it goes missing or breaks, and the problem says so in the builder's words.
func TestConfigMapKeepsTheLastGood(t *testing.T) {
	t.Parallel()
	tree := testkit.NewSecrets(t)
	tree.Mount("shop", "limits", map[string]string{"n": "7"})
	store := creds.NewStore(creds.Options{Tree: os.DirFS(tree.Dir), RequireAllowedHosts: true})
	at := routeconfig.ConfigMapKey{Name: "limits", Key: "n"}
	d := creds.Config(store, "shop", at, "number", strconv.Atoi)
	if kind, name := d.Object(); kind != routeconfig.KindConfigMap || name != "limits" {
		t.Errorf("it is the %s %q", kind, name)
	}
	if _, err := d.Get(); !errors.Is(err, creds.ErrMissing) || err.Error() != `ConfigMap "limits" is missing or empty` {
		t.Errorf("without a ConfigMap the error is %v", err)
	}
	if again := creds.Config(store, "shop", at, "number", strconv.Atoi); again != d {
		t.Error("the same of the same has two handles")
	}
	for _, row := range []struct {
		mount   map[string]string
		want    int
		keys    []string
		message string
	}{
		{map[string]string{"n": "8\n"}, 8, nil, ""},
		{map[string]string{"n": "many"}, 8, []string{"n"}, `strconv.Atoi: parsing "many": invalid syntax`},
		{map[string]string{"n": "9", "allowedHosts": "nowhere.example.com"}, 9, nil, ""},
		{map[string]string{"n": ""}, 9, []string{"n"}, ""},
	} {
		tree.Mount("shop", "_limits", row.mount)
		if !store.Reload([]string{"shop/_limits"}) {
			t.Fatalf("%v: not settled", row.mount)
		}
		got, err := d.Get()
		if err != nil || got != row.want {
			t.Errorf("%v: got %d, %v", row.mount, got, err)
		}
		p := d.Problem()
		if (p != nil) != (row.keys != nil) || p != nil && (!slices.Equal(p.Keys, row.keys) || p.Message != row.message || !p.Stale) {
			t.Errorf("%v: the problem is %+v", row.mount, p)
		}
	}
}

// What callers are held against is gone when it is taken away, and stays when it breaks.
func TestTrustedIsGoneWhenItIsTakenAway(t *testing.T) {
	t.Parallel()
	tree := testkit.NewSecrets(t)
	store := creds.NewStore(creds.Options{Tree: os.DirFS(tree.Dir)})
	d := creds.Trusted(store, "shop", routeconfig.ConfigMapKey{Name: "limits", Key: "n"}, "number", strconv.Atoi)
	for _, row := range []struct {
		mount map[string]string
		want  string
		stale bool
	}{
		{map[string]string{"n": "8\n"}, "", false},
		{map[string]string{"n": "many"}, "", true},
		{map[string]string{"n": ""}, `ConfigMap "limits" lacks the key "n"`, false},
		{map[string]string{"n": "8"}, "", false},
		{map[string]string{"m": "8"}, `ConfigMap "limits" lacks the key "n"`, false},
		{map[string]string{"n": "many"}, `ConfigMap "limits": strconv.Atoi: parsing "many": invalid syntax`, false},
		{map[string]string{"n": "8"}, "", false},
		{nil, `ConfigMap "limits" is missing or empty`, false},
	} {
		tree.Mount("shop", "_limits", row.mount)
		store.Reload([]string{"shop/_limits"})
		got, err := d.Get()
		if (err == nil) != (row.want == "") || err != nil && err.Error() != row.want || err == nil && got != 8 {
			t.Errorf("%v: got %d, %v", row.mount, got, err)
		}
		if p := d.Problem(); row.stale != (p != nil && p.Stale) || (row.stale || row.want != "") != (p != nil) {
			t.Errorf("%v: the problem is %+v", row.mount, p)
		}
	}
}

// The text itself is what the list of what a route reads leads to, where nobody builds more
// of it.
func TestConfigMapIsASource(t *testing.T) {
	t.Parallel()
	tree := testkit.NewSecrets(t)
	store := creds.NewStore(creds.Options{Tree: os.DirFS(tree.Dir)})
	source := store.Source("shop", &routeconfig.Reference{Kind: routeconfig.KindConfigMap, Name: "limits", Keys: []string{"n"}})
	if source.Problem() == nil {
		t.Error("nothing is missing")
	}
	tree.Mount("shop", "_limits", map[string]string{"n": "7"})
	if store.Reload([]string{"shop"}); source.Problem() != nil {
		t.Errorf("the problem is %+v", source.Problem())
	}
}
