package combine

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// mergeBodies merges bodies of backends that all succeed.
func mergeBodies(onConflict, arrays string, bodies ...string) Response {
	names := make([]string, len(bodies))
	answers := make([]fanout.Answer, len(bodies))
	for i, body := range bodies {
		names[i] = fmt.Sprintf("b%d", i)
		answers[i] = fanout.Answer{Outcome: fanout.Succeeded, Status: 200, Body: []byte(body)}
	}
	c := New(Options{Backends: names, Policy: routeconfig.PolicyAll, Response: routeconfig.Response{
		Type: routeconfig.ResponseMerge, OnConflict: onConflict, Arrays: arrays, Diagnostics: routeconfig.DiagnosticsNone,
	}})
	for i := range answers {
		c.Check(i, &answers[i], testkit.Account())
	}
	return c.Combine(&fanout.Result{Memory: testkit.Account(), Answers: answers, Deciding: -1}, nil)
}

func TestMerge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, onConflict, arrays string
		bodies                   []string
		want                     string
	}{
		{"keys stand in the order of their first appearance", "First", "Append", []string{`{"b":1,"a":2}`, `{"c":3,"a":2}`}, `{"b":1,"a":2,"c":3}`},
		{"numbers keep their bytes", "First", "Append", []string{`{"a":1.00e+400}`, `{"b":12345678901234567890}`}, `{"a":1.00e+400,"b":12345678901234567890}`},
		{"untouched values keep their space", "First", "Append", []string{`{"a": { "x" : [ 1 ] } }`, `{ "b":1}`}, `{"a": { "x" : [ 1 ] },"b":1}`},
		{"one body is its own bytes", "First", "Append", []string{" {\"a\" :1, \"a\":2}\n"}, `{"a" :1, "a":2}`},
		{"no bodies are an empty object", "First", "Append", []string{"", ""}, `{}`},
		{"an empty body adds nothing", "First", "Append", []string{"", `{"a":1}`}, `{"a":1}`},
		{"keys compare decoded", "Last", "Append", []string{`{"a\u002fb":1}`, `{"a\/b":2}`, `{"a/b":3}`}, `{"a\u002fb":3}`},
		{"a surrogate pair is the rune", "Last", "Append", []string{`{"\ud83d\ude00":1}`, `{"😀":2}`}, `{"\ud83d\ude00":2}`},
		{"within one body the last duplicate wins", "First", "Append", []string{`{"a":1,"b":0,"a":2}`, `{"a":3}`}, `{"a":2,"b":0}`},
		{"the last duplicate wins in a later body too", "Last", "Append", []string{`{"a":1}`, `{"a":2,"a":3}`, `{"a":4,"a":5}`}, `{"a":5}`},
		{"an object that a duplicate hides is not merged", "First", "Append", []string{`{"a":{"x":1},"a":{"y":2}}`, `{"a":{"z":3}}`}, `{"a":{"y":2,"z":3}}`},
		{"objects recurse", "First", "Append", []string{`{"a":{"x":{"p":1},"y":1}}`, `{"a":{"x":{"q":2},"y":2}}`}, `{"a":{"x":{"p":1,"q":2},"y":1}}`},
		{"empty objects merge", "First", "Append", []string{`{"a":{}}`, `{"a":{ }}`, `{"a":{"x":1}}`}, `{"a":{"x":1}}`},
		{"arrays are appended", "Error", "Append", []string{`{"a":[1, 2]}`, `{"a":[ ]}`, `{"a":[2,[3]]}`}, `{"a":[1, 2,2,[3]]}`},
		{"equal arrays are appended too", "Error", "Append", []string{`{"a":[1]}`, `{"a":[1]}`}, `{"a":[1,1]}`},
		{"empty arrays make an empty one", "Error", "Append", []string{`{"a":[]}`, `{"a":[ ]}`}, `{"a":[]}`},
		{"Unique drops what repeats, space aside", "Error", "Unique", []string{`{"a":[1,{"x": 1},1]}`, `{"a":[{"x":1},1.0,"1"]}`}, `{"a":[1,{"x": 1},1.0,"1"]}`},
		{"Unique leaves alone what one backend has", "Error", "Unique", []string{`{"a":[1,1]}`, `{"b":1}`}, `{"a":[1,1],"b":1}`},
		{"Replace takes the last", "Error", "Replace", []string{`{"a":[1]}`, `{"a":[2, 3]}`}, `{"a":[2, 3]}`},
		{"First keeps the first", "First", "Append", []string{`{"a":1}`, `{"a":"2"}`, `{"a":3}`}, `{"a":1}`},
		{"Last keeps the last", "Last", "Append", []string{`{"a":1}`, `{"a":"2"}`, `{"a":3}`}, `{"a":3}`},
		{"Collect keeps all in the order of the spec", "Collect", "Append", []string{`{"a":1}`, `{"a":"2"}`, `{"a":null}`}, `{"a":[1,"2",null]}`},
		{"Collect keeps equal values once", "Collect", "Append", []string{`{"a":1}`, `{"a":2}`, `{"a":1}`}, `{"a":[1,2]}`},
		{"Collect keeps an array as one value", "Collect", "Append", []string{`{"a":[1,2]}`, `{"a":3}`, `{"a":[4]}`}, `{"a":[[1,2],3,[4]]}`},
		{"Collect works inside of objects", "Collect", "Append", []string{`{"a":{"x":1}}`, `{"a":{"x":2}}`}, `{"a":{"x":[1,2]}}`},
		{"an object against a scalar is a conflict of all", "First", "Append", []string{`{"a":{"x":1}}`, `{"a":1}`, `{"a":{"y":2}}`}, `{"a":{"x":1}}`},
		{"an object against an array is a conflict", "Last", "Append", []string{`{"a":{"x":1}}`, `{"a":[1]}`}, `{"a":[1]}`},
		{"null against a value is a conflict", "Last", "Append", []string{`{"a":1}`, `{"a":null}`}, `{"a":null}`},
		{"equal scalars are no conflict", "Error", "Append", []string{`{"a":1,"b":"x","c":null}`, `{"c":null,"b":"x","a":1}`}, `{"a":1,"b":"x","c":null}`},
		{"a byte-order mark does not matter", "Error", "Append", []string{"\xef\xbb\xbf{\"a\":1}", `{"b":2}`}, `{"a":1,"b":2}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := mergeBodies(test.onConflict, test.arrays, test.bodies...)
			if string(got.Body) != test.want || got.Status != 200 {
				t.Errorf("%d %s", got.Status, got.Body)
			}
		})
	}
}

func TestMergeNamesTheConflict(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, pointer string
		bodies        []string
	}{
		{"a scalar", "/a", []string{`{"a":1}`, `{"a":2}`}},
		{"numbers are compared by their bytes", "/a", []string{`{"a":1}`, `{"a":1.0}`}},
		{"strings are compared by their bytes", "/a", []string{`{"a":"A"}`, `{"a":"\u0041"}`}},
		{"a type", "/a", []string{`{"a":[]}`, `{"a":{}}`}},
		{"deep down", "/a/b/c", []string{`{"a":{"b":{"c":1}}}`, `{"a":{"b":{"c":2}}}`}},
		{"the first of two", "/x", []string{`{"x":1,"a":1}`, `{"a":2,"x":2}`}},
		{"a key that needs escapes", "/a~1b~0c/\\\"", []string{`{"a/b~c":{"\"":1}}`, `{"a\u002fb~c":{"\u0022":2}}`}},
		{"a key that is empty", "/", []string{`{"":1}`, `{"":2}`}},
		{"a lone surrogate", "/\uFFFD", []string{`{"\ud800":1}`, `{"\ud800":2}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := mergeBodies("Error", "Append", test.bodies...)
			var problem struct {
				Type, Detail string
				Status       int
			}
			if err := json.Unmarshal(got.Body, &problem); err != nil {
				t.Fatalf("%v: %s", err, got.Body)
			}
			want := "the backends' bodies differ at " + strings.ReplaceAll(test.pointer, `\"`, `"`)
			if problem.Detail != want || problem.Type != "https://fanout.dev/problems/conflict" {
				t.Errorf("%s", got.Body)
			}
			if got.Status != 502 || problem.Status != 502 || got.Outcome != fanout.Unmet {
				t.Errorf("status %d, outcome %s", got.Status, got.Outcome)
			}
		})
	}
}

// Case A6 of the field.
func TestA6WrongShapesAreUncombinable(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, contentType, body string
		merge, group            fanout.Outcome
	}{
		{"an object", "application/json", `{}`, fanout.Succeeded, fanout.Succeeded},
		{"an array", "application/json", `[]`, fanout.Failed, fanout.Succeeded},
		{"a scalar", "application/json", `1`, fanout.Failed, fanout.Succeeded},
		{"null", "application/json", `null`, fanout.Failed, fanout.Succeeded},
		{"invalid JSON", "application/json", `{"a":`, fanout.Failed, fanout.Failed},
		{"two objects", "application/json", `{}{}`, fanout.Failed, fanout.Failed},
		{"nothing", "application/json", ``, fanout.Succeeded, fanout.Succeeded},
		{"space", "application/json", ` `, fanout.Failed, fanout.Failed},
		{"text", "text/plain", `{}`, fanout.Failed, fanout.Failed},
		{"invalid UTF-8", "application/json", "{\"a\":\"\xff\"}", fanout.Failed, fanout.Failed},
		{"too deep", "application/json", `{"a":` + nested(512) + `}`, fanout.Failed, fanout.Failed},
	} {
		for kind, want := range map[string]fanout.Outcome{"Merge": test.merge, "Group": test.group, "Envelope": fanout.Succeeded} {
			t.Run(kind+" "+test.name, func(t *testing.T) {
				t.Parallel()
				if test.name == "too deep" {
					want = fanout.Failed
				}
				c := New(parseRoute("type=" + kind).options([]string{"a"}))
				a := fanout.Answer{Outcome: fanout.Succeeded, Status: 200, Header: map[string][]string{"Content-Type": {test.contentType}}, Body: []byte(test.body)}
				c.Check(0, &a, testkit.Account())
				if a.Outcome != want || (a.Reason == fanout.Uncombinable) != (want == fanout.Failed) {
					t.Errorf("%s %s", a.Outcome, a.Reason)
				}
			})
		}
	}
}

func TestMergeOfDeepObjectsKeepsEveryLevel(t *testing.T) {
	t.Parallel()
	deep := func(leaf string) string {
		return strings.Repeat(`{"a":`, 511) + leaf + strings.Repeat("}", 511)
	}
	got := mergeBodies("First", "Append", deep(`{"x":1}`), deep(`{"y":2}`))
	if want := deep(`{"x":1,"y":2}`); string(got.Body) != want {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}

func TestMergeOfManyKeysGrowsItsTable(t *testing.T) {
	t.Parallel()
	var left, right, want []string
	for i := range 3000 {
		left = append(left, fmt.Sprintf(`"k%d":1`, i))
		right = append(right, fmt.Sprintf(`"k%d":2`, i+1500))
	}
	want = append(append(want, left...), strings.Split(strings.Join(right[1500:], ","), ",")...)
	got := mergeBodies("First", "Append", "{"+strings.Join(left, ",")+"}", "{"+strings.Join(right, ",")+"}")
	if string(got.Body) != "{"+strings.Join(want, ",")+"}" {
		t.Errorf("%d bytes: %.200s", len(got.Body), got.Body)
	}
}

// One Combiner serves all calls of a route; its scratch must not be shared by two.
func TestMergeOfManyCallsAtOnce(t *testing.T) {
	t.Parallel()
	c := New(parseRoute("type=Merge onConflict=Collect arrays=Unique").options([]string{"a", "b"}))
	var calls sync.WaitGroup
	for n := range 8 {
		calls.Go(func() {
			for round := range 200 {
				own := fmt.Sprintf(`"call %d.%d"`, n, round)
				answers := make([]fanout.Answer, 2)
				for i := range answers {
					body := fmt.Appendf(nil, `{"k":{"own":%s,"n":%d},%s:[%s,%d]}`, own, i, own, own, i)
					answers[i] = fanout.Answer{Outcome: fanout.Succeeded, Status: 200, Body: body}
					c.Check(i, &answers[i], testkit.Account())
				}
				want := fmt.Sprintf(`{"k":{"own":%s,"n":[0,1]},%s:[%s,0,1]}`, own, own, own)
				if got := c.Combine(&fanout.Result{Memory: testkit.Account(), Answers: answers, Deciding: -1}, nil); string(got.Body) != want {
					t.Errorf("%s, not %s", got.Body, want)
				}
			}
		})
	}
	calls.Wait()
}
