// Package browser tests the page by what is on the screen of a headless Chromium: a module of its
// own, so that the product's stays small.
package browser

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/dashboard"
	"github.com/fanout-operator/fanout/test/browser/stage"
)

var chromium context.Context

func TestMain(m *testing.M) {
	browser, stop, err := stage.Start(1280, 900)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	chromium = browser
	code := m.Run()
	stop()
	os.Exit(code)
}

// tab is one of the browser, in which nothing may go wrong: no exception, and nothing that the
// page's own policy stops.
type tab struct {
	*stage.Tab

	t      *testing.T
	faults <-chan string
}

// open opens a page; what is in expected may stand on its console.
func open(t *testing.T, url, scheme string, expected ...string) *tab {
	t.Helper()
	of, faults, stop, err := stage.Open(chromium, url, scheme)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for done := false; !done; {
			select {
			case text := <-faults:
				known := false
				for _, words := range expected {
					known = known || strings.Contains(text, words)
				}
				if !known {
					t.Errorf("the console says %s", text)
				}
			default:
				done = true
			}
		}
		stop()
	})
	return &tab{of, t, faults}
}

func (b *tab) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// shows waits until all of these words are on the screen.
func (b *tab) shows(words ...string) {
	b.t.Helper()
	for _, w := range words {
		b.must(b.Await(fmt.Sprintf("(document.body.innerText + [...document.querySelectorAll('svg text')].map((t) => t.textContent).join('|')).includes(%q)", w)))
	}
}

func (b *tab) text(expression string) string {
	b.t.Helper()
	text, err := b.Text(expression)
	b.must(err)
	return text
}

// serve is the page of a source, on loopback.
func serve(t *testing.T, source dashboard.Source) (url string) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.Config.Handler = dashboard.New(dashboard.Options{Source: source, Hosts: dashboard.LoopbackHosts(port)})
	s.Start()
	t.Cleanup(s.Close)
	return s.URL + "/"
}
