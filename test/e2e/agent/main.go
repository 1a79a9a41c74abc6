// Agent is what the end-to-end tests run in Pods: a backend whose behaviour is set
// from outside, and a source of load. Port 8080 is the backend, 9000 the control.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 3 && os.Args[1] == "once" { // a Job that makes one call
		l := &load{totals: newTotals()}
		l.send(&http.Client{Timeout: time.Minute}, order{URL: os.Args[2]})
		fmt.Println(l.totals)
		if l.totals.Statuses[http.StatusOK] != 1 {
			os.Exit(1)
		}
		return
	}
	b, l := newBackend(), &load{}
	control := http.NewServeMux()
	control.HandleFunc("PUT /behaviour", b.setBehaviour)
	control.HandleFunc("GET /seen", b.report)
	control.HandleFunc("GET /recent", b.reportRecent)
	control.HandleFunc("POST /load", l.start)
	control.HandleFunc("GET /load", l.report)
	control.HandleFunc("DELETE /load", l.stop)
	control.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	failed := make(chan error, 2)
	servers := []*http.Server{
		{Addr: ":8080", Handler: b, ReadHeaderTimeout: 10 * time.Second},
		{Addr: ":9000", Handler: control, ReadHeaderTimeout: 10 * time.Second},
	}
	for _, s := range servers {
		go func() { failed <- s.ListenAndServe() }()
	}
	select {
	case <-ctx.Done():
	case err := <-failed:
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, s := range servers {
		if err := s.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			fmt.Fprintln(os.Stderr, "agent:", err)
		}
	}
}
