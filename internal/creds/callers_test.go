package creds_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/selfsigned"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func valuesOf(g *creds.Derived[*creds.Callers]) map[string]string {
	out := map[string]string{}
	if s, err := g.Snapshot(); err == nil {
		for key, value := range s.Values() {
			out[key] = value.Reveal()
		}
	}
	return out
}

// M2: what was taken away is gone at once, and each key stands alone.
func TestM2CallersKeysStandAlone(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	options := creds.Options{Tree: os.DirFS(secrets.Dir)}
	store := creds.NewStore(options)
	group := store.Callers("shop", "callers")
	large := strings.Repeat("x", 1<<20+1)
	for _, row := range []struct {
		name    string
		keys    map[string]string
		want    map[string]string
		problem string // the keys of the problem, or - for the Secret as a whole
	}{
		{"no Secret", nil, map[string]string{}, "-"},
		{"two callers", map[string]string{"till": "a\nb\n", "web": "w"}, map[string]string{"till": "a\nb", "web": "w"}, ""},
		{"a line gone, another caller rotated", map[string]string{"till": "b\n", "web": "w2"}, map[string]string{"till": "b", "web": "w2"}, ""},
		{"one emptied, one rotated", map[string]string{"till": "", "web": "w3"}, map[string]string{"web": "w3"}, ""},
		{"one of a newline alone", map[string]string{"till": "\n", "web": "w3"}, map[string]string{"web": "w3"}, ""},
		{"one back, one deleted", map[string]string{"till": "c"}, map[string]string{"till": "c"}, ""},
		{"one too large", map[string]string{"till": large, "web": "w4"}, map[string]string{"web": "w4"}, "till"},
		{"all emptied", map[string]string{"till": "", "web": ""}, map[string]string{}, "-"},
		{"all back", map[string]string{"till": "d"}, map[string]string{"till": "d"}, ""},
		{"the Secret deleted", map[string]string{}, map[string]string{}, "-"},
	} {
		if row.keys != nil {
			secrets.Mount("shop", "callers", row.keys)
			if !store.Reload([]string{"."}) {
				t.Errorf("%s: an atomic mount is not believed", row.name)
			}
		}
		restarted := creds.NewStore(options).Callers("shop", "callers")
		for when, g := range map[string]*creds.Derived[*creds.Callers]{"running": group, "restarted": restarted} {
			if got := valuesOf(g); !maps.Equal(got, row.want) {
				t.Errorf("%s, %s: values are %.40q, want %.40q", row.name, when, got, row.want)
			}
			p := g.Problem()
			if (p == nil) != (row.problem == "") || p != nil && (strings.Join(append(p.Keys, "-"), " ") != strings.TrimPrefix(row.problem+" -", "- ") || p.Stale) {
				t.Errorf("%s, %s: problem is %+v, want one of %q", row.name, when, p, row.problem)
			}
		}
	}
}

// broken fails to open what it names, as a disk does.
type broken struct {
	fstest.MapFS

	names []string
}

func (b *broken) Open(name string) (fs.File, error) {
	if slices.Contains(b.names, name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EIO}
	}
	return b.MapFS.Open(name)
}

func (b *broken) ReadDir(name string) ([]fs.DirEntry, error) {
	if slices.Contains(b.names, name) {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: syscall.EMFILE}
	}
	return b.MapFS.ReadDir(name)
}

// M2: what cannot be read was not taken away: it stays, and is reported with its age.
func TestM2UnreadableIsNotRevoked(t *testing.T) {
	t.Parallel()
	tree := &broken{MapFS: fstest.MapFS{"shop/callers/till": {Data: []byte("a")}, "shop/callers/web": {Data: []byte("w")}}}
	store := creds.NewStore(creds.Options{Tree: tree})
	group := store.Callers("shop", "callers")
	tree.names = []string{"shop/callers/till"}
	tree.MapFS["shop/callers/web"] = &fstest.MapFile{Data: []byte("w2")}
	store.Reload([]string{"."})
	if got := valuesOf(group); !maps.Equal(got, map[string]string{"till": "a", "web": "w2"}) {
		t.Errorf("with a key that cannot be read: %q", got)
	}
	first := group.Problem()
	if first == nil || !first.Stale || !slices.Equal(first.Keys, []string{"till"}) || first.Since.IsZero() {
		t.Fatalf("problem is %+v, want the key, stale, with its age", first)
	}
	tree.names = []string{"shop/callers"}
	store.Reload([]string{"."})
	if got, p := valuesOf(group), group.Problem(); len(got) != 2 || !p.Stale || !p.Since.Equal(first.Since) {
		t.Errorf("with a folder that cannot be read: %q, %+v; want what there was, and the age of the first", got, p)
	}
	tree.names = nil
	store.Reload([]string{"."})
	if p := group.Problem(); p != nil {
		t.Errorf("healed, and the problem is %+v", p)
	}
}

// replaced is a volume that the kubelet swaps while it is read.
type replaced struct {
	fstest.MapFS

	links []string
}

func (r *replaced) ReadLink(string) (string, error) {
	link := r.links[0]
	if len(r.links) > 1 {
		r.links = r.links[1:]
	}
	return link, nil
}

func (r *replaced) Lstat(name string) (fs.FileInfo, error) { return r.Stat(name) }

// M2: a volume that is swapped while it is read takes nobody's key away.
func TestM2SwappedVolumeRevokesNobody(t *testing.T) {
	t.Parallel()
	tree := &replaced{MapFS: fstest.MapFS{"shop/callers/..v1/till": {Data: []byte("a")}}, links: []string{"..v1"}}
	store := creds.NewStore(creds.Options{Tree: tree})
	group := store.Callers("shop", "callers")
	tree.MapFS = fstest.MapFS{"shop/callers/..v2/till": {Data: []byte("b")}}
	tree.links = []string{"..v1", "..v2"} // as it was when the read began, and at its end
	if store.Reload([]string{"."}) || !maps.Equal(valuesOf(group), map[string]string{"till": "a"}) || group.Problem() != nil {
		t.Errorf("after half a read: %q, %+v; want what there was, and to be asked again", valuesOf(group), group.Problem())
	}
	if !store.Reload([]string{"."}) || !maps.Equal(valuesOf(group), map[string]string{"till": "b"}) {
		t.Errorf("after the next: %q", valuesOf(group))
	}
}

// newPair is a certificate of its own authority, with its key.
func newPair(t *testing.T) map[string]string {
	t.Helper()
	made, err := selfsigned.New("one", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(made.TLS.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"tls.crt": string(made.PEM), "tls.key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
	}
}

// M7: a pair or an authority that stops fitting keeps the last good one.
func TestM7WhatStopsFittingKeepsTheLastGood(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	one, two := newPair(t), newPair(t)
	secrets.Mount("shop", "pair", one)
	secrets.Mount("shop", "ca", map[string]string{"ca.crt": one["tls.crt"]})
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	pair, ca := store.KeyPair("shop", "pair"), store.Authorities("shop", "ca")
	good, err := pair.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	secrets.Mount("shop", "pair", map[string]string{"tls.crt": two["tls.crt"], "tls.key": one["tls.key"]})
	secrets.Mount("shop", "ca", map[string]string{"ca.crt": "no PEM"})
	store.Reload([]string{"."})
	if now, err := pair.Snapshot(); err != nil || now != good {
		t.Errorf("a pair that does not fit took the place of one that does (%v)", err)
	}
	for g, key := range map[creds.Source]string{pair: "tls.key", ca: "ca.crt"} {
		if p := g.Problem(); p == nil || !p.Stale || !slices.Equal(p.Keys, []string{key}) || p.Message == "" {
			_, name := g.Object()
			t.Errorf("problem of %s is %+v", name, p)
		}
	}
	secrets.Mount("shop", "pair", two)
	store.Reload([]string{"."})
	if now, err := pair.Snapshot(); err != nil || now == good || pair.Problem() != nil {
		t.Errorf("the next pair is not taken (%v), problem %+v", err, pair.Problem())
	}
	secrets.Mount("shop", "none", map[string]string{"ca.crt": "no PEM"})
	if _, err := store.Authorities("shop", "none").Snapshot(); !errors.Is(err, creds.ErrUnfit) {
		t.Errorf("error %v of one that never fitted, want ErrUnfit", err)
	}
}
