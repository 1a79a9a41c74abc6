package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, name, content string) string {
	t.Helper()
	folder := t.TempDir()
	path := filepath.Join(folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// Where nothing is known nothing is found: that is no reason to pass.
func TestADatabaseThatHoldsNothingIsNone(t *testing.T) {
	t.Parallel()
	none := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(none.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, db := range map[string]string{
		"a folder that is not there": filepath.Join(t.TempDir(), "none"),
		"an empty folder":            t.TempDir(),
		"other files":                write(t, "package.json", `{"name":"x"}`),
		"an index without a date":    write(t, "index/db.json", `{}`),
		"an index that is none":      write(t, "index/db.json", `<html>`),
		"a server without one":       none.URL,
		"no server":                  gone.URL,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if source, _, err := find(t.Context(), db); !errors.Is(err, errNone) {
				t.Errorf("found %q, error %v", source, err)
			}
			if err := look(t.Context(), &strings.Builder{}, db, []string{"."}); !errors.Is(err, errNone) {
				t.Errorf("looked, error %v", err)
			}
		})
	}
}

// Both forms of a copy are read, with their age, and the server's.
func TestADatabaseIsFoundWithItsAge(t *testing.T) {
	t.Parallel()
	const entry = `{"id":"GO-2000-0001","modified":"2026-08-21T10:00:00Z"}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/copy/index/db.json" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(entry))
	}))
	t.Cleanup(server.Close)
	folder := write(t, "GO-2000-0001.json", entry)
	for name, row := range map[string]struct{ db, age string }{
		"entries":             {folder, "1 entries up to GO-2000-0001"},
		"entries, by address": {"file://" + folder, "1 entries up to GO-2000-0001"},
		"an index":            {write(t, "index/db.json", entry), "changed last on 2026-08-21"},
		"a server":            {server.URL + "/copy", "changed last on 2026-08-21"},
	} {
		source, age, err := find(t.Context(), row.db)
		if err != nil || age != row.age || !strings.Contains(source, "://") {
			t.Errorf("%s: found %q, %q, error %v", name, source, age, err)
		}
	}
}
