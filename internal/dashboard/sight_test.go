package dashboard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fanout-operator/fanout/internal/dashboard"
)

// manifold has routes of three namespaces and two operators, and counts what it is asked of one route.
type manifold struct{ asked atomic.Int32 }

func (*manifold) Overview(context.Context) (*dashboard.Overview, error) {
	return &dashboard.Overview{
		Mode: dashboard.Cluster, Where: "here", Note: "namespace lab could not be read",
		Operators: []dashboard.Operator{{Lease: "one/fanout-operator"}, {Lease: "two/fanout-operator"}},
		Routes: []dashboard.Row{
			{Namespace: "shop", Name: "orders", Operator: "one/fanout-operator"}, {Namespace: "shop", Name: "carts", Operator: "one/fanout-operator"},
			{Namespace: "lab", Name: "mice", Operator: "two/fanout-operator"}, {Namespace: "bank", Name: "money", Operator: "two/fanout-operator"},
		},
	}, nil
}

func (m *manifold) Route(_ context.Context, namespace, name string) (*dashboard.Route, error) {
	m.asked.Add(1)
	return &dashboard.Route{Row: dashboard.Row{Namespace: namespace, Name: name}}, nil
}

func (m *manifold) Calls(context.Context, string, string, string) (*dashboard.Calls, error) {
	m.asked.Add(1)
	return &dashboard.Calls{}, nil
}

// admit knows a token by the namespace that it is good for.
func admit(r *http.Request) (dashboard.Sight, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !ok || token == "wrong":
		return nil, dashboard.ErrUnauthenticated
	case token == "silent":
		return nil, dashboard.ErrUnknowable
	case token == "forgotten":
		return nil, nil
	}
	return func(_ context.Context, namespace string) (bool, error) {
		if token == "half" && namespace == "lab" {
			return false, fmt.Errorf("ask: %w", dashboard.ErrUnknowable)
		}
		return token == namespace || token == "half", nil
	}, nil
}

// Whoever is not known gets nothing, not even the page; who may see one namespace hears of no
// other, by the list or by asking for it, and nothing is looked up for who may not see it.
func TestWhoMaySeeWhat(t *testing.T) {
	t.Parallel()
	source := &manifold{}
	h := dashboard.New(dashboard.Options{Source: source, Hosts: []string{"127.0.0.1"}, Admit: admit})
	for name, row := range map[string]struct {
		target, token string
		code          int
	}{
		"the page, nobody":                  {"/", "", 401},
		"its script, nobody":                {"/app.js", "", 401},
		"the routes, nobody":                {"/api/routes", "", 401},
		"a route, nobody":                   {"/api/routes/shop/orders", "", 401},
		"calls, a wrong token":              {"/api/routes/shop/orders/calls", "wrong", 401},
		"the page, when nobody can be told": {"/", "silent", 503},
		"the page, a gate without a word":   {"/", "forgotten", 503},
		"the page":                          {"/", "shop", 200},
		"the routes":                        {"/api/routes", "shop", 200},
		"a list that would lack something":  {"/api/routes", "half", 503},
		"another's route":                   {"/api/routes/lab/mice", "shop", 403},
		"another's route that is not there": {"/api/routes/lab/none", "shop", 403},
		"another's calls":                   {"/api/routes/lab/mice/calls", "shop", 403},
		"a route by a longer way":           {"/api/routes/lab%2Fmice/x", "shop", 403},
	} {
		before := source.asked.Load()
		w := get(t, h, row.target, func(r *http.Request) {
			if row.token != "" {
				r.Header.Set("Authorization", "Bearer "+row.token)
			}
		})
		if w.Code != row.code || row.code != 200 && !strings.HasPrefix(w.Body.String(), `{"error":"`) {
			t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, row.code)
		}
		if row.code == 401 && w.Header().Get("WWW-Authenticate") != `Bearer realm="fanout"` {
			t.Errorf("%s: %v", name, w.Header())
		}
		if source.asked.Load() != before {
			t.Errorf("%s: the source was asked", name)
		}
	}
	seen := dashboard.Overview{}
	w := get(t, h, "/api/routes", func(r *http.Request) { r.Header.Set("Authorization", "Bearer shop") })
	if err := json.Unmarshal(w.Body.Bytes(), &seen); err != nil || len(seen.Routes) != 2 || len(seen.Operators) != 1 || seen.Operators[0].Lease != "one/fanout-operator" {
		t.Errorf("of shop: %v %s", err, w.Body)
	}
	for _, leaks := range []string{"lab", "bank", "mice", "money", "two/"} {
		if strings.Contains(w.Body.String(), leaks) {
			t.Errorf("%q leaks: %s", leaks, w.Body)
		}
	}
	for _, target := range []string{"/api/routes/lab/mice", "/api/routes/lab/mice/calls"} {
		if w := get(t, h, target, func(r *http.Request) { r.Header.Set("Authorization", "Bearer lab") }); w.Code != 200 {
			t.Errorf("its own: %d %s", w.Code, w.Body)
		}
		// The answer is kept for a moment, and not for everybody.
		if w := get(t, h, target, func(r *http.Request) { r.Header.Set("Authorization", "Bearer bank") }); w.Code != 403 {
			t.Errorf("what was told to another: %d %s", w.Code, w.Body)
		}
	}
}

// A name without a port is one of all ports: who forwards a port chooses its own.
func TestNamesOfThePage(t *testing.T) {
	t.Parallel()
	h := dashboard.New(dashboard.Options{Source: &scripted{}, Hosts: []string{"localhost", "::1", "[::1]", "fanout.example.com:8443"}})
	for host, code := range map[string]int{
		"localhost:1234": 200, "localhost": 200, "[::1]:1234": 200, "[::1]": 200, "fanout.example.com:8443": 200,
		"fanout.example.com": 421, "fanout.example.com:1": 421, "evil.example.com:1234": 421, "localhost.evil.example.com:1234": 421, "": 421, ":1234": 421,
	} {
		if w := get(t, h, "/", func(r *http.Request) { r.Host = host }); w.Code != code {
			t.Errorf("%q: %d, want %d", host, w.Code, code)
		}
	}
}
