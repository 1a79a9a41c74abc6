package creds_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// Whoever writes a Secret is told what is wrong with which of its keys, and what to do.
func TestProblemsSayWhatToDo(t *testing.T) {
	t.Parallel()
	field := func(s *creds.Store) creds.Source { return s.Field("shop", "s", "k") }
	client := func(s *creds.Store) creds.Source { return s.Client("shop", "s", "client_id", "client_secret") }
	callers := func(s *creds.Store) creds.Source { return s.Callers("shop", "s") }
	for _, row := range []struct {
		name string
		open func(*creds.Store) creds.Source
		keys map[string]string
		want string // the message, or - for no problem
	}{
		{"a tab between words", field, map[string]string{"k": "a\tb é"}, "-"},
		{"two lines", field, map[string]string{"k": "a\nb"}, `key "k" holds more than one line: leave one, and at most one line end behind it`},
		{"another kind of line end", field, map[string]string{"k": "a\rb"}, `key "k" holds more than one line: leave one, and at most one line end behind it`},
		{"a control character", field, map[string]string{"k": "a\x7f"}, `key "k" holds a control character: take it out`},
		{"a space in front", field, map[string]string{"k": " a"}, `key "k" begins or ends with white space: take it away`},
		{"a tab behind", field, map[string]string{"k": "a\t\n"}, `key "k" begins or ends with white space: take it away`},
		{"spaces of what is encoded", client, map[string]string{"client_id": " a ", "client_secret": "b"}, "-"},
		{"a tab of what is encoded", client, map[string]string{"client_id": "a\t", "client_secret": "b"}, `key "client_id" holds a control character: take it out`},
		{
			"both of a pair", client, map[string]string{"client_id": "a\nb", "client_secret": "\x01"},
			`key "client_id" holds more than one line: leave one, and at most one line end behind it; key "client_secret" holds a control character: take it out`,
		},
		{
			"one of a pair, and no other", client, map[string]string{"client_secret": "\x01"},
			`key "client_secret" holds a control character: take it out; key "client_id" is missing or empty`,
		},
		{"half a pair", client, map[string]string{"client_id": "a"}, ""},
		{"keys that callers can show", callers, map[string]string{"till": "a\n\n \nb", "web": "c"}, "-"},
		{
			"lines that no caller can show", callers, map[string]string{"till": "a\n\n b\nc", "web": "c\x01\nd"},
			`key "till" line 3 begins or ends with white space: take it away; key "web" line 1 holds a control character: take it out`,
		},
	} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount("shop", "s", row.keys)
		got := "-"
		if p := row.open(creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})).Problem(); p != nil {
			got = p.Message
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// Who may not be sent a Secret is told whether its list of hosts can be read at all.
func TestForbiddenHostsAreSaidWhy(t *testing.T) {
	t.Parallel()
	tree := &broken{MapFS: fstest.MapFS{"shop/s/k": {Data: []byte("v")}, "shop/s/allowedHosts": {Data: []byte("a.example")}}}
	store := creds.NewStore(creds.Options{Tree: tree})
	d := store.Keys("shop", "s", "k")
	for _, row := range []struct {
		unreadable []string
		host, want string
	}{
		{nil, "a.example", ""},
		{nil, "b.example", `Secret "s": allowedHosts does not cover b.example:443`},
		{[]string{"shop/s/allowedHosts"}, "a.example", `Secret "s": allowedHosts does not cover a.example:443; it cannot be read`},
	} {
		tree.names = row.unreadable
		store.Reload([]string{"."})
		s, err := d.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if fault := d.Forbids(s, row.host, "443"); fault != nil {
			got = fault.Error()
		}
		if got != row.want {
			t.Errorf("without %q: %q, want %q", row.unreadable, got, row.want)
		}
	}
}

// failing is a tree in which one file opens well and fails later, as a disk does.
type failing struct {
	fstest.MapFS

	name       string
	stat, read error
}

func (f *failing) Open(name string) (fs.File, error) {
	file, err := f.MapFS.Open(name)
	if err != nil || name != f.name {
		return file, err
	}
	return failingFile{file, f}, nil
}

type failingFile struct {
	fs.File

	of *failing
}

func (f failingFile) Stat() (fs.FileInfo, error) {
	if f.of.stat != nil {
		return nil, f.of.stat
	}
	return f.File.Stat()
}

// Read gives the first byte, and fails then.
func (f failingFile) Read(b []byte) (int, error) {
	if f.of.read == nil || len(b) == 0 {
		return f.File.Read(b)
	}
	n, err := f.File.Read(b[:1])
	return n, errors.Join(err, f.of.read)
}

// A file that fails while it is read holds no value, least of all a part of one: what was
// read before stays, and who has nothing of before has nothing.
func TestFilesThatFailHoldNoValue(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ stat, read error }{
		"before its first byte": {syscall.ESTALE, nil},
		"after its first byte":  {nil, syscall.EIO},
	} {
		tree := &failing{MapFS: fstest.MapFS{"shop/s/k": {Data: []byte("good")}}, name: "shop/s/k"}
		store := creds.NewStore(creds.Options{Tree: tree})
		shown, callers := values(store.Keys("shop", "s", "k"), "k"), store.Callers("shop", "s")
		tree.MapFS["shop/s/k"] = &fstest.MapFile{Data: []byte("other")}
		tree.stat, tree.read = row.stat, row.read
		store.Reload([]string{"."})
		if got, err := shown.tell(); got != "good" || err != nil || shown.Problem().Message != `key "k" cannot be read` {
			t.Errorf("%s: %q (%v), %+v", name, got, err, shown.Problem())
		}
		if got := valuesOf(callers); !maps.Equal(got, map[string]string{"k": "good"}) || !callers.Problem().Stale {
			t.Errorf("%s: callers are %q, %+v", name, got, callers.Problem())
		}
		fresh := creds.NewStore(creds.Options{Tree: tree})
		shown, callers = values(fresh.Keys("shop", "s", "k"), "k"), fresh.Callers("shop", "s")
		if got, err := shown.tell(); got != "" || !errors.Is(err, creds.ErrUnfit) {
			t.Errorf("%s, at first: %q (%v)", name, got, err)
		}
		if got, p := valuesOf(callers), callers.Problem(); len(got) != 0 || p == nil || p.Stale || !slices.Equal(p.Keys, []string{"k"}) {
			t.Errorf("%s, at first: callers are %q, %+v", name, got, p)
		}
	}
}

// Whether a Secret is missing as a whole cannot be told of a folder that cannot be read.
func TestUnreadableFoldersAreNotMissing(t *testing.T) {
	t.Parallel()
	tree := &broken{MapFS: fstest.MapFS{"shop/s/other": {Data: []byte("v")}}, names: []string{"shop/s"}}
	d := creds.NewStore(creds.Options{Tree: tree}).Keys("shop", "s", "k", "l")
	if _, err := d.Get(); err == nil || !strings.Contains(err.Error(), `lacks the key "k" and "l"`) || !errors.Is(err, creds.ErrMissing) {
		t.Errorf("error %v, want the keys", err)
	}
}
