package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// Secrets is a folder of mounted Secrets, NAMESPACE/SECRET/KEY.
type Secrets struct {
	Dir string

	t        testing.TB
	versions atomic.Int64
}

// NewSecrets returns an empty folder.
func NewSecrets(t testing.TB) *Secrets { return &Secrets{Dir: t.TempDir(), t: t} }

// Mount writes a Secret as the kubelet does: into a folder of its own, which ..data
// is then re-linked to, so that all keys change at once.
func (s *Secrets) Mount(namespace, secret string, keys map[string]string) {
	s.t.Helper()
	volume := filepath.Join(s.Dir, namespace, secret)
	version := fmt.Sprintf("..v%d", s.versions.Add(1))
	s.must(os.MkdirAll(filepath.Join(volume, version), 0o755))
	for key, value := range keys {
		s.must(os.WriteFile(filepath.Join(volume, version, key), []byte(value), 0o600))
		if _, err := os.Lstat(filepath.Join(volume, key)); err != nil {
			s.must(os.Symlink(filepath.Join("..data", key), filepath.Join(volume, key)))
		}
	}
	s.must(os.Symlink(version, filepath.Join(volume, "..data_tmp")))
	s.must(os.Rename(filepath.Join(volume, "..data_tmp"), filepath.Join(volume, "..data")))
}

// Write writes one key as an editor does: in place.
func (s *Secrets) Write(namespace, secret, key, value string) {
	s.t.Helper()
	dir := filepath.Join(s.Dir, namespace, secret)
	s.must(os.MkdirAll(dir, 0o755))
	s.must(os.WriteFile(filepath.Join(dir, key), []byte(value), 0o600))
}

func (s *Secrets) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}
