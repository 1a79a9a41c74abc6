package report_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/pods"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/report"
	"github.com/fanout-operator/fanout/internal/stats"
)

var now = metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))

// input is a route with two backends and two ready proxies that serve document h.
func input(modify ...func(*report.Input)) report.Input {
	route := &v1alpha1.FanoutRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders", Generation: 3}}
	route.Spec.Listener.Port = 8080
	route.Spec.Backends = []v1alpha1.Backend{{Name: "one"}, {Name: "two"}}
	in := report.Input{
		Remarks:    []report.Remark{{Reason: "AcceptedUnauthenticated", Message: "anyone may call"}},
		Deployment: deployment(),
		Route:      route, Document: "h", URL: "http://orders-fanout.shop.svc:8080", Selector: map[string]string{"a": "b"}, Now: now,
		Pods: []pods.Facts{facts(pod("p1", corev1.ConditionTrue)), facts(pod("p2", corev1.ConditionTrue))},
		Seen: &rates.Observation{
			Proxies: []rates.Proxy{{Name: "p1", Reached: true, Document: "h"}, {Name: "p2", Reached: true, Document: "h"}},
			Sum: stats.RouteReport{Backends: []stats.BackendReport{
				answers("one", stats.Answers{Succeeded: 1}), answers("two", stats.Answers{Succeeded: 9, Failed: map[stats.Reason]uint64{"status": 1}}),
			}},
		},
	}
	for _, m := range modify {
		m(&in)
	}
	return in
}

// deployment is one whose rollout of two Pods is done.
func deployment(modify ...func(*appsv1.Deployment)) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders-fanout", Generation: 4}}
	d.Spec.Replicas = new(int32(2))
	d.Status = appsv1.DeploymentStatus{ObservedGeneration: 4, Replicas: 2, UpdatedReplicas: 2, ReadyReplicas: 2, AvailableReplicas: 2,
		Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "NewReplicaSetAvailable"}}}
	for _, m := range modify {
		m(d)
	}
	return d
}

func answers(name string, a stats.Answers) stats.BackendReport {
	return stats.BackendReport{Name: name, Windows: stats.Windowed(rates.Window, stats.AnswersWindow{Seconds: 10, Answers: a})}
}

func facts(p corev1.Pod) pods.Facts { return pods.Of(&p) }

func pod(name string, ready corev1.ConditionStatus) corev1.Pod {
	p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
	return p
}

func TestConditions(t *testing.T) {
	t.Parallel()
	const (
		t1 = "Accepted=True/AcceptedUnauthenticated ResolvedRefs=True/ResolvedRefs Programmed=True/Programmed Ready=True/Ready " +
			"BackendsHealthy=True/BackendsHealthy Reconciling=False/Reconciled Stalled=False/Reconciled"
	)
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(t1) }
	pending := []string{"Ready=True/Ready", "Ready=False/Pending", "Reconciling=False/Reconciled", "Reconciling=True/Reconciling", "Programmed=True/Programmed", "Programmed=False/Pending"}
	for name, row := range map[string]struct {
		modify func(*report.Input)
		want   string
		words  string
	}{
		"all is well": {func(*report.Input) {}, t1, "anyone may call"},
		"with callers' keys": {func(in *report.Input) {
			in.Remarks = nil
		},
			replace("AcceptedUnauthenticated", "Accepted"), ""},
		"a spec that does not compile": {
			func(in *report.Input) {
				in.Errors = field.ErrorList{field.Invalid(field.NewPath("spec", "b"), 1, "bad"), field.Invalid(field.NewPath("spec", "a"), 1, "bad")}
			},
			replace("Accepted=True/AcceptedUnauthenticated", "Accepted=False/Invalid", "Programmed=True/Programmed", "Programmed=False/Pending",
				"Ready=True/Ready", "Ready=False/Invalid", "Stalled=False/Reconciled", "Stalled=True/Invalid"),
			`spec.a: Invalid value: 1: bad; spec.b: `,
		},
		"a namesake": {func(in *report.Input) { in.Conflict = `Service "orders-fanout"` },
			replace("Accepted=True/AcceptedUnauthenticated", "Accepted=False/NameConflict", "Programmed=True/Programmed", "Programmed=False/Pending",
				"Ready=True/Ready", "Ready=False/NameConflict", "Stalled=False/Reconciled", "Stalled=True/NameConflict"),
			`Service "orders-fanout" exists and does not belong to this route`},
		"nothing seen yet": {func(in *report.Input) { in.Seen = nil },
			"Accepted=True/AcceptedUnauthenticated ResolvedRefs=Unknown/Pending Programmed=False/Pending Ready=False/Pending " +
				"BackendsHealthy=Unknown/NoTraffic Reconciling=True/Reconciling Stalled=False/Reconciled", "No proxy is ready"},
		"an old document": {func(in *report.Input) { in.Seen.Proxies[1].Document = "g" }, replace(pending...), "Not every ready proxy serves the spec yet"},
		"a new Pod that is not ready yet": {func(in *report.Input) {
			in.Pods = append(in.Pods, facts(pod("p3", corev1.ConditionFalse)))
			in.Seen.Proxies = append(in.Seen.Proxies, rates.Proxy{Name: "p3"})
		}, t1, ""},
		"a proxy that does not answer": {func(in *report.Input) { in.Seen.Proxies[1] = rates.Proxy{Name: "p2"} },
			replace("Programmed=True/Programmed", "Programmed=Unknown/ProxiesUnreachable", "Ready=True/Ready", "Ready=Unknown/ProxiesUnreachable",
				"Reconciling=False/Reconciled", "Reconciling=True/Reconciling"), "Proxies do not answer the operator: p2"},
		"proxies of a newer version": {func(in *report.Input) {
			in.Seen.Proxies = []rates.Proxy{{Name: "p1", Reached: true, Unread: 2}, {Name: "p2", Reached: true, Unread: 3}}
		}, replace("Programmed=True/Programmed", "Programmed=Unknown/UnsupportedReport", "Ready=True/Ready", "Ready=Unknown/UnsupportedReport",
			"ResolvedRefs=True/ResolvedRefs", "ResolvedRefs=Unknown/Pending", "Reconciling=False/Reconciled", "Reconciling=True/Reconciling"),
			"This operator reads version 1 of what proxies say on /status, and these say it in another one: p1 (version 2), p2 (version 3); " +
				"give operator and proxies one version"},
		"one proxy of a newer version": {func(in *report.Input) { in.Seen.Proxies[1] = rates.Proxy{Name: "p2", Reached: true, Unread: 2} },
			replace("Programmed=True/Programmed", "Programmed=Unknown/UnsupportedReport", "Ready=True/Ready", "Ready=Unknown/UnsupportedReport",
				"Reconciling=False/Reconciled", "Reconciling=True/Reconciling"), "another one: p2 (version 2); give"},
		"no proxies asked for": {func(in *report.Input) { in.Route.Spec.Proxy.Replicas = new(int32(0)) },
			replace("Programmed=True/Programmed", "Programmed=False/NoProxies", "Ready=True/Ready", "Ready=True/NoProxies"), "spec.proxy.replicas is 0"},
		"a Secret's key is missing (D7)": {func(in *report.Input) {
			in.Seen.Sum.Missing = []stats.MissingKey{{Secret: "two", Key: "key", Backend: "two"}, {Secret: "callers"}}
		}, replace("ResolvedRefs=True/ResolvedRefs", "ResolvedRefs=False/SecretMissing", "Ready=True/Ready", "Ready=False/SecretMissing",
			"Reconciling=False/Reconciled", "Reconciling=True/Reconciling", "BackendsHealthy=True/BackendsHealthy", "BackendsHealthy=False/BackendsFailing"),
			`Secret "callers" is missing or empty; Secret "two" lacks the key "key" for backend "two"`},
		"Q7: a Service that does not exist": {func(in *report.Input) {
			in.Absent = []string{"api"}
			in.Route.Spec.Backends[1].Service = &v1alpha1.ServiceReference{Name: "api", Port: 80}
		}, replace("ResolvedRefs=True/ResolvedRefs", "ResolvedRefs=False/BackendNotFound", "Ready=True/Ready", "Ready=False/BackendNotFound",
			"Reconciling=False/Reconciled", "Reconciling=True/Reconciling"),
			`Service "api" of backend "two" does not exist in namespace "shop"`},
		"Q7: and Secrets that are missing": {func(in *report.Input) {
			in.Absent = []string{"api"}
			in.Route.Spec.Backends[1].Service = &v1alpha1.ServiceReference{Name: "api", Port: 80}
			in.Seen.Sum.Missing = []stats.MissingKey{{Secret: "two", Key: "key"}, {Secret: "callers"}}
		}, replace("ResolvedRefs=True/ResolvedRefs", "ResolvedRefs=False/BackendNotFound", "Ready=True/Ready", "Ready=False/BackendNotFound",
			"Reconciling=False/Reconciled", "Reconciling=True/Reconciling"),
			`Secret "callers" is missing or empty; Secret "two" lacks the key "key"; Service "api" of backend "two" does not exist in namespace "shop"`},
		"Q7: a Service that came while the operator was away": {func(in *report.Input) {
			in.Seen, in.Unasked = nil, true
			in.Route.Status.ObservedGeneration = 3
			in.Route.Status.Conditions = []metav1.Condition{
				{Type: "ResolvedRefs", Status: "False", Reason: "BackendNotFound", Message: `Service "api" of …`, LastTransitionTime: now},
			}
		}, "ResolvedRefs=Unknown/Pending Accepted=True/AcceptedUnauthenticated Programmed=False/Pending Ready=False/Pending " +
			"BackendsHealthy=Unknown/NoTraffic Reconciling=True/Reconciling Stalled=False/Reconciled", "No proxy has told yet"},
		"a dead backend": {func(in *report.Input) {
			in.Seen.Sum.Backends[1] = answers("two", stats.Answers{Failed: map[stats.Reason]uint64{"timeout": 9}, Faulty: 9})
		}, replace("BackendsHealthy=True/BackendsHealthy", "BackendsHealthy=False/BackendsFailing"), "two is Failing"},
		"no traffic": {func(in *report.Input) { in.Seen.Sum.Backends = nil },
			replace("BackendsHealthy=True/BackendsHealthy", "BackendsHealthy=Unknown/NoTraffic"), ""},
	} {
		status := report.Status(input(row.modify))
		var got []string
		messages := ""
		for _, c := range status.Conditions {
			got = append(got, c.Type+"="+string(c.Status)+"/"+c.Reason)
			messages += c.Message + "\n"
			if c.ObservedGeneration != 3 || c.LastTransitionTime != now || c.Message == "" {
				t.Errorf("%s: condition %+v", name, c)
			}
		}
		if strings.Join(got, " ") != row.want || !strings.Contains(messages, row.words) {
			t.Errorf("%s:\n got %s\nwant %s\nwith %q in\n%s", name, strings.Join(got, " "), row.want, row.words, messages)
		}
	}
}

// The same observation yields the same bytes, whenever it is made.
//
// Case D1 of the field.
func TestD1SecondPassChangesNothing(t *testing.T) {
	t.Parallel()
	in := input(func(in *report.Input) {
		in.Seen.Sum.Backends[1].LastFailure = &stats.Failure{Reason: "status", Status: 503, Time: now.Time}
	})
	first := report.Status(in)
	in.Route.Status = first
	in.Now = metav1.NewTime(now.Add(time.Hour))
	in.Seen.Sum.Backends[1].LastFailure = &stats.Failure{Reason: "status", Status: 503, Time: now.Add(time.Hour)}
	if a, b := encode(t, first), encode(t, report.Status(in)); a != b {
		t.Errorf("the second pass differs:\n%s\n%s", a, b)
	}
	in.Seen.Proxies[0].Document = "g"
	third := report.Status(in)
	if c := meta.FindStatusCondition(third.Conditions, "Ready"); c.LastTransitionTime != in.Now {
		t.Errorf("a condition that changed has the old time: %+v", c)
	}
	if c := meta.FindStatusCondition(third.Conditions, "Accepted"); c.LastTransitionTime != now {
		t.Errorf("a condition that did not change has a new time: %+v", c)
	}
}

func encode(t *testing.T, status v1alpha1.FanoutRouteStatus) string {
	t.Helper()
	b, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFigures(t *testing.T) {
	t.Parallel()
	status := report.Status(input(func(in *report.Input) {
		in.Seen.Sum.Windows.Set(rates.Window, stats.CallsWindow{Seconds: 10, Calls: stats.Calls{Complete: 80, Partial: 10, Failed: 10, ClientClosed: 5}})
		in.Seen.Sum.Backends[1].LastFailure = &stats.Failure{Reason: "status", Status: 503, Time: now.Time}
		in.Seen.Sum.Missing = []stats.MissingKey{{Secret: "s", Key: "k", Backend: "one"}}
	}))
	if status.URL != "http://orders-fanout.shop.svc:8080" || status.Selector != "a=b" || status.HealthyBackends != "1/2" {
		t.Errorf("status is %s", encode(t, status))
	}
	if tr := status.Traffic; tr == nil || tr.SuccessRate != "90%" || tr.RequestRate != "10/s" || tr.Window != "5m" {
		t.Errorf("traffic is %+v", tr)
	}
	one, two := status.Backends[0], status.Backends[1]
	if one.State != v1alpha1.BackendMissingCredential || two.SuccessRate != "90%" || two.RequestRate != "1/s" || two.LastFailure.Message != "status 503" {
		t.Errorf("backends are %+v %+v", one, two)
	}
	if report.Status(input(func(in *report.Input) { in.Seen = nil })).Traffic != nil {
		t.Error("there is traffic where nothing was seen")
	}
}

// Q8: nothing is healthy of which nothing is known.
func TestQ8NothingIsHealthyOfWhichNothingIsKnown(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		modify func(*report.Input)
		want   string
	}{
		"no proxy was heard": {func(in *report.Input) { in.Seen = nil }, ""},
		"no proxy answers": {func(in *report.Input) {
			in.Seen = &rates.Observation{Proxies: []rates.Proxy{{Name: "p1"}, {Name: "p2"}}}
		}, ""},
		"no traffic": {func(in *report.Input) { in.Seen.Sum.Backends = nil }, ""},
		"everything was refused by limits": {func(in *report.Input) {
			for i := range in.Seen.Sum.Backends {
				in.Seen.Sum.Backends[i] = answers(in.Seen.Sum.Backends[i].Name, stats.Answers{Rejected: map[stats.Reason]uint64{"rateLimited": 3}})
			}
		}, ""},
		"both have answered":     {func(*report.Input) {}, "2/2"},
		"one alone has answered": {func(in *report.Input) { in.Seen.Sum.Backends = in.Seen.Sum.Backends[:1] }, "1/2"},
		"one is never waited for": {func(in *report.Input) {
			in.Seen.Sum.Backends[1] = answers("two", stats.Answers{Canceled: 100, Late: 10})
		}, "1/2"},
		"one fails, of the other nothing is known": {func(in *report.Input) {
			in.Seen.Sum.Backends = []stats.BackendReport{answers("two", stats.Answers{Failed: map[stats.Reason]uint64{"timeout": 3}, Faulty: 3})}
		}, "0/2"},
		"a credential is missing before the first call": {func(in *report.Input) {
			in.Seen.Sum.Backends = nil
			in.Seen.Sum.Missing = []stats.MissingKey{{Secret: "two", Key: "key", Backend: "two"}}
		}, "0/2"},
		"a shadow alone has answered": {func(in *report.Input) {
			in.Route.Spec.Backends[0].Shadow = &v1alpha1.Shadow{}
			in.Seen.Sum.Backends = in.Seen.Sum.Backends[:1]
		}, ""},
	} {
		if got := report.Status(input(row.modify)).HealthyBackends; got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

// A failure is news when its reason or the backend's state changes, and stays when
// the proxy that told of it is gone.
func TestLastFailure(t *testing.T) {
	t.Parallel()
	in := input()
	in.Seen.Sum.Backends[1].LastFailure = &stats.Failure{Reason: "status", Status: 503, Time: now.Time}
	in.Route.Status = report.Status(in)
	later := now.Add(time.Minute)
	for name, row := range map[string]struct {
		failure *stats.Failure
		want    time.Time
	}{
		"the same again": {&stats.Failure{Reason: "status", Status: 503, Time: later}, now.Time},
		"another status": {&stats.Failure{Reason: "status", Status: 500, Time: later}, later},
		"another reason": {&stats.Failure{Reason: "timeout", Time: later}, later},
		"forgotten":      {nil, now.Time},
	} {
		in.Seen.Sum.Backends[1].LastFailure = row.failure
		if got := report.Status(in).Backends[1].LastFailure; got == nil || !got.Time.Time.Equal(row.want) {
			t.Errorf("%s: %+v, want that of %v", name, got, row.want)
		}
	}
}
