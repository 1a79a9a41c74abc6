package jwt

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// wycheproof is the module that has the vectors, at the commit that was tried.
const wycheproof = "github.com/C2SP/wycheproof@v0.0.0-20250901140545-b51abcfb8daf"

// vectors are those of a file of it, out of Go's module cache.
func vectors(t *testing.T, name string) (groups []vectorGroup) {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "go.mod"), []byte("module none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", wycheproof)
	cmd.Dir = folder
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("SKIPPED: the vectors of %s cannot be fetched: %v", wycheproof, err)
	}
	module := struct{ Dir string }{}
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(module.Dir, "testvectors_v1", name))
	if err != nil {
		t.Fatal(err)
	}
	file := struct{ TestGroups []vectorGroup }{}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	return file.TestGroups
}

// vectorGroup is vectors of one key, or set of keys.
type vectorGroup struct {
	Comment string
	Public  map[string]any
	Private map[string]any
	Tests   []struct {
		TcID    int
		Comment string
		JWS     json.RawMessage
		Result  string
	}
}

// set is the keys as an issuer publishes them.
func (g *vectorGroup) set(t *testing.T) *Set {
	t.Helper()
	published := g.Public
	if published == nil {
		published = g.Private
	}
	if published["keys"] == nil {
		published = map[string]any{"keys": []any{published}}
	}
	raw, _ := json.Marshal(published)
	s, err := parseSet(raw)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Of the vectors of Wycheproof none is accepted that is not valid, and of the valid ones all
// are that are of public keys and in the compact form.
func TestWycheproof(t *testing.T) {
	t.Parallel()
	accepted, refused, passed := 0, 0, 0
	for _, name := range []string{"json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json"} {
		for _, g := range vectors(t, name) {
			s := g.set(t)
			for _, v := range g.Tests {
				compact := ""
				if json.Unmarshal(v.JWS, &compact) != nil {
					compact = string(v.JWS) // another form
				}
				in := s.Signed(compact, routeconfig.Algorithms())
				switch {
				case in && v.Result == "invalid":
					accepted++
					t.Errorf("%s %d is accepted: %s, %s", name, v.TcID, g.Comment, v.Comment)
				case in:
					passed++
				case v.Result == "valid" && g.Public != nil && !expected(v.Comment, g.Public):
					t.Errorf("%s %d is refused: %s, %s", name, v.TcID, g.Comment, v.Comment)
				default:
					refused++
				}
			}
		}
	}
	t.Logf("valid and accepted %d, refused %d, invalid and accepted %d", passed, refused, accepted)
	if passed < 20 || refused < 100 {
		t.Errorf("%d are accepted, %d refused: the vectors are not what they were", passed, refused)
	}
}

// expected says which valid vectors are refused: those of keys with an alg that no algorithm
// has, as ES521, and one that is signed by PS384 with a key that says PS256.
func expected(comment string, key map[string]any) bool {
	return key["alg"] == "ES521" || comment == "Figure20" && key["alg"] == "PS256"
}
