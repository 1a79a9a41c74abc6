package proxy

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// gatherFor is how long changes are collected after the first one. One update of a mounted
	// Secret is about ten events, and one rotation may be of thousands of Secrets.
	gatherFor = 50 * time.Millisecond
	// settleAgain is how long after an unfinished write files are read again.
	settleAgain = 100 * time.Millisecond
	// recheck is for changes that no event tells of, as on some network volumes.
	recheck = 30 * time.Second
)

// Changes are what may have changed since the last call of a Watcher: some paths, or, now
// and then and after lost events, everything. The zero value is nothing.
type Changes struct {
	paths map[string]bool
	all   bool
}

// Below returns what may have changed below a folder, relative to it and with slashes: "."
// stands for all of it. There may be many paths of one file.
func (c Changes) Below(folder string) []string {
	if c.all {
		return []string{"."}
	}
	var list []string
	for path := range c.paths {
		if rest, err := filepath.Rel(folder, path); err == nil && rest != ".." && !strings.HasPrefix(rest, "../") {
			list = append(list, filepath.ToSlash(rest))
		}
	}
	return list
}

func (c *Changes) note(path string) {
	if c.paths == nil {
		c.paths = map[string]bool{}
	}
	c.paths[path] = true
}

// Watcher calls back when files below some folders change. It watches folders and
// not files, since the kubelet changes a volume by re-linking a name in it.
type Watcher struct {
	fsnotify *fsnotify.Watcher
	folders  []string
	log      *slog.Logger
	full     time.Time // when everything was last looked at
}

// NewWatcher watches folders and all folders below them. A folder that does not
// exist yet is looked for again every 30 s.
func NewWatcher(log *slog.Logger, folders ...string) (*Watcher, error) {
	n, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &Watcher{fsnotify: n, folders: folders, log: log, full: time.Now()}
	w.add(w.folders...)
	return w, nil
}

// add watches the folders among some paths, and those below; folders watched already stay
// so. Folders whose names begin with two dots are the kubelet's: each is written once,
// before a name is linked to it.
func (w *Watcher) add(paths ...string) {
	for _, path := range paths {
		_ = filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil // gone again, or looked for at the next recheck
			}
			if strings.HasPrefix(d.Name(), "..") && d.Name() != ".." {
				return fs.SkipDir
			}
			_ = w.fsnotify.Add(path) // as above
			return nil
		})
	}
}

// Run calls changed after changes until ctx ends, from this goroutine alone. changed
// returns false where it has to be called again a moment later, with the same changes.
func (w *Watcher) Run(ctx context.Context, changed func(c Changes) (settled bool)) {
	defer func() { _ = w.fsnotify.Close() }()
	timer := time.NewTimer(recheck)
	defer timer.Stop()
	pending := Changes{}
	for w.wait(ctx, timer.C, &pending) {
		w.gather(ctx, &pending)
		w.watch(&pending)
		if changed(pending) {
			pending = Changes{}
			timer.Reset(recheck)
		} else {
			timer.Reset(settleAgain)
		}
	}
}

// wait returns at the first change, or when it is time to look; false where ctx has ended.
func (w *Watcher) wait(ctx context.Context, look <-chan time.Time, c *Changes) bool {
	select {
	case <-ctx.Done():
		return false
	case err := <-w.fsnotify.Errors:
		w.lost(err, c)
	case e := <-w.fsnotify.Events:
		c.note(e.Name)
	case <-look:
		c.all = c.all || len(c.paths) == 0
	}
	return true
}

// gather collects what follows a first change.
func (w *Watcher) gather(ctx context.Context, c *Changes) {
	timer := time.NewTimer(gatherFor)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-w.fsnotify.Errors:
			w.lost(err, c)
		case e := <-w.fsnotify.Events:
			c.note(e.Name)
		case <-timer.C:
			return
		}
	}
}

// lost events may have been of anything.
func (w *Watcher) lost(err error, c *Changes) {
	w.log.Warn("watch files", "error", err)
	c.all = true
}

// watch takes in new folders, before what is in them is read. However busy some files are,
// everything is looked at once in a while.
func (w *Watcher) watch(c *Changes) {
	if now := time.Now(); c.all || now.Sub(w.full) >= recheck {
		c.all, w.full = true, now
		w.add(w.folders...)
		return
	}
	w.add(slices.Collect(maps.Keys(c.paths))...)
}
