package main

import (
	"fmt"
	"net/http"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// The rate of calls at which latency is looked at: the lower of this many a second and this share
// of what the machine sustains at so many backends.
const (
	mostRate  = 1000
	rateShare = 0.30
	// shortest is for how long a backend is asked directly, at least.
	shortest = 500 * time.Millisecond
)

// added is how much later an answer comes through us than from the slowest of the backends, at a constant
// rate.
type added struct {
	backends int
	rate     int
	through  []time.Duration // p99 of each round
	directly []time.Duration // that of the slowest backend
}

// by are the differences, in milliseconds.
func (a *added) by() (list []float64) {
	for i := range a.through {
		list = append(list, float64(a.through[i]-a.directly[i])/float64(time.Millisecond))
	}
	return list
}

// latencies measures for every number of backends, at rates that follow from what was sustained.
func (c *cast) latencies(rounds int, span time.Duration) ([]*added, error) {
	fmt.Println("== added latency")
	var list []*added
	for _, n := range backendCounts {
		name := of(oursEnvelope, n, "small")
		sustained := median(c.of(groupOf(n, "small")).results[name], func(t turn) float64 { return t.rate })
		list = append(list, &added{backends: n, rate: int(min(mostRate, rateShare*sustained))})
	}
	for range rounds {
		for _, a := range list {
			if err := a.round(c.now.by[of(oursEnvelope, a.backends, "small")].port, span); err != nil {
				return nil, fmt.Errorf("%d backends: %w", a.backends, err)
			}
		}
	}
	return list, nil
}

func (a *added) round(port int, span time.Duration) error {
	through, err := p99(fmt.Sprintf("http://%s/", local(port)), a.rate, max(span, shortest))
	if err != nil {
		return err
	}
	var slowest time.Duration
	for _, url := range backends(a.backends, "small") {
		took, err := p99(url, a.rate, max(span/time.Duration(a.backends), shortest))
		if err != nil {
			return err
		}
		slowest = max(slowest, took)
	}
	a.through, a.directly = append(a.through, through), append(a.directly, slowest)
	return nil
}

// p99 calls at a constant rate for a while.
func p99(url string, rate int, span time.Duration) (time.Duration, error) {
	target := vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodPost, URL: url, Body: []byte(hello), Header: http.Header{
		"Content-Type": {"application/json"}, "X-Api-Key": {callerKey},
	}})
	attacker := vegeta.NewAttacker(vegeta.Timeout(callTimeout), vegeta.KeepAlive(true), vegeta.Connections(usual))
	m := &vegeta.Metrics{}
	for result := range attacker.Attack(target, vegeta.Rate{Freq: rate, Per: time.Second}, span, "") {
		if result.Code != http.StatusOK {
			return 0, fmt.Errorf("status %d: %s", result.Code, result.Error)
		}
		if result.Seq >= settling {
			m.Add(result)
		}
	}
	if m.Close(); m.Requests == 0 {
		return 0, fmt.Errorf("no call of %d a second", rate)
	}
	return m.Latencies.P99, nil
}

// settling are the first calls, with which connections are made. They do not count.
const settling = 20
