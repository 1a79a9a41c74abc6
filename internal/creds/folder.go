package creds

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

const (
	// maxFile is the largest key of a Secret that the API server takes, in bytes.
	maxFile = 1 << 20
	// settle is how long a file that is no atomic mount must be left alone.
	settle = 100 * time.Millisecond
	// dataLink is re-linked by the kubelet when all files of a volume are written.
	dataLink = "..data"
)

var errTooLarge = fmt.Errorf("is larger than %d bytes", maxFile)

// folder is the files of a Secret in one state of its volume.
type folder struct {
	tree      fs.FS
	dir, data string // data is where dataLink points, empty where there is none
	// newest is the latest change of a file that was read.
	newest time.Time
}

func open(tree fs.FS, dir string) *folder {
	f := &folder{tree: tree, dir: dir}
	f.data, _ = fs.ReadLink(tree, path.Join(dir, dataLink))
	return f
}

// whole reports whether the volume is still in the state that was read. The kubelet
// removes the old one once it has linked the new one: its files are gone then, and
// nothing was taken away.
func (f *folder) whole() bool {
	now, _ := fs.ReadLink(f.tree, path.Join(f.dir, dataLink))
	return now == f.data
}

// settled reports whether the files are whole ones: swapped in atomically, or left alone
// for a while. A time in the future (of a clock that was set right since) says nothing.
func (f *folder) settled() bool {
	age := time.Since(f.newest)
	return f.data != "" || age >= settle || age < 0
}

// read returns the value of a key without exactly one line end, LF or CRLF.
func (f *folder) read(key string) (string, error) {
	file, err := f.tree.Open(path.Join(f.dir, f.data, key))
	if err != nil {
		return "", err // the caller asks for its kind only
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	if changed := info.ModTime(); changed.After(f.newest) {
		f.newest = changed
	}
	b, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxFile {
		return "", errTooLarge
	}
	return cutLineEnd(string(b)), nil
}

// cutLineEnd takes one line end away, LF or CRLF.
func cutLineEnd(text string) string {
	if rest, ok := strings.CutSuffix(text, "\n"); ok {
		return strings.TrimSuffix(rest, "\r")
	}
	return text
}

// empty reports whether there is no key at all: the kubelet mounts a Secret that is
// missing as one that has none.
func (f *folder) empty() bool {
	entries, err := fs.ReadDir(f.tree, path.Join(f.dir, f.data))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	return !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), "..") })
}

// keys are all of the Secret but the reserved ones; none where there is no folder.
func (f *folder) keys() ([]string, error) {
	entries, err := fs.ReadDir(f.tree, path.Join(f.dir, f.data))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name := e.Name(); !strings.HasPrefix(name, "..") && !reserved(name) {
			names = append(names, name)
		}
	}
	return names, nil
}
