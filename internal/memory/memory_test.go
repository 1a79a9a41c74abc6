package memory

import (
	"net/netip"
	"testing"
)

// stuckBody comes to no end before stuck has.
type stuckBody struct {
	begun   chan struct{}
	stuck   <-chan struct{}
	stopped *int
}

// Receive implements Incoming.
func (b *stuckBody) Receive() {
	close(b.begun)
	<-b.stuck
}

// Stop implements Incoming.
func (b *stuckBody) Stop() { *b.stopped++ }

// K4: bodies that were told to stop are gone for the next one who finds no room, though they
// have not given back yet.
func TestK4WhatYieldsIsCountedOnce(t *testing.T) {
	t.Parallel()
	b := &Budget{Limit: 1000}
	stopped, stuck := 0, make(chan struct{})
	defer close(stuck)
	for range 10 {
		a := b.Open(netip.MustParseAddr("192.0.2.1"))
		if !a.Take(100) {
			t.Fatal("there is no room")
		}
		body := &stuckBody{begun: make(chan struct{}), stuck: stuck, stopped: &stopped}
		go a.Receive(body)
		<-body.begun
	}
	for range 3 {
		if b.Open(netip.MustParseAddr("192.0.2.2")).Take(10) {
			t.Fatal("there is room")
		}
	}
	if stopped != 5 {
		t.Errorf("%d of 10 bodies were stopped, want those beyond the share, 5", stopped)
	}
}

// An account that nobody opened takes nothing: it is a defect, and told as one.
func TestNoAccountIsNoLicence(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]*Account{"none": nil, "one of no budget": {}} {
		for method, use := range map[string]func(){
			"Take": func() { a.Take(1) }, "Give": func() { a.Give(1) }, "Close": a.Close,
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s of %s account goes unnoticed", method, name)
					}
				}()
				use()
			}()
		}
	}
	if (&Budget{}).Open(netip.Addr{}).Take(1) {
		t.Error("a budget without a limit has room")
	}
}
