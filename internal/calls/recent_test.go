package calls_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/calls"
	"github.com/fanout-operator/fanout/internal/fanout"
)

// begin has one call of a backend recorded, from its arrival to its end; nil where nobody looks.
func begin(r *calls.Recent) (end func()) {
	if !r.Wanted() {
		return nil
	}
	now := time.Now()
	e := r.Begin(now, "GET", "PathPrefix /", []string{"one"})
	if e == nil {
		return nil
	}
	record := fanout.NewRecord(fanout.RecordOptions{Backends: 1, Arrived: now, Done: e.Done})
	e.Follow(record)
	return func() {
		record.Responded(fanout.Complete, 200)
		e.Done(record) // the flight's part has no dispatcher here
	}
}

func ask(t *testing.T, r *calls.Recent, after uint64) *calls.Report {
	t.Helper()
	report, err := r.Ask(time.Now(), after)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// Nothing is kept of a route that nobody has asked for in the last half minute.
func TestCallsAreKeptForWhoeverAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := calls.NewRecent(calls.NewDesk())
		if begin(r) != nil {
			t.Error("a call is looked at before anybody has asked")
		}
		if got := ask(t, r, 0); len(got.Calls) != 0 || got.Version != calls.ReportVersion || got.Process == "" {
			t.Errorf("the first report: %+v", got)
		}
		time.Sleep(20 * time.Second)
		begin(r)()
		if got := ask(t, r, 0); len(got.Calls) != 1 || got.Calls[0].Open || got.Calls[0].Outcome != "complete" {
			t.Errorf("after one call: %+v", got.Calls)
		}
		time.Sleep(20 * time.Second) // 40 s after the first asking, 20 s after the second
		end := begin(r)
		if end == nil {
			t.Fatal("asking again does not prolong it")
		}
		time.Sleep(11 * time.Second)
		if begin(r) != nil {
			t.Error("a call is looked at 31 s after the last asking")
		}
		end()
		if got := ask(t, r, 0); len(got.Calls) != 0 {
			t.Errorf("what was kept for the last reader is shown to the next: %+v", got.Calls)
		}
	})
}

// A reader gets what ended since it has asked, and what is under way each time.
func TestReadersGetWhatIsNew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := calls.NewRecent(calls.NewDesk())
		ask(t, r, 0)
		begin(r)()
		end := begin(r)
		time.Sleep(time.Second)
		first := ask(t, r, 0)
		if len(first.Calls) != 2 || !first.Calls[0].Open || first.Calls[0].AgeMS != 1000 || first.Calls[1].Open {
			t.Fatalf("one under way and one ended: %+v", first.Calls)
		}
		if again := ask(t, r, first.Seq); len(again.Calls) != 1 || again.Calls[0].ID != first.Calls[0].ID {
			t.Errorf("then the one under way: %+v", again.Calls)
		}
		end()
		if last := ask(t, r, first.Seq); len(last.Calls) != 1 || last.Calls[0].Open || last.Calls[0].ID != first.Calls[0].ID {
			t.Errorf("then its end: %+v", last.Calls)
		}
		if anew := ask(t, r, 1000); len(anew.Calls) != 2 {
			t.Errorf("who comes from another process gets all: %+v", anew.Calls)
		}
	})
}

// However many calls there are and however long they take, what is kept has a bound.
func TestWhatIsKeptIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := calls.NewRecent(calls.NewDesk())
		ask(t, r, 0)
		var ends []func()
		for range 20 {
			if end := begin(r); end != nil {
				ends = append(ends, end)
			}
		}
		if got := ask(t, r, 0); len(ends) != 16 || got.Missed != 4 {
			t.Errorf("%d of 20 calls in a second are looked at, %d missed", len(ends), got.Missed)
		}
		for range 6 {
			time.Sleep(time.Second)
			for range 16 {
				if end := begin(r); end != nil {
					ends = append(ends, end)
				}
			}
		}
		if len(ends) != 64 {
			t.Errorf("%d calls are under way and looked at", len(ends))
		}
		for _, end := range ends {
			end()
		}
		for range 10 {
			time.Sleep(time.Second)
			for range 16 {
				begin(r)()
			}
			ask(t, r, 0)
		}
		if got := ask(t, r, 0); len(got.Calls) != calls.MaxCalls || got.Calls[len(got.Calls)-1].ID != 64+160 {
			t.Errorf("%d calls are kept, the last is %d", len(got.Calls), got.Calls[len(got.Calls)-1].ID)
		}
	})
}

// Readers of more routes than a proxy looks at are told to come back; a place is free once
// nobody asks for its route.
func TestRoutesLookedAtAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		desk := calls.NewDesk()
		for range calls.MaxRoutes {
			ask(t, calls.NewRecent(desk), 0)
		}
		more := calls.NewRecent(desk)
		if _, err := more.Ask(time.Now(), 0); !errors.Is(err, calls.ErrTooMany) || begin(more) != nil {
			t.Errorf("one route more: %v", err)
		}
		time.Sleep(calls.Attention)
		synctest.Wait()
		ask(t, more, 0)
	})
}

// A report of a Pod has words, numbers and names of ours, whatever it says.
func TestForeignReportsAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(`{"lanes":[]},`, 500)
	for name, text := range map[string]string{
		"another version": `{"version":2}`,
		"no version":      `{}`,
		"no JSON":         `<html>`,
		"many calls":      `{"version":1,"calls":[` + long + `{"lanes":[]}]}`,
		"many lanes":      `{"version":1,"calls":[{"lanes":[` + strings.Repeat("{},", 70) + `{}]}]}`,
		"many attempts":   `{"version":1,"calls":[{"lanes":[{"attempts":[` + strings.Repeat("{},", 20) + `{}]}]}]}`,
		"many bytes":      `{"version":1,"more":"` + strings.Repeat("x", 3<<20) + `"}`,
	} {
		if report, err := calls.Read(strings.NewReader(text), "shop", "orders"); err == nil {
			t.Errorf("%s is read: %+v", name, report)
		}
	}
	report, err := calls.Read(strings.NewReader(`{"version":1,"namespace":"kube-system","name":"x","process":"<b>","seq":3,"missed":1000000000,"new":1,
		"calls":[{"id":1,"ageMs":-5,"method":"BREW","rule":"PathPrefix /a\u001b[2J\u202e","outcome":"fine","status":70000,"decided":{"ms":1e300,"decider":"luck","backend":"One!"},
		"lanes":[{"backend":"<script>","outcome":"succeeded","reason":"tired","omitted":-3,"attempts":[{"kind":"third","fate":"won","begunMs":2}]}]}],
		"backends":[{"name":"one","circuit":"bent","busy":-1,"tokens":-1e300}]}`), "shop", "orders")
	if err != nil {
		t.Fatal(err)
	}
	c, b := report.Calls[0], report.Backends[0]
	l := c.Lanes[0]
	if report.Namespace != "shop" || report.Name != "orders" || report.Process != "" || report.Seq != 3 {
		t.Errorf("the report is of %s/%s, process %q", report.Namespace, report.Name, report.Process)
	}
	if c.AgeMS != 0 || c.Method != "other" || c.Rule != "PathPrefix /a[2J" || c.Outcome != "other" || c.Status != 0 || c.Decided.At != 24*3600*1000 || c.Decided.Decider != "other" || c.Decided.Backend != "" {
		t.Errorf("the call: %+v", c)
	}
	if l.Backend != "" || l.Outcome != "succeeded" || l.Reason != "other" || l.Omitted != 0 || l.Attempts[0].Kind != "other" || l.Attempts[0].Fate != "won" || l.Attempts[0].Begun != 2 {
		t.Errorf("the lane: %+v", l)
	}
	if b.Circuit != "other" || b.Busy != 0 || b.Tokens < -1e13 {
		t.Errorf("the backend: %+v", b)
	}
}

// Whoever reads a list finds one, though a Pod has left it out: the page draws every call's lanes.
func TestListsThatAPodLeavesOut(t *testing.T) {
	t.Parallel()
	report, err := calls.Read(strings.NewReader(`{"version":1,"calls":[{"id":1},{"id":2,"lanes":null}]}`), "shop", "orders")
	if err != nil {
		t.Fatal(err)
	}
	for i := range report.Calls {
		if report.Calls[i].Lanes == nil {
			t.Errorf("call %d has no list of lanes", report.Calls[i].ID)
		}
	}
}

// FuzzRead: no report of a Pod is read beyond its bounds.
func FuzzRead(f *testing.F) {
	f.Add(`{"version":1,"calls":[{"id":1,"lanes":[{"queued":{"fromMs":1},"attempts":[{}]}]}],"backends":[{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		report, err := calls.Read(strings.NewReader(text), "shop", "orders")
		if err != nil {
			return
		}
		for _, c := range report.Calls {
			if c.AgeMS < 0 || c.Status < 0 || c.Status > 999 || len(c.Rule) > 1200 || len(c.Lanes) > 64 {
				t.Errorf("%+v", c)
			}
		}
	})
}
