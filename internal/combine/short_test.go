package combine

import (
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// bounded is a response that is made within a limit of memory.
type bounded struct {
	Response

	refused bool  // an answer was, for want of room for what is known of it
	used    int64 // by the call, once the response was there
	made    uint64
}

// combineWithin checks answers and combines them with no more memory than a limit.
func combineWithin(t *testing.T, c *Combiner, outcome fanout.CallOutcome, answers []fanout.Answer, limit int64) bounded {
	t.Helper()
	budget := &memory.Budget{Limit: limit}
	account := budget.Open(netip.Addr{})
	defer func() {
		if account.Close(); budget.Used() != 0 {
			t.Errorf("%d bytes are taken when the call is over", budget.Used())
		}
	}()
	parts := make([]fanout.Answer, len(answers))
	for i := range answers {
		parts[i] = answers[i]
		if c.Check(i, &parts[i], account); parts[i].Outcome == fanout.Rejected {
			return bounded{refused: true, used: budget.Used()}
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	response := c.Combine(&fanout.Result{Outcome: outcome, Memory: account, Answers: parts, Deciding: -1}, nil)
	runtime.ReadMemStats(&after)
	return bounded{Response: response, used: budget.Used(), made: after.TotalAlloc - before.TotalAlloc}
}

// object is a JSON object of many members, whose keys begin with a prefix.
func object(members int, prefix, value string) string {
	var b strings.Builder
	for i := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "\"%s%d\":%s", prefix, i, value)
	}
	return "{" + b.String() + "}"
}

// large are answers whose combination takes all kinds of room.
func large() []fanout.Answer {
	var list []fanout.Answer
	for i, body := range []string{
		`{"list":[` + object(40, "k", "1 ") + `,` + object(40, "l", "2") + `,3],"both":` + object(100, `a\u0041`, "1") + `}`,
		`{"list":[` + object(40, "k", " 1") + `,` + object(40, "l", "2") + `,4],"both":` + object(100, `a\u0041`, "2") + `,"x":"` + strings.Repeat("x", 3000) + `"}`,
		`{"list":[5,6,7],"both":` + object(100, `aA`, "[3]") + `}`,
	} {
		h := http.Header{"Content-Type": {"application/json; x=" + strings.Repeat("y", 500)}, "X-Large": {strings.Repeat("a", 700), strings.Repeat("b", 700)}}
		list = append(list, fanout.Answer{Outcome: fanout.Succeeded, Status: 200 + i, Header: h, Body: []byte(body), Attempts: 1})
	}
	return list
}

// withBodies are large answers with other bodies, of a type.
func withBodies(contentType string, bodies ...string) []fanout.Answer {
	list := large()
	for i := range list {
		list[i].Header.Set("Content-Type", contentType)
		list[i].Body = []byte(bodies[i%len(bodies)])
	}
	return list
}

func failing(answers []fanout.Answer) []fanout.Answer {
	for i := range answers {
		answers[i].Outcome, answers[i].Reason, answers[i].Status = fanout.Failed, fanout.Status, 500
	}
	return answers
}

// A response is made within the room that was taken for it, or not at all: however little
// there is, a call gets all of its response or none of it, and the client a 503.
func TestResponsesAreMadeWithinTheirRoom(t *testing.T) {
	for _, row := range []struct {
		words   string
		outcome fanout.CallOutcome
		answers []fanout.Answer
	}{
		{"type=Envelope headersFromBackends=X-Large", fanout.Complete, large()},
		{"type=Envelope", fanout.Complete, withBodies("text/plain", strings.Repeat("\x01", 2000), "\"")},
		{"type=Envelope headersFromBackends=X-Large", fanout.Complete, withBodies("text/plain", "x")},
		{"type=Envelope", fanout.Complete, withBodies("image/png", strings.Repeat("\xff", 5000))},
		{"type=Envelope headersFromBackends=X-Large", fanout.Unmet, failing(large())},
		{"type=Group", fanout.Complete, large()},
		{"type=Group", fanout.Unmet, failing(large())},
		{"type=Merge", fanout.Complete, large()},
		{"type=Merge arrays=Unique onConflict=Collect", fanout.Complete, large()},
		{"type=Merge arrays=Unique onConflict=Last", fanout.Complete, large()},
		{"type=Merge onConflict=Collect", fanout.Complete, withBodies("application/json", `{"a":[`+strings.Repeat("1,", 2000)+`1]}`, `{"a":1}`, `{"a":2}`)},
		{"type=Merge onConflict=Error", fanout.Complete, large()},
	} {
		t.Run(fmt.Sprint(row.words, " ", row.outcome), func(t *testing.T) {
			c := New(parseRoute(row.words).options([]string{"a", "b", "c"}))
			want := combineWithin(t, c, row.outcome, row.answers, 1<<40)
			if want.refused || len(want.Body) == 0 {
				t.Fatalf("with all the memory there is: %d %q", want.Status, want.Body)
			}
			most := 10 * int64(len(want.Body))
			for i := range row.answers {
				most += 20 * int64(len(row.answers[i].Body))
			}
			made := false
			for limit := int64(0); limit < most; limit += most / 250 {
				got := combineWithin(t, c, row.outcome, row.answers, limit)
				if got.used > limit || got.used < int64(len(got.Body)) {
					t.Fatalf("%d bytes are taken of %d, for a body of %d", got.used, limit, len(got.Body))
				}
				if got.refused || got.Short {
					if made || len(got.Body) != 0 || got.Short && (got.Status != 503 || got.Outcome != fanout.Unmet) {
						t.Fatalf("within %d bytes: %d, a body of %d, short %v; a response was made within less: %v", limit, got.Status, len(got.Body), got.Short, made)
					}
					continue
				}
				if made = true; string(got.Body) != string(want.Body) || got.Status != want.Status {
					t.Fatalf("within %d bytes: %d and a body of %d bytes, want %d and %d", limit, got.Status, len(got.Body), want.Status, len(want.Body))
				}
			}
			if !made {
				t.Errorf("a body of %d bytes takes more than ten times its room, and twenty times that of the bodies", len(want.Body))
			}
		})
	}
}

// Room is taken before something is made: what does not fit is not made either.
func TestWhatHasNoRoomIsNotMade(t *testing.T) {
	same := object(500, "k", "1")
	for name, row := range map[string]struct {
		words  string
		bodies []string
	}{
		"many keys":         {"type=Merge", []string{object(10_000, "k", "1"), object(1, "l", "1")}},
		"many values":       {"type=Merge onConflict=Last", []string{same, strings.ReplaceAll(same, ":1", ":2")}},
		"a large key":       {"type=Merge", []string{`{"\\` + strings.Repeat("x", 1<<17) + `":1}`, "{}"}},
		"large elements":    {"type=Merge arrays=Unique", []string{`{"l":[` + object(10_000, "k", "1 ") + `]}`, `{"l":[1]}`}},
		"an envelope":       {"type=Envelope", []string{`"` + strings.Repeat("x", 1<<17) + `"`}},
		"an object of many": {"type=Group", []string{`"` + strings.Repeat("x", 1<<17) + `"`}},
	} {
		t.Run(name, func(t *testing.T) {
			var names []string
			var answers []fanout.Answer
			for i := range 24 {
				names = append(names, fmt.Sprint("b", i))
				h := http.Header{"Content-Type": {"application/json"}}
				answers = append(answers, fanout.Answer{Outcome: fanout.Succeeded, Status: 200, Header: h, Body: []byte(row.bodies[i%len(row.bodies)])})
				if len(row.bodies) == 2 && i == 1 && name != "many values" {
					break
				}
			}
			c := New(parseRoute(row.words).options(names))
			most := int64(1024)
			for combineWithin(t, c, fanout.Complete, answers, most).Body == nil {
				most *= 2
			}
			least := most / 2
			for most-least > 1024 {
				if middle := (least + most) / 2; combineWithin(t, c, fanout.Complete, answers, middle).Body == nil {
					least = middle
				} else {
					most = middle
				}
			}
			all, none := combineWithin(t, c, fanout.Complete, answers, most), combineWithin(t, c, fanout.Complete, answers, least)
			t.Logf("within %d bytes %d are made, within %d %d", most, all.made, least, none.made)
			if !none.Short || none.made+uint64(most)/4 > all.made {
				t.Errorf("with a KiB too little %d bytes are made in vain, of %d", none.made, all.made)
			}
		})
	}
}

// What a merge needs for itself alone is given back when it is made.
func TestMergesKeepNoRoomButThatOfTheirBody(t *testing.T) {
	t.Parallel()
	list := `{"l":[` + object(500, "k", "1") + `,` + object(500, "l", "1") + `],"m":` + object(500, "k", "1") + `}`
	h := http.Header{"Content-Type": {"application/json"}}
	var answers []fanout.Answer
	members := int64(0)
	for range 2 {
		answers = append(answers, fanout.Answer{Outcome: fanout.Succeeded, Status: 200, Header: h, Body: []byte(list)})
		members += int64(strings.Count(list, ":"))
	}
	c := New(parseRoute("type=Merge arrays=Unique").options([]string{"a", "b"}))
	got := combineWithin(t, c, fanout.Complete, answers, 1<<40)
	if want := members*memberWidth + 2*int64(len(list)) + 2; got.used != want {
		t.Errorf("%d bytes are taken, want %d: for what is known of the bodies, and for the response", got.used, want)
	}
}

// Objects that are merged below others use the same few indexes.
func TestNestedMergesUseTheirIndexesAgain(t *testing.T) {
	h := http.Header{"Content-Type": {"application/json"}}
	body := `{"list":1`
	for i := range 200 {
		body += fmt.Sprintf(`,"k%d":{"a":{"b":%d}}`, i, i)
	}
	c := New(parseRoute("type=Merge").options([]string{"a", "b"}))
	r := &fanout.Result{Memory: testkit.Account(), Deciding: -1}
	for range 2 {
		a := fanout.Answer{Outcome: fanout.Succeeded, Status: 200, Header: h, Body: []byte(body + "}")}
		c.Check(0, &a, testkit.Account())
		r.Answers = append(r.Answers, a)
	}
	if n := testing.AllocsPerRun(20, func() { c.Combine(r, nil) }); n > 100 {
		t.Errorf("%v things are made to merge 400 objects in pairs, want some dozens", n)
	}
}

// Only answers that failed by their status agree on one: a body too large for us says
// nothing of the call.
func TestStatusesOfBodiesThatWereLostDoNotCount(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		reason fanout.Reason
		status int
		want   int
	}{
		"both say so":              {fanout.Status, 404, 404},
		"the other's is too large": {fanout.TooLarge, 404, 502},
		"the other's does not fit": {fanout.Uncombinable, 404, 502},
		"the other's broke midway": {fanout.Reset, 404, 502},
	} {
		c := New(parseRoute("").options([]string{"a", "b"}))
		response := c.Combine(&fanout.Result{Outcome: fanout.Unmet, Memory: testkit.Account(), Deciding: -1, Answers: []fanout.Answer{
			{Outcome: fanout.Failed, Reason: fanout.Status, Status: 404, Header: http.Header{}},
			{Outcome: fanout.Failed, Reason: row.reason, Status: row.status, Header: http.Header{}},
		}}, nil)
		if response.Status != row.want {
			t.Errorf("%s: %d, want %d", name, response.Status, row.want)
		}
	}
}
