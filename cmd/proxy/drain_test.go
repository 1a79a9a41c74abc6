package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// P3: after SIGTERM the process is over in time with exit code 0 although a stream goes on,
// of which the log tells; with no more than the route's own timeouts to go by, too.
func TestP3ProcessEndsInTime(t *testing.T) {
	t.Parallel()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	b := testkit.NewBackend(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	for _, arg := range []string{"--drain-timeout=500ms", "--drain-timeout=0s"} {
		port, folder := freePort(t), t.TempDir()
		second := testkit.Span(250 * time.Millisecond)
		route := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL)), func(r *routeconfig.Route) {
			r.Listener.Port, r.Response.Type = port, routeconfig.ResponseFirst
			r.Validation.BodyTimeout, r.Dispatch.Timeout, r.Backends[0].Timeout = second, second, second
		})
		encoded, err := routeconfig.Encode(&routeconfig.Document{Routes: []routeconfig.Route{route}})
		if err != nil {
			t.Fatal(err)
		}
		document := filepath.Join(folder, "document.json")
		if err := os.WriteFile(document, encoded, 0o600); err != nil {
			t.Fatal(err)
		}
		said := &testkit.Log{}
		command := exec.Command(binary, "--document="+document, "--credentials="+folder, "--allow-loopback", "--address=127.0.0.1", "--admin=", "--drain-delay=100ms", arg)
		command.Stderr = said
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- command.Wait() }()
		t.Cleanup(func() { _ = command.Process.Kill() })
		var r *http.Response
		testkit.Eventually(t, "the proxy streams", func() bool {
			r, err = (&http.Transport{}).RoundTrip(must(http.NewRequest(http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", port), http.NoBody)))
			return err == nil
		})
		began := time.Now()
		_ = command.Process.Signal(syscall.SIGTERM)
		if _, err := io.ReadAll(r.Body); err == nil {
			t.Errorf("%s: the stream ended as if it were whole", arg)
		}
		_ = r.Body.Close()
		select {
		case err := <-ended:
			if err != nil || time.Since(began) < 600*time.Millisecond {
				t.Errorf("%s: %v after %s", arg, err, time.Since(began))
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: still there %s after SIGTERM\n%s", arg, time.Since(began), said)
		}
		if lines := said.Lines(t, "call"); len(lines) != 1 || lines[0]["outcome"] != "failed" || !strings.Contains(said.String(), `"cut":1`) {
			t.Errorf("%s: the log says\n%s", arg, said)
		}
	}
}

func must(r *http.Request, _ error) *http.Request { return r }
