package controllers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// columns are what kubectl get -o wide shows of a route, by the columns' names.
func columns(t *testing.T, route *v1alpha1.FanoutRoute) map[string]any {
	t.Helper()
	asked, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		strings.TrimSuffix(config.Host, "/")+"/apis/fanout.dev/v1alpha1/namespaces/"+route.Namespace+"/fanoutroutes/"+route.Name, nil)
	if err != nil {
		t.Fatal(err)
	}
	asked.Header.Set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
	through, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	response, err := through.RoundTrip(asked)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	table := metav1.Table{}
	if err := json.NewDecoder(response.Body).Decode(&table); err != nil || len(table.Rows) != 1 {
		t.Fatalf("%d rows with status %s of %s (%v)", len(table.Rows), response.Status, asked.URL, err)
	}
	shown := map[string]any{}
	for i, c := range table.ColumnDefinitions {
		shown[c.Name] = table.Rows[0].Cells[i]
	}
	return shown
}

// R14: whoever is told by Flux of no more than a status 'Failed' finds why in kubectl get -o
// wide; and a new route, of which nothing is known, shows no number of healthy backends (Q8).
func TestR14TheReasonIsAColumn(t *testing.T) {
	t.Parallel()
	route, _ := serving(t, "https://one.example.com/")
	becomes(t, keyOf(route), "Programmed", metav1.ConditionFalse, "Pending")
	if shown := columns(t, route); shown["Backends"] != nil && shown["Backends"] != "" {
		t.Errorf("before any proxy is there kubectl shows %v", shown)
	}
	edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].URL = "http://api.lab.svc/" })
	becomes(t, keyOf(route), "Stalled", metav1.ConditionTrue, "Invalid")
	shown := columns(t, route)
	if message, _ := shown["Message"].(string); shown["Ready"] != "False" || shown["Reason"] != "Invalid" ||
		!strings.HasPrefix(message, `spec.backends[0].url: Invalid value: "http://api.lab.svc/": must not name a Service`) {
		t.Errorf("kubectl shows %v", shown)
	}
}
