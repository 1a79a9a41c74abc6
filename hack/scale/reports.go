package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/stats"
)

const (
	// manners is how many proxies there are that behave in another way: with so many calls a
	// second, so long durations and so many faults.
	manners = 16
	// readings is how many reports are made of each, one every five seconds, after an hour
	// of traffic.
	readings = 12
)

// saying is a report as a proxy writes it for the operator, of the window that it asks for, cut where it
// names its route and document.
type saying struct{ parts [][]byte }

const (
	someNamespace, someName, somePart, someDocument = "@namespace@", "@name@", "@part@", "@document@"
)

// write writes what a proxy of this route says.
func (s *saying) write(to *bytes.Buffer, p *proxy) {
	document := p.serves()
	for i, part := range s.parts {
		if i > 0 {
			to.WriteString([...]string{document, p.route.Namespace, p.route.Name, document}[i-1])
		}
		to.Write(part)
	}
}

// sayings are those of all manners. They are made by the proxy's own statistics, which are told
// an hour of traffic that is as steady as traffic can be: what moves, the operator writes.
func sayings(now time.Time, backends []string) ([manners][readings]saying, error) {
	var all [manners][readings]saying
	for m := range all {
		pause := time.Duration(float64(5*time.Second) / math.Pow(100, float64(m)/(manners-1))) // 0.2 to 20 calls a second
		started := now.Add(-time.Hour)
		route, list := stats.NewRoute(started), make([]*stats.Backend, len(backends))
		for i := range list {
			list[i] = stats.NewBackend(started)
		}
		at, end := started, now
		for reading := range all[m] {
			for number := 0; at.Before(end); at, number = at.Add(pause), number+1 {
				call(number, at, m == manners-1, route, list)
			}
			encoded, err := encode(end, backends, route, list)
			if err != nil {
				return all, err
			}
			all[m][reading] = encoded
			end = end.Add(5 * time.Second)
		}
	}
	return all, nil
}

// durations is how many different ones calls take by turns.
const durations = 40

// call tells the statistics of one: durations are spread as those of real APIs are. Where some
// fail, one in fifty does.
func call(number int, at time.Time, somefail bool, route *stats.Route, backends []*stats.Backend) {
	share := (float64(number*17%durations) + 0.5) / durations
	var slowest time.Duration
	for i, b := range backends {
		took := time.Duration(math.Exp(math.Sqrt2*math.Erfinv(2*share-1)*0.6) * float64(20+30*i) * float64(time.Millisecond))
		a := &fanout.Answer{Outcome: fanout.Succeeded, Attempts: 1, Elapsed: took, Status: 200}
		if somefail && number%50 == 0 {
			a.Outcome, a.Reason, a.Status = fanout.Failed, fanout.Status, 503
		}
		b.Record(at, a)
		slowest = max(slowest, took)
	}
	route.Record(at, fanout.Complete, slowest)
}

func encode(now time.Time, names []string, route *stats.Route, backends []*stats.Backend) (saying, error) {
	r := stats.RouteReport{Namespace: someNamespace, Name: someName, Part: somePart, Windows: route.Windows(now, rates.Window)}
	for i, b := range backends {
		of := b.Report(now, names[i], rates.Window)
		of.Circuit = stats.CircuitClosed
		r.Backends = append(r.Backends, of)
	}
	report := stats.Report{Version: stats.ReportVersion, Document: someDocument, Ready: true, Routes: []stats.RouteReport{r}}
	raw, err := json.Marshal(&report)
	if err != nil {
		return saying{}, fmt.Errorf("encode report: %w", err)
	}
	s := saying{}
	for _, mark := range []string{someDocument, someNamespace, someName, somePart} {
		before, after, found := bytes.Cut(raw, []byte(mark))
		if !found {
			return saying{}, fmt.Errorf("the report has no %s in its place", mark)
		}
		s.parts, raw = append(s.parts, before), after
	}
	s.parts = append(s.parts, raw)
	return s, nil
}
