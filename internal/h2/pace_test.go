package h2

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// A server that ends each connection after one response gets so many at once, and then one
// every 10 ms. Calls wait for theirs, and leave when their time is up.
func TestConnectionsAreMadeAtAPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, ask := closing(1, nil)
		defer p.CloseIdleConnections()
		begun := time.Now()
		for i := range spare + 100 {
			if _, err := ask(t); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); i < spare-1 && took > 0 {
				t.Fatalf("call %d had to wait: %v", i, took)
			}
		}
		// Every call makes up for a part of a connection.
		if took, most := time.Since(begun), 101*pace; took > most || took < most*8/10 {
			t.Errorf("100 connections more than there may be at once took %v, want nearly %v", took, most)
		}
		time.Sleep(spare * pace)
		begun = time.Now()
		for range spare - 1 {
			if _, err := ask(t); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took > 0 {
			t.Errorf("after a pause calls had to wait for %v", took)
		}
	})
}

// Dials that fail are those of nobody, and calls that are answered bring connections back.
func TestWhatCountsForNoConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var fails bool
		p, ask := closing(worth, func(o *Options) {
			dial := o.Dial
			o.Dial = func(ctx context.Context) (net.Conn, error) {
				if fails {
					return nil, io.EOF
				}
				return dial(ctx)
			}
		})
		defer p.CloseIdleConnections()
		begun := time.Now()
		fails = true
		for range 2 * spare {
			if _, err := ask(t); err == nil {
				t.Fatal("a dial has not failed")
			}
		}
		fails = false
		for range (spare + 32) * worth {
			if _, err := ask(t); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took > 0 {
			t.Errorf("calls had to wait for %v", took)
		}
	})
}
