package rates

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/internal/stats"
)

// chatty is the proxies of a namespace that say as much as their route's bounds let pass,
// each something else.
type chatty struct {
	asked atomic.Int64
	most  string // what they say
}

func newChatty(t *testing.T, backends int) *chatty {
	t.Helper()
	full := stats.Histogram{}
	for i := -224; i <= 96; i++ {
		full.Counts = append(full.Counts, stats.Count{Bucket: i, N: 1 << 30})
	}
	words, compared := map[stats.Reason]uint64{}, map[stats.Comparison]uint64{}
	for i := range 40 {
		words[stats.Reason(fmt.Sprint("word", i))] = 1
		compared[stats.Comparison(fmt.Sprint("word", i))] = 1
	}
	r := stats.RouteReport{Namespace: "shop", Name: "orders"}
	for i := range backends {
		windows := stats.Windowed(Window, stats.AnswersWindow{Duration: full, Answers: stats.Answers{Failed: words, Rejected: words}})
		r.Backends = append(r.Backends, stats.BackendReport{Name: fmt.Sprint("b", i), Windows: windows, Compared: compared})
	}
	for i := range 600 {
		r.Missing = append(r.Missing, stats.MissingKey{Secret: "s", Key: strings.Repeat("k", 100) + fmt.Sprintf("-PLACE-%d", i), Message: strings.Repeat("m", 100)})
	}
	raw, err := json.Marshal(stats.Report{Document: "d", Refused: strings.Repeat("r", 100_000), Routes: []stats.RouteReport{r}})
	if err != nil {
		t.Fatal(err)
	}
	return &chatty{most: string(raw)}
}

// Fetch implements Fetcher.
func (c *chatty) Fetch(_ context.Context, _ string, b stats.Bounds) (*stats.Report, error) {
	text := strings.ReplaceAll(strings.ReplaceAll(c.most, "PLACE", fmt.Sprint(c.asked.Add(1))), `"shop"`, `"`+b[0].Namespace+`"`)
	raw, err := b.Read(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	return b.Decode(raw, time.Now())
}

// live is how much memory is in use.
func live() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// L2: however many Pods a tenant has and whatever they say, what the operator keeps of them
// takes the room of a namespace, another's Pods have theirs, and what is gone takes none.
// Not beside other tests: it measures the process.
func TestL2ReportsOfANamespaceTakeItsRoomAtMost(t *testing.T) {
	const pods, backends = 60, 32
	c := newChatty(t, backends)
	p := New(c, time.Hour, func(types.NamespacedName) {})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	names := make([]string, backends)
	for i := range names {
		names[i] = fmt.Sprint("b", i)
	}
	heard := func(route types.NamespacedName, n int) *Observation {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprint("p", i)
		}
		p.Set(route, targets(list...), Want{Document: "d", Backends: names, Secrets: []string{"s"}})
		for {
			if o := p.Shown(route); o != nil && len(o.Proxies) == n {
				return o
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	taken := func(namespace string) int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.rooms[namespace].taken
	}
	before := live()
	o := heard(orders, pods)
	if grown := live() - before; grown > roomBytes*5/4 {
		t.Errorf("the reports of %d Pods take %d MiB", pods, grown>>20)
	}
	if n := taken("shop"); n > roomBytes || n < roomBytes/3 {
		t.Errorf("the room of %d MiB has %d MiB taken", roomBytes>>20, n>>20)
	}
	if n := len(o.Sum.Missing); n == 0 || n > 300 {
		t.Errorf("%d missing keys are shown, want as many as one report may name", n)
	}
	if b := o.Sum.Backends[0].Windows.Of(Window); b.Answers.FailedTotal() != 40*pods || b.Duration.Total() == 0 || len(b.Duration.Counts) > 3 {
		t.Errorf("the sum says %+v", b.Answers)
	}
	other := types.NamespacedName{Namespace: "other", Name: "orders"}
	if d := heard(other, 1).Sum.Backends[31].Windows.Of(Window).Duration; d.Total() != 321<<30 {
		t.Errorf("beside them another's durations are %d", d.Total())
	}
	p.Set(orders, nil, want("d"))
	if n := taken("shop"); n != 0 {
		t.Errorf("Pods that are gone take %d bytes", n)
	}
	p.Forget(orders)
	p.Forget(other)
	if len(p.rooms) != 0 {
		t.Errorf("%d rooms are kept of no route", len(p.rooms))
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A thousand routes of a namespace, with two Pods each and two backends, have room for their durations: of those
// that have not, a restart would show the figures of others.
func TestAThousandRoutesHaveRoom(t *testing.T) {
	t.Parallel()
	window := stats.AnswersWindow{Answers: stats.Answers{Succeeded: 1, Failed: map[stats.Reason]uint64{stats.Other: 1}}}
	for i := range 50 { // which is from 10 to 90 ms
		window.Duration.Counts = append(window.Duration.Counts, stats.Count{Bucket: i, N: 1})
	}
	window.Duration.Counts = slices.Clip(window.Duration.Counts)
	room := &room{}
	for i := range 2000 {
		r := &stats.RouteReport{Windows: stats.Windowed(Window, stats.CallsWindow{Duration: window.Duration})}
		for _, name := range []string{"one", "two"} {
			r.Backends = append(r.Backends, stats.BackendReport{Name: name, Windows: stats.Windowed(Window, window)})
		}
		got, size := room.fit(r)
		if got == nil || len(got.Windows.Of(Window).Duration.Counts) == 0 {
			t.Fatalf("the report of Pod %d has no room for its durations, where %d bytes are taken", i, room.taken)
		}
		room.taken += size
	}
}

// L2: what does not fit with its durations is kept without, and what does not fit then is
// not kept.
func TestL2RoomIsTakenByFiguresLast(t *testing.T) {
	t.Parallel()
	durations := stats.Histogram{Counts: stats.Counts{{Bucket: 1, N: 5}}}
	for taken, want := range map[int]string{0: "all", roomBytes/4*3 - 100: "figures", roomBytes - 4000: "figures", roomBytes - 100: "nothing"} {
		r := &stats.RouteReport{Windows: stats.Windowed(Window, stats.CallsWindow{Calls: stats.Calls{Complete: 5}, Duration: durations})}
		got, size := (&room{taken: taken}).fit(r)
		kept := "nothing"
		if got != nil {
			kept = "figures"
			if len(got.Windows.Of(Window).Duration.Counts) > 0 {
				kept = "all"
			}
		}
		if kept != want || (size == 0) != (got == nil) || got != nil && got.Windows.Of(Window).Calls.Complete != 5 {
			t.Errorf("with %d taken %s is kept, %d bytes, want %s", taken, kept, size, want)
		}
	}
}
