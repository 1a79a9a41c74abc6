package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// faultTimeout is the backend's: what is late fails after it.
const faultTimeout = 300 * time.Millisecond

// toxic is a fault between proxy and backend, and what is to come of it.
type toxic struct {
	name, json string // of toxiproxy; empty to take the connection away
	outcome    string
	// least is how long the answer takes at least; what goes beyond is the excess.
	least time.Duration
}

func toxics() []toxic {
	return []toxic{
		{"none", `{"type":"noop"}`, "succeeded", 0},
		{"latency 100 ms", `{"type":"latency","attributes":{"latency":100}}`, "succeeded", 100 * time.Millisecond},
		{"latency 1 s", `{"type":"latency","attributes":{"latency":1000}}`, "failed;reason=timeout", faultTimeout},
		{"reset", `{"type":"reset_peer","attributes":{"timeout":0}}`, "failed;reason=reset", 0},
		{"slices of 200 bytes", `{"type":"slicer","attributes":{"average_size":200,"size_variation":100,"delay":100}}`, "succeeded", 0},
		{"1 KB/s", `{"type":"bandwidth","attributes":{"rate":1}}`, "failed;reason=timeout", faultTimeout},
		{"nothing comes back", `{"type":"timeout","attributes":{"timeout":0}}`, "failed;reason=timeout", faultTimeout},
		{"cut after 500 bytes", `{"type":"limit_data","attributes":{"bytes":500}}`, "failed;reason=reset", 0},
		{"down", "", "failed;reason=connect", 0},
	}
}

// faults puts toxiproxy between the proxy and one of two backends.
func faults(string) (section string, wrong []string, err error) {
	const size = 4000
	large := &recorder{answer: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"x":%q}`, strings.Repeat("x", size))
	}}
	upstream, stopUpstream, err := serve(large)
	if err != nil {
		return "", nil, err
	}
	defer stopUpstream()
	var b strings.Builder
	fmt.Fprintf(&b, "## toxiproxy\n\nA fault between the proxy and one of two backends, whose timeout is %v; 100 calls each. Excess is the time of the\n"+
		"call beyond what the fault takes or the timeout allows.\n\n| fault | its answer | as defined | excess p50 | excess p99 |\n|---|---|---|---|---|\n", faultTimeout)
	for _, fault := range toxics() {
		took, bad, err := suffer(fault, upstream)
		if err != nil {
			return "", nil, fmt.Errorf("%s: %w", fault.name, err)
		}
		slices.Sort(took)
		fmt.Fprintf(&b, "| %s | %s | %d of 100 | %v | %v |\n", fault.name, strings.ReplaceAll(fault.outcome, ";reason=", " "), 100-len(bad),
			took[50].Round(10*time.Microsecond), took[98].Round(10*time.Microsecond))
		if len(bad) > 0 {
			wrong = append(wrong, fmt.Sprintf("toxiproxy, %s: %d of 100, such as %s", fault.name, len(bad), bad[0]))
		}
	}
	return b.String(), wrong, nil
}

func suffer(fault toxic, upstream string) (excess []time.Duration, bad []string, err error) {
	between := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop()), "between", "127.0.0.1:0", upstream)
	if err := between.Start(); err != nil {
		return nil, nil, fmt.Errorf("start toxiproxy: %w", err)
	}
	address := between.Listen
	if fault.json == "" {
		between.Stop()
	} else {
		defer between.Stop()
		if fault.json != toxics()[0].json {
			if _, err := between.Toxics.AddToxicJson(strings.NewReader(fault.json)); err != nil {
				return nil, nil, fmt.Errorf("add toxic: %w", err)
			}
		}
	}
	route, stop, err := startProxy(func(r *routeconfig.Route) {
		r.Backends[1].URL = "http://" + address + "/"
		r.Backends[1].Timeout = routeconfig.Duration(faultTimeout)
	}, &recorder{}, &recorder{})
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	for range 100 {
		start := time.Now()
		response, err := client.Post("http://"+route+"/", "application/json", strings.NewReader("{}"))
		if err != nil {
			return nil, nil, fmt.Errorf("call: %w", err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		excess = append(excess, time.Since(start)-fault.least)
		list := response.Header.Get("Fanout-Backends")
		if !strings.Contains(list, "b0;outcome=succeeded") || !strings.Contains(list, "b1;outcome="+fault.outcome) {
			bad = append(bad, list)
		}
	}
	return excess, bad, nil
}
