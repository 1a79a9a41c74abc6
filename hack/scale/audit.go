package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// audit is what the API server notes of the operator's requests.
type audit struct {
	file string
	read int64
}

// requests counts requests: writes by verb and resource, but for the Lease, and reads.
type requests struct {
	Writes map[string]int `json:"writes"`
	Reads  map[string]int `json:"reads"`
}

// total is the number of writes; those of events are no part of it.
func (r *requests) total() (n int) {
	for kind, count := range r.Writes {
		if !strings.HasSuffix(kind, " events") {
			n += count
		}
	}
	return n
}

// take returns what came since it was asked last.
func (a *audit) take() (*requests, error) {
	file, err := os.Open(a.file)
	if err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	defer file.Close()
	if _, err := file.Seek(a.read, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	out := &requests{Writes: map[string]int{}, Reads: map[string]int{}}
	for in := bufio.NewReader(file); ; {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return out, nil // a line that is not whole is read the next time
		}
		if err != nil {
			return nil, fmt.Errorf("read audit log: %w", err)
		}
		a.read += int64(len(line))
		if err := out.note(line); err != nil {
			return nil, err
		}
	}
}

func (r *requests) note(line []byte) error {
	event := struct {
		Verb      string `json:"verb"`
		ObjectRef struct {
			Resource    string `json:"resource"`
			Subresource string `json:"subresource"`
		} `json:"objectRef"`
	}{}
	if err := json.Unmarshal(line, &event); err != nil {
		return fmt.Errorf("read audit log: %w", err)
	}
	kind := event.Verb + " " + event.ObjectRef.Resource
	if event.ObjectRef.Subresource != "" {
		kind += "/" + event.ObjectRef.Subresource
	}
	switch {
	case event.ObjectRef.Resource == "leases" || event.ObjectRef.Resource == "":
	case event.Verb == "get" || event.Verb == "list":
		r.Reads[kind]++
	case event.Verb != "watch":
		r.Writes[kind]++
	}
	return nil
}
