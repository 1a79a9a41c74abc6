package testkit_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// An exception to a linter that is not on excepts nothing, and whoever reads it believes in
// a rule that nobody keeps.
func TestExceptionsAreToLintersThatAreOn(t *testing.T) {
	t.Parallel()
	config, err := os.ReadFile(filepath.Join(testkit.Root(), ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	enabled, _, _ := strings.Cut(string(config), "\n  settings:")
	on := map[string]bool{}
	for _, name := range regexp.MustCompile(`(?m)^    - ([a-z]+)`).FindAllStringSubmatch(enabled, -1) {
		on[name[1]] = true
	}
	exception := regexp.MustCompile(`//nolint:([a-z,]+)`)
	seen := 0
	for _, folder := range []string{"api", "cmd", "controllers", "hack", "internal", "test"} {
		err := filepath.WalkDir(filepath.Join(testkit.Root(), folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
				return err
			}
			source, err := os.ReadFile(filepath.Clean(path))
			for _, found := range exception.FindAllStringSubmatch(string(source), -1) {
				for name := range strings.SplitSeq(found[1], ",") {
					if seen++; !on[name] {
						t.Errorf("%s: an exception to %s, which is not on", path, name)
					}
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(on) < 15 || seen < 20 {
		t.Errorf("found %d linters and %d exceptions", len(on), seen)
	}
}
