package testkit

import (
	"io/fs"
	"sync/atomic"
)

// Counting counts the files that are opened in a tree.
type Counting struct {
	fs.FS

	Opened atomic.Int64
}

// Open implements fs.FS.
func (c *Counting) Open(name string) (fs.File, error) {
	c.Opened.Add(1)
	return c.FS.Open(name)
}

// ReadLink implements fs.ReadLinkFS.
func (c *Counting) ReadLink(name string) (string, error) { return fs.ReadLink(c.FS, name) }

// Lstat implements fs.ReadLinkFS.
func (c *Counting) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(c.FS, name) }
