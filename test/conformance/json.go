package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// jsonSuite sends each file of JSONTestSuite as a request's body, which an expression
// passes on, and as a backend's body into an Envelope.
func jsonSuite(suites string) (section string, wrong []string, err error) {
	files, err := filepath.Glob(filepath.Join(suites, "JSONTestSuite", "test_parsing", "*.json"))
	if err == nil && len(files) == 0 {
		err = os.ErrNotExist
	}
	if err != nil {
		return "", nil, fmt.Errorf("find files of JSONTestSuite below %s: %w", suites, err)
	}
	slices.Sort(files)
	var content []byte
	sender := &recorder{answer: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(content)
	}}
	receiver := &recorder{}
	address, stop, err := startProxy(func(r *routeconfig.Route) {
		r.Backends[1].Request.BodyExpression = "request.body"
	}, sender, receiver)
	if err != nil {
		return "", nil, err
	}
	defer stop()
	counts := map[byte][3]int{} // files, taken in a response, taken in a request
	var either []string
	for _, file := range files {
		if content, err = os.ReadFile(filepath.Clean(file)); err != nil {
			return "", nil, fmt.Errorf("read file: %w", err)
		}
		name := filepath.Base(file)
		spliced, passed, err := judgeJSON(address, receiver, content)
		if err != nil {
			return "", nil, fmt.Errorf("%s: %w", name, err)
		}
		n := counts[name[0]]
		n[0]++
		n[1] += one(spliced)
		n[2] += one(passed)
		counts[name[0]] = n
		switch name[0] {
		case 'y':
			if !spliced || !passed {
				wrong = append(wrong, fmt.Sprintf("%s is JSON: spliced %v, passed on %v", name, spliced, passed))
			}
		case 'n':
			if spliced || passed {
				wrong = append(wrong, fmt.Sprintf("%s is no JSON: spliced %v, passed on %v", name, spliced, passed))
			}
		case 'i':
			either = append(either, fmt.Sprintf("| %s | %s | %s |", strings.TrimSuffix(strings.TrimPrefix(name, "i_"), ".json"), taken(spliced), taken(passed)))
		}
	}
	var b strings.Builder
	b.WriteString("## JSONTestSuite\n\nEach file as a backend's body into an Envelope, and as a request's body that an expression passes on.\n\n" +
		"| | files | spliced as JSON | passed on as JSON |\n|---|---|---|---|\n")
	for _, kind := range []struct {
		letter byte
		name   string
	}{{'y', "must be taken"}, {'n', "must not be"}, {'i', "either"}} {
		n := counts[kind.letter]
		fmt.Fprintf(&b, "| %s | %d | %d | %d |\n", kind.name, n[0], n[1], n[2])
	}
	b.WriteString("\n| either | as a backend's body | as a request's |\n|---|---|---|\n" + strings.Join(either, "\n") + "\n")
	return b.String(), wrong, nil
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func taken(b bool) string {
	if b {
		return "JSON"
	}
	return "not JSON"
}

func judgeJSON(address string, receiver *recorder, content []byte) (spliced, passed bool, err error) {
	before := receiver.count.Load()
	response, err := (&http.Client{}).Post("http://"+address+"/", "application/json", bytes.NewReader(content))
	if err != nil {
		return false, false, fmt.Errorf("send: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return false, false, fmt.Errorf("read: %w", err)
	}
	var envelope struct {
		Backends map[string]struct {
			Body       json.RawMessage
			BodyBase64 *string
		}
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return false, false, fmt.Errorf("the envelope is no JSON: %w: %.200s", err, body)
	}
	value := bytes.TrimSpace(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")))
	got := envelope.Backends["b0"].Body
	spliced = len(value) > 0 && bytes.Equal(got, value)
	passed = receiver.count.Load() > before && bytes.Equal(receiver.body(), value) && len(value) > 0
	return spliced, passed, nil
}
