package cli

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// memory is a tree of files that exists in memory alone: Secrets and ConfigMaps out of manifests
// never touch the disk. Its content is swapped as a whole.
type memory struct {
	files atomic.Pointer[map[string][]byte]
}

func newMemory(files map[string][]byte) *memory {
	m := &memory{}
	m.swap(files)
	return m
}

func (m *memory) swap(files map[string][]byte) { m.files.Store(&files) }

// Open implements fs.FS.
func (m *memory) Open(name string) (fs.File, error) {
	files := *m.files.Load()
	if content, ok := files[name]; ok {
		return &memoryFile{Reader: bytes.NewReader(content), memoryInfo: memoryInfo{path.Base(name), int64(len(content)), 0o400}}, nil
	}
	folder := &memoryFolder{memoryInfo: memoryInfo{name: path.Base(name), mode: fs.ModeDir | 0o500}}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		rest, below := strings.CutPrefix(file, name+"/")
		if below && !strings.Contains(rest, "/") {
			folder.entries = append(folder.entries,
				fs.FileInfoToDirEntry(memoryInfo{rest, int64(len(files[file])), 0o400}))
		}
	}
	if folder.entries == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return folder, nil
}

// memoryInfo describes a file. Its time is zero: what is in memory is settled.
type memoryInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i memoryInfo) Name() string               { return i.name }
func (i memoryInfo) Size() int64                { return i.size }
func (i memoryInfo) Mode() fs.FileMode          { return i.mode }
func (i memoryInfo) ModTime() time.Time         { return time.Time{} }
func (i memoryInfo) IsDir() bool                { return i.mode.IsDir() }
func (i memoryInfo) Sys() any                   { return nil }
func (i memoryInfo) Stat() (fs.FileInfo, error) { return i, nil }
func (i memoryInfo) Close() error               { return nil }

type memoryFile struct {
	*bytes.Reader
	memoryInfo
}

// Size resolves which of the two is meant.
func (f *memoryFile) Size() int64 { return f.size }

type memoryFolder struct {
	memoryInfo

	entries []fs.DirEntry
}

func (f *memoryFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.name, Err: fs.ErrInvalid}
}

// ReadDir implements fs.ReadDirFile.
func (f *memoryFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := f.entries
	if n > 0 && len(rest) == 0 {
		return nil, io.EOF
	}
	if n > 0 {
		rest = rest[:min(n, len(rest))]
	}
	f.entries = f.entries[len(rest):]
	return rest, nil
}
