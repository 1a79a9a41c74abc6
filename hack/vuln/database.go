package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// patience bounds the asking for a database.
const patience = 20 * time.Second

// modified is what an index, and each entry, has of its own age.
type modified struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
}

// find makes sure that a database is there, and holds something: in one that is empty no
// vulnerability is found either. It returns its address, and how old it is.
func find(ctx context.Context, db string) (source, age string, err error) {
	if strings.HasPrefix(db, "http://") || strings.HasPrefix(db, "https://") {
		age, err := ask(ctx, strings.TrimRight(db, "/"))
		return db, age, err
	}
	folder, err := filepath.Abs(strings.TrimPrefix(db, "file://"))
	if err != nil {
		return "", age, fmt.Errorf("%w: %w", errNone, err)
	}
	source = (&url.URL{Scheme: "file", Path: folder}).String()
	if content, err := os.ReadFile(filepath.Join(folder, "index", "db.json")); err == nil {
		age, err = date(content)
		return source, age, err
	}
	age, err = newest(folder)
	return source, age, err
}

func ask(ctx context.Context, db string) (age string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, db+"/index/db.json", http.NoBody)
	if err != nil {
		return age, fmt.Errorf("%w: %w", errNone, err)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return age, fmt.Errorf("%w at %s: %w", errNone, db, err)
	}
	defer func() { _ = response.Body.Close() }()
	index := modified{}
	if err := json.NewDecoder(response.Body).Decode(&index); response.StatusCode != http.StatusOK || err != nil || index.Modified.IsZero() {
		return age, fmt.Errorf("%w at %s: it answers %s and no index", errNone, db, response.Status)
	}
	return changed(index.Modified), nil
}

func changed(last time.Time) string { return "changed last on " + last.Format("2006-01-02") }

func date(content []byte) (age string, err error) {
	index := modified{}
	if err := json.Unmarshal(content, &index); err != nil {
		return age, fmt.Errorf("%w: read its index: %w", errNone, err)
	}
	if index.Modified.IsZero() {
		return age, fmt.Errorf("%w: its index has no date", errNone)
	}
	return changed(index.Modified), nil
}

// newest reads a folder of entries, such as data/osv of the database's own repository, where
// they have no dates: names tell their years.
func newest(folder string) (age string, err error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return age, fmt.Errorf("%w: %w", errNone, err)
	}
	last, n := "", 0
	for _, name := range names {
		content, err := os.ReadFile(filepath.Clean(name))
		if err != nil {
			return age, fmt.Errorf("%w: %w", errNone, err)
		}
		entry := modified{}
		if json.Unmarshal(content, &entry) == nil && strings.HasPrefix(entry.ID, "GO-") {
			last, n = max(last, entry.ID), n+1
		}
	}
	if n == 0 {
		return age, fmt.Errorf("%w in %s", errNone, folder)
	}
	return fmt.Sprintf("%d entries up to %s", n, last), nil
}
