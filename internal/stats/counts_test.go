package stats

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// byMap is the reading of counts that needs no knowledge of how they are told.
func byMap(text []byte) (list Counts, err error) {
	var byBucket map[int]uint64
	if err := json.Unmarshal(text, &byBucket); err != nil {
		return nil, err
	}
	for i := firstBucket; i <= lastBucket; i++ {
		if n := byBucket[i]; n > 0 {
			list = append(list, Count{i, n})
		}
	}
	return list, nil
}

func sameCounts(t *testing.T, text []byte) {
	t.Helper()
	var got Counts
	err := json.Unmarshal(text, &got)
	want, wrong := byMap(text)
	if (err == nil) != (wrong == nil) {
		t.Fatalf("%s: %v, by a map %v", text, err, wrong)
	}
	if err == nil && (!slices.Equal(got, want) || got != nil && len(got) == 0) {
		t.Errorf("%s: %v, by a map %v", text, got, want)
	}
}

var oddCounts = []string{
	`{}`, `null`, ` { "3" : 1 } `, `{"3":1,"-7":2,"3":4,"9999":1,"5":0}`, `{"3":null}`, `{"\u0033":1}`, `{"+3":1}`, `{"03":1}`, `{"-0":1}`,
	`{"3":18446744073709551615}`, `{"3":18446744073709551616}`, `{"3":-1}`, `{"3":1.0}`, `{"3":1e3}`, `{"3":"1"}`, `{"3":{}}`, `{"3":[1]}`, `{"3":true}`,
	`{"x":1}`, `{"":1}`, `{"9223372036854775808":1}`, `[]`, `[1]`, `1`, `"x"`, `true`,
	"{\"\x80\":null}", "{\"3\":\"\x80\"}",
}

// Counts are read as a map of them would be, in whichever order and form they are told.
func TestCountsAreReadAsAMap(t *testing.T) {
	t.Parallel()
	for _, text := range oddCounts {
		sameCounts(t, []byte(text))
	}
}

// FuzzCounts has anybody tell them.
func FuzzCounts(f *testing.F) {
	for _, text := range oddCounts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if json.Valid(text) {
			sameCounts(t, text)
		}
	})
}

// What is of another type than a proxy writes is no report.
func TestReportsOfOddTypesAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`[]`, `1`, `{"document":1}`, `{"ready":"yes"}`, `{"routes":{}}`, `{"routes":[1]}`, `{"version":"1"}`, `{"version":1.5}`,
		`{"routes":[{"backends":[{"name":"b0","standing":{"1m":{"asked":-1}}}]}]}`,
		`{"routes":[{"backends":[{"name":"b0","windows":{"5m":{"seconds":"1"}}}]}]}`,
		`{"routes":[{"windows":{"5m":{"calls":{"complete":18446744073709551616}}}}]}`,
		`{"routes":[{"windows":{"5m":{"calls":{"complete":1.0}}}}]}`,
		`{"routes":[{"windows":{"5m":{"duration":{"counts":{"x":1}}}}}]}`,
		`{"routes":[{"missing":{}}]}`, `{"routes":[`, `{"version":2}`, `{"document":"","version":2}`, ``, `{} x`,
	} {
		if got, err := ofOrders(1).Decode([]byte(text), start); err == nil {
			t.Errorf("%s is read as %+v", text, got)
		}
	}
}

// Reports that a proxy wrote, or one of another hand, are read.
func TestReportsOfAnyHandAreRead(t *testing.T) {
	t.Parallel()
	recorded, err := os.ReadFile("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"of a proxy":      encode(t, fullest()),
		"recorded":        string(recorded),
		"without windows": `{"version":1,"routes":[{"namespace":"shop","name":"orders","backends":[{"name":"b0"}]}]}`,
		"with nulls":      `{"version":null,"document":null,"ready":null,"routes":[{"namespace":"shop","name":"orders","missing":null,"windows":null,"backends":[{"name":"b0","windows":{"5m":null},"standing":null,"shadow":null}]}]}`,
		"without routes":  ` {"document":"h1" , "routes" : [ ] } `,
	} {
		if _, err := ofOrders(3).Decode([]byte(text), start); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	of, err := ofOrders(3).Decode([]byte(`{"routes":[{"namespace":"shop","name":"orders","backends":[{"name":"b0","windows":{
		"1m":{"answers":{"succeeded":3,"failed":{"timeout":2},"late":1}},"5m":{"seconds":7.5,"answers":{"succeeded":5}}}}]}]}`), start)
	if err != nil {
		t.Fatal(err)
	}
	want := Standings{Last1m: Standing{Asked: 5, Heard: 5, Late: 1}, Last5m: Standing{Asked: 5, Heard: 5}}
	if got := of.Routes[0].Backends[0].Standing; got != want {
		t.Errorf("without standings: %+v, want %+v", got, want)
	}
}
