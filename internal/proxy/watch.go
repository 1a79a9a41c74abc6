package proxy

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settleAgain is how long after an unfinished write files are read again.
	settleAgain = 100 * time.Millisecond
	// recheck is for changes that no event tells of, as on some network volumes.
	recheck = 30 * time.Second
)

// Watcher calls back when files below some folders change. It watches folders and
// not files, since the kubelet changes a volume by re-linking a name in it.
type Watcher struct {
	fsnotify *fsnotify.Watcher
	folders  []string
	log      *slog.Logger
}

// NewWatcher watches folders and all folders below them. A folder that does not
// exist yet is looked for again every 30 s.
func NewWatcher(log *slog.Logger, folders ...string) (*Watcher, error) {
	n, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &Watcher{fsnotify: n, folders: folders, log: log}
	w.add()
	return w, nil
}

// add watches what is there; folders watched already stay so.
func (w *Watcher) add() {
	for _, folder := range w.folders {
		_ = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				_ = w.fsnotify.Add(path) // gone again, or looked for at the next recheck
			}
			return nil
		})
	}
}

// Run calls changed after every change until ctx ends, from this goroutine alone.
// changed returns false where it has to be called again a moment later.
func (w *Watcher) Run(ctx context.Context, changed func() (settled bool)) {
	defer func() { _ = w.fsnotify.Close() }()
	timer := time.NewTimer(recheck)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-w.fsnotify.Errors:
			w.log.Warn("watch files", "error", err)
		case <-w.fsnotify.Events:
		case <-timer.C:
		}
		w.add()
		if changed() {
			timer.Reset(recheck)
		} else {
			timer.Reset(settleAgain)
		}
	}
}
