package cli

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// What an apply would change is told backend by backend, in words of the document.
func TestWhatAnApplyWouldChange(t *testing.T) {
	t.Parallel()
	objects(t, "diff", routeOf("orders", "one", "two"))
	const head = "apiVersion: fanout.dev/v1alpha1\nkind: FanoutRoute\nmetadata: {name: orders, namespace: diff}\nspec:\n"
	one, two := "  - {name: one, url: 'https://one.example.com/'}\n", "  - {name: two, url: 'https://two.example.com/'}\n"
	for name, row := range map[string]struct{ content, want string }{
		"the same":           {head + "  backends:\n" + one + two, "FanoutRoute diff/orders: nothing changes\n"},
		"another route":      {strings.Replace(head, "orders", "others", 1) + "  backends:\n" + one, "FanoutRoute diff/others: would be created\n"},
		"a backend's time":   {head + "  backends:\n" + one + "  - {name: two, url: 'https://two.example.com/', timeout: 2s}\n", "FanoutRoute diff/orders: 1 changes, proxies take it over without a restart\n  backend two: timeout \"5s\" → \"2s\"\n"},
		"a field of its own": {head + "  dispatch: {maxInFlight: 7}\n  backends:\n" + one + two, "FanoutRoute diff/orders: 1 changes, proxies take it over without a restart\n  route: dispatch.maxInFlight 1024 → 7\n"},
		"fewer backends":     {head + "  backends:\n" + one, "FanoutRoute diff/orders: 2 changes, proxies take it over without a restart\n  route: backends.order [\"one\",\"two\"] → [\"one\"]\n  backend two: removed\n"},
		"one backend more":   {head + "  backends:\n" + one + two + "  - {name: three, url: 'https://three.example.com/'}\n", "FanoutRoute diff/orders: 2 changes, proxies take it over without a restart\n  route: backends.order [\"one\",\"two\"] → [\"one\",\"two\",\"three\"]\n  backend three: added\n"},
		"their order":        {head + "  backends:\n" + two + one, "FanoutRoute diff/orders: 1 changes, proxies take it over without a restart\n  route: backends.order [\"one\",\"two\"] → [\"two\",\"one\"]\n"},
		"resources":          {head + "  proxy: {resources: {limits: {cpu: 2}}}\n  backends:\n" + one + two, "FanoutRoute diff/orders: 0 changes, Pods roll\n"},
		"a Secret":           {head + "  authentication: {apiKeys: {secretName: callers}}\n  backends:\n" + one + two, "FanoutRoute diff/orders: 1 changes, Pods roll\n  route: authentication (none) → {\"apiKeys\":{\"header\":\"X-API-Key\",\"secret\":\"callers\"}}\n"},
	} {
		out, errOut, err := command(t, row.content, "diff", "-f", "-", "--kubeconfig", kubeconfig)
		if out != row.want {
			t.Errorf("%s: %s%s", name, out, errOut)
		}
		if same := name == "the same"; same != (err == nil) || err != nil && !errors.Is(err, ErrReported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	out, _, _ := command(t, head+"  backends:\n"+one, "diff", "-f", "-", "-o", "json", "--kubeconfig", kubeconfig)
	var edits []edit
	if err := json.Unmarshal([]byte(out), &edits); err != nil || len(edits) != 1 || len(edits[0].Changes) != 2 || edits[0].Rolls {
		t.Errorf("as JSON: %v %s", err, out)
	}
	if _, errOut, err := command(t, head+"  backends: []\n", "diff", "-f", "-", "--kubeconfig", kubeconfig); !errors.Is(err, ErrReported) || !strings.Contains(errOut, "spec.backends") {
		t.Errorf("a spec that is refused: %v %s", err, errOut)
	}
}
