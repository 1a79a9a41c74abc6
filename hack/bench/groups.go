package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// backendCounts are how many backends a call goes to, connectionCounts how many clients call at
// once where that is what is looked at.
var (
	backendCounts    = []int{1, 2, 4, 8, 16}
	connectionCounts = []int{1, 8, 64, 256}
	bodySizes        = []string{"small", "1k", "64k"}
)

// usual is how many connections there are where nothing else is said.
const usual = 64

// group are contenders that are loaded in turns, so that whatever else the machine does
// falls on all of them alike.
type group struct {
	name        string
	connections int
	sides       []*contender
	results     map[string][]turn // by the name of a side, one a round
}

// cast is everybody who takes part.
type cast struct {
	stage  *stage
	peers  *peers
	now    *ours // the working tree
	before *ours // today's build
	groups []*group
}

// gather starts all and puts them into groups.
func gather(ctx context.Context, s *stage, p *peers, now, before *ours) (*cast, error) {
	c := &cast{stage: s, peers: p, now: now, before: before}
	counts := map[int][]*contender{}
	for _, n := range backendCounts {
		sides := []*contender{now.by[of(oursEnvelope, n, "small")]}
		for _, name := range c.peersAt(n) {
			if err := c.join(ctx, &sides, name, n, "small"); err != nil {
				return nil, err
			}
		}
		counts[n] = sides
		c.group(groupOf(n, "small"), usual, sides)
	}
	for _, size := range bodySizes[1:] {
		sides := []*contender{now.by[of(oursEnvelope, 2, size)], now.by[of(oursMerge, 2, size)], c.today(of(oursEnvelope, 2, size))}
		for _, name := range []string{peerPlain, peerFasthttp} {
			if err := c.join(ctx, &sides, name, 2, size); err != nil {
				return nil, err
			}
		}
		c.group(groupOf(2, size), usual, sides)
	}
	for _, n := range connectionCounts {
		if n == 1 {
			c.group(groupAt(n), n, counts[2])
		} else if n != usual {
			c.group(groupAt(n), n, slices.DeleteFunc(slices.Clone(counts[2]), func(of *contender) bool { return of.mallocs == "" }))
		}
	}
	for _, name := range []string{overTLS1, overTLS2, fromH2} {
		c.group(name, usual, []*contender{now.by[name], c.today(name)})
	}
	c.group(healthy, usual, []*contender{now.by[healthy], now.by[hanging], now.by[resetting], now.by[failing]})
	return c, nil
}

func groupOf(n int, size string) string { return fmt.Sprintf("%d × %s", n, size) }
func groupAt(connections int) string {
	if connections == 1 {
		return "one connection"
	}
	return fmt.Sprintf("%d connections", connections)
}

// peersAt are those that can fan out to so many.
func (c *cast) peersAt(n int) []string {
	switch n {
	case 1:
		return []string{peerPlain, peerFasthttp, peerReverseProxy, peerLura}
	case 2:
		return []string{peerPlain, peerFasthttp, peerLura, peerNginx, peerNode}
	}
	return []string{peerPlain, peerFasthttp, peerLura}
}

// join adds a peer, unless it is missing.
func (c *cast) join(ctx context.Context, sides *[]*contender, name string, n int, size string) error {
	of, err := c.peers.before(ctx, name, n, size)
	if of != nil {
		*sides = append(*sides, of)
	}
	return err
}

// today is the same of today's build.
func (c *cast) today(name string) *contender {
	of := *c.before.by[name]
	of.name += todays
	return &of
}

// todays follows the name of what today's build does.
const todays = ", today's build"

func (c *cast) group(name string, connections int, sides []*contender) {
	c.groups = append(c.groups, &group{name: name, connections: connections, sides: sides, results: map[string][]turn{}})
}

// of is the group of a name.
func (c *cast) of(name string) *group {
	for _, g := range c.groups {
		if g.name == name {
			return g
		}
	}
	return &group{}
}

// measure gives every group its turn, so many times.
func (c *cast) measure(ctx context.Context, rounds int, span time.Duration) error {
	sides := 0
	for _, g := range c.groups {
		sides += len(g.sides)
	}
	fmt.Printf("== %d rounds, about %v\n", rounds, (time.Duration(rounds*sides) * (span + slice)).Round(time.Second))
	for round := range rounds {
		for _, g := range c.groups {
			if err := g.round(ctx, span); err != nil {
				return fmt.Errorf("%s: %w", g.name, err)
			}
		}
		fmt.Printf("round %d/%d\n", round+1, rounds)
	}
	return nil
}

// round loads all sides in slices, forth and back.
func (g *group) round(ctx context.Context, span time.Duration) error {
	drivers := make([]*driver, len(g.sides))
	order := make([]int, len(g.sides))
	for i, side := range g.sides {
		d, err := side.driver(ctx, g.connections)
		if err != nil {
			return err
		}
		defer d.close()
		if err := d.warm(ctx, slice); err != nil {
			return fmt.Errorf("%s: %w", side.name, err)
		}
		drivers[i], order[i] = d, i
	}
	for range max(int(span/slice), 1) {
		for _, i := range order {
			if err := drivers[i].slice(ctx, slice); err != nil {
				return fmt.Errorf("%s: %w", g.sides[i].name, err)
			}
		}
		slices.Reverse(order)
	}
	for i, d := range drivers {
		t, err := d.turn()
		if err != nil {
			return fmt.Errorf("%s: %w", g.sides[i].name, err)
		}
		g.results[g.sides[i].name] = append(g.results[g.sides[i].name], t)
	}
	return nil
}

// driver loads the contender over so many connections.
func (c *contender) driver(ctx context.Context, connections int) (*driver, error) {
	if c.h2 {
		return &driver{pid: c.pid, clients: overH2(c.port, connections)}, nil
	}
	return newDriver(ctx, c.pid, c.port, connections)
}
