package combine

import (
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// The least room in which a merge can be made is that of what is known of the bodies, of the
// response, and of the largest index with the one that it takes the place of.
func TestLeastRoomOfMerges(t *testing.T) {
	t.Parallel()
	const keys = 3000 // in a table of twice as many places or more
	const places, before = 8192, 4096
	many := object(keys, "k", "1")
	for _, row := range []struct {
		name, words string
		bodies      []string
		index       int64
	}{
		{"many keys", "onConflict=First", []string{many, "{}"}, (places + before) * placeWidth},
		{"many values", "onConflict=First", []string{many, many, many}, places*placeWidth + (places+before)*extraWidth},
		{"few of each", "onConflict=Collect", []string{`{"a":1,"b":2}`, `{"a":2}`}, 0},
		{"scalars that are compared", "arrays=Unique", []string{`{"l":["` + strings.Repeat("x", 1<<16) + `"]}`, `{"l":["y"]}`}, 0},
		{"a value that is compared", "arrays=Unique", []string{`{"l":[` + many + `]}`, `{"l":[{}]}`}, int64(len(many))},
	} {
		c := New(parseRoute("type=Merge " + row.words).options([]string{"a", "b", "c"}))
		want := row.index + int64(merge{}.size(c, &fanout.Result{}))
		var answers []fanout.Answer
		for _, body := range row.bodies {
			h := http.Header{"Content-Type": {"application/json"}}
			answers = append(answers, fanout.Answer{Outcome: fanout.Succeeded, Status: 200, Header: h, Body: []byte(body)})
			want += int64(len(body)) + int64(strings.Count(body, ":"))*memberWidth
		}
		if got := combineWithin(t, c, fanout.Complete, answers, want); got.Short || len(got.Body) == 0 {
			t.Errorf("%s cannot be merged within %d bytes", row.name, want)
		}
		if got := combineWithin(t, c, fanout.Complete, answers, want-1); !got.Short {
			t.Errorf("%s can be merged within less than %d bytes", row.name, want)
		}
	}
}

// What is known of a body takes no memory for which there is no room.
func TestWhatHasNoRoomIsNotLookedInto(t *testing.T) {
	c := New(parseRoute("type=Merge").options([]string{"a"}))
	body := []byte(`{"a":"` + strings.Repeat(":", 1<<16) + `"}`)
	for limit, refused := range map[int64]bool{1 << 18: true, 1 << 40: false} {
		answers := []fanout.Answer{{Outcome: fanout.Succeeded, Status: 200, Body: body}}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := combineWithin(t, c, fanout.Complete, answers, limit)
		runtime.ReadMemStats(&after)
		if made := after.TotalAlloc - before.TotalAlloc; got.refused != refused || refused && made > 1<<18 {
			t.Errorf("within %d bytes %d are made, and the answer is refused: %v", limit, made, got.refused)
		}
	}
}

// A response is written into the room that the caller has, if that suffices.
func TestResponsesUseTheRoomThatThereIs(t *testing.T) {
	t.Parallel()
	for _, size := range []int{10, 2 * largeRoom} {
		for _, kind := range []string{"Envelope", "Group", "Merge"} {
			c := New(parseRoute("type=" + kind).options([]string{"a"}))
			a := fanout.Answer{Outcome: fanout.Succeeded, Status: 200, Body: []byte(`{"a":"` + strings.Repeat("x", size) + `"}`)}
			c.Check(0, &a, testkit.Account())
			room := make([]byte, 0, 2*size+1000)
			got := c.Combine(&fanout.Result{Memory: testkit.Account(), Answers: []fanout.Answer{a}, Deciding: -1}, room)
			if &got.Body[0] != &room[:1][0] {
				t.Errorf("%s of %d bytes is written elsewhere", kind, size)
			}
		}
	}
}
