package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// recorded is a request of Http11Probe, as its source writes it down.
type recorded struct {
	id, bytes string
	// refused says that nothing but a 400 is right.
	refused bool
}

// most is how many requests a reader may see in it.
func (r *recorded) most() int { return max(strings.Count(r.bytes, " HTTP/1."), 1) }

// probe sends the requests of Http11Probe through the proxy, and to a bare server.
func probe(suites string) (section string, wrong []string, err error) {
	list, err := recordings(filepath.Join(suites, "Http11Probe", "src", "Http11Probe", "TestCases", "Suites", "*.cs"))
	if err != nil {
		return "", nil, err
	}
	behind, bare := &recorder{}, &recorder{}
	proxy, stopProxy, err := startProxy(nil, behind)
	if err != nil {
		return "", nil, err
	}
	defer stopProxy()
	plain, stopPlain, err := serve(bare)
	if err != nil {
		return "", nil, err
	}
	defer stopPlain()
	var refusals, reachedBare, reachedProxy, more int
	var rows strings.Builder
	for _, r := range list {
		ours, theirs := send(proxy, behind, r.bytes), send(plain, bare, r.bytes)
		if ours > r.most() {
			more++
			wrong = append(wrong, fmt.Sprintf("Http11Probe %s: %d requests reached the backend, %d were sent", r.id, ours, r.most()))
		}
		if !r.refused {
			continue
		}
		refusals++
		reachedBare += min(theirs, 1)
		reachedProxy += min(ours, 1)
		if ours > 0 {
			fmt.Fprintf(&rows, "| %s | %s | reached the backend |\n", r.id, map[bool]string{true: "taken", false: "refused"}[theirs > 0])
		}
		if ours > 0 && theirs == 0 {
			wrong = append(wrong, "Http11Probe "+r.id+": reached the backend, a bare server refuses it")
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "## Http11Probe\n\nIts %d recorded requests, of which %d call for a 400 and nothing else.\n\n| | net/http | Fanout |\n|---|---|---|\n"+
		"| of those, taken | %d | %d |\n| more requests at the backend than sent | – | %d |\n", len(list), refusals, reachedBare, reachedProxy, more)
	if rows.Len() > 0 {
		b.WriteString("\n| taken although it calls for a 400 | net/http | Fanout |\n|---|---|---|\n" + rows.String())
	}
	return b.String(), wrong, nil
}

// recordings reads the requests out of the suites' source: those that are one literal.
func recordings(pattern string) (list []recorded, err error) {
	files, err := filepath.Glob(pattern)
	if err == nil && len(files) == 0 {
		err = os.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("find suites of Http11Probe at %s: %w", pattern, err)
	}
	id := regexp.MustCompile(`Id = "([A-Z0-9-]+)"`)
	request := regexp.MustCompile(`MakeRequest\(\s*\$?"((?:[^"\\]|\\.)*)"\s*\)`)
	for _, file := range files {
		content, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			return nil, fmt.Errorf("read suite: %w", err)
		}
		starts := id.FindAllSubmatchIndex(content, -1)
		for i, at := range starts {
			end := len(content)
			if i+1 < len(starts) {
				end = starts[i+1][0]
			}
			part := string(content[at[0]:end])
			literal := request.FindStringSubmatch(part)
			if literal == nil || strings.Contains(strings.ReplaceAll(literal[1], "{ctx.HostHeader}", ""), "{") {
				continue // made by code
			}
			list = append(list, recorded{
				id: string(content[at[2]:at[3]]), bytes: unescape(strings.ReplaceAll(literal[1], "{ctx.HostHeader}", "x")),
				refused: strings.Contains(part, "StatusCodeRange.Exact(400)") && !strings.Contains(part, "Range2xx"),
			})
		}
	}
	return list, nil
}

// unescape reads the escapes of a C# literal; its characters are bytes (Latin-1).
func unescape(literal string) string {
	escape := regexp.MustCompile(`\\(x[0-9A-Fa-f]{1,4}|u[0-9A-Fa-f]{4}|.)`)
	return escape.ReplaceAllStringFunc(literal, func(e string) string {
		switch e[1] {
		case 'r':
			return "\r"
		case 'n':
			return "\n"
		case 't':
			return "\t"
		case '0':
			return "\x00"
		case 'x', 'u':
			n, err := strconv.ParseUint(e[2:], 16, 8)
			if err != nil {
				return e
			}
			return string([]byte{byte(n)})
		}
		return e[1:]
	})
}
