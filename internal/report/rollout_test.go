package report_test

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/report"
	"github.com/fanout-operator/fanout/internal/stats"
)

func progressing(status corev1.ConditionStatus, reason, message string) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) {
		d.Status.Conditions = append([]appsv1.DeploymentCondition{{Type: appsv1.DeploymentProgressing, Status: status, Reason: reason, Message: message}},
			d.Status.Conditions[1:]...)
	}
}

func failed(message string) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) {
		d.Status.Conditions = append(d.Status.Conditions,
			appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: message})
	}
}

// counts are all, updated and available Pods.
func counts(all, updated, available int32) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) {
		d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas = all, updated, available, available
	}
}

// noPods is a route of which no proxy is there.
func noPods(in *report.Input) { in.Pods, in.Seen = nil, nil }

func of(status v1alpha1.FanoutRouteStatus, kind string) metav1.Condition {
	return *meta.FindStatusCondition(status.Conditions, kind)
}

func brief(status v1alpha1.FanoutRouteStatus, kinds ...string) string {
	var out []string
	for _, kind := range kinds {
		c := of(status, kind)
		out = append(out, kind+"="+string(c.Status)+"/"+c.Reason)
	}
	return strings.Join(out, " ")
}

// kstatus is what cli-utils makes of a status: test/e2e asks the real one.
func kstatus(status v1alpha1.FanoutRouteStatus, generation int64) string {
	if status.ObservedGeneration != 0 && status.ObservedGeneration != generation {
		return "InProgress"
	}
	for _, c := range status.Conditions {
		switch {
		case c.Type == "Reconciling" && c.Status == metav1.ConditionTrue:
			return "InProgress"
		case c.Type == "Stalled" && c.Status == metav1.ConditionTrue:
			return "Failed"
		}
	}
	if c := meta.FindStatusCondition(status.Conditions, "Ready"); c != nil && c.Status != metav1.ConditionTrue {
		return "InProgress"
	}
	return "Current"
}

const quota = `pods "orders-fanout-5f6d8-%s" is forbidden: exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0`

// Q4: Pods that are refused by quota, policy or webhook are what the route is not
// programmed for, in the Deployment's words; a rollout that was given up alone is Stalled.
func TestQ4RefusedPodsAreTheReason(t *testing.T) {
	t.Parallel()
	refused := failed(strings.Replace(quota, "%s", "x7k2p", 1))
	late := progressing(corev1.ConditionFalse, "ProgressDeadlineExceeded", `ReplicaSet "orders-fanout-5f6d8" has timed out progressing.`)
	for name, row := range map[string]struct {
		modify func(*report.Input)
		want   string
		words  []string
		is     string
	}{
		"by a quota": {func(in *report.Input) {
			noPods(in)
			in.Deployment = deployment(counts(0, 0, 0), progressing("True", "ReplicaSetUpdated", ""), refused)
		},
			"Programmed=False/ReplicaFailure Ready=False/ReplicaFailure Reconciling=True/Reconciling Stalled=False/Reconciled",
			[]string{"No proxy is ready; Pods are refused: ", "exceeded quota: none"}, "InProgress"},
		"and given up": {func(in *report.Input) { noPods(in); in.Deployment = deployment(counts(0, 0, 0), late, refused) },
			"Programmed=False/ProgressDeadlineExceeded Ready=False/ProgressDeadlineExceeded Reconciling=False/Reconciled Stalled=True/ProgressDeadlineExceeded",
			[]string{"exceeded quota: none", "has timed out progressing"}, "Failed"},
		"while older ones serve": {func(in *report.Input) { in.Deployment = deployment(counts(2, 0, 2), late, refused) },
			"Programmed=True/Programmed Ready=True/Ready Reconciling=False/Reconciled Stalled=True/ProgressDeadlineExceeded",
			[]string{"Every ready proxy serves the spec; Pods are refused: ", "has timed out progressing"}, "Failed"},
		"of a template before": {func(in *report.Input) {
			in.Deployment = deployment(late, func(d *appsv1.Deployment) { d.Generation++ })
		}, "Programmed=True/Programmed Ready=True/Ready Reconciling=True/Reconciling Stalled=False/Reconciled", nil, "InProgress"},
		"as it was read before the last write": {func(in *report.Input) { in.Deployment, in.Stale = deployment(late), true },
			"Programmed=True/Programmed Ready=True/Ready Reconciling=True/Reconciling Stalled=False/Reconciled", nil, "InProgress"},
		"with a message without end": {func(in *report.Input) {
			noPods(in)
			in.Deployment = deployment(counts(0, 0, 0), progressing("True", "", ""), failed(strings.Repeat("denied ", 9000)))
		}, "Programmed=False/ReplicaFailure Ready=False/ReplicaFailure Reconciling=True/Reconciling Stalled=False/Reconciled", nil, "InProgress"},
	} {
		status := report.Status(input(row.modify))
		if got := brief(status, "Programmed", "Ready", "Reconciling", "Stalled"); got != row.want || kstatus(status, 3) != row.is {
			t.Errorf("%s: %s, %s for kstatus, want %s, %s", name, got, kstatus(status, 3), row.want, row.is)
		}
		message := of(status, "Programmed").Message
		for _, words := range row.words {
			if !strings.Contains(message, words) {
				t.Errorf("%s: message is %q, want %q in it", name, message, words)
			}
		}
		if len(message) > 600*3 {
			t.Errorf("%s: the message has %d bytes", name, len(message))
		}
	}
	again := report.Status(input(func(in *report.Input) {
		noPods(in)
		in.Deployment = deployment(counts(0, 0, 0), progressing("True", "ReplicaSetUpdated", ""), failed(strings.Replace(quota, "%s", "b9q4m", 1)))
	}))
	first := report.Status(input(func(in *report.Input) {
		noPods(in)
		in.Deployment = deployment(counts(0, 0, 0), progressing("True", "ReplicaSetUpdated", ""), refused)
	}))
	if a, b := encode(t, first), encode(t, again); a != b {
		t.Errorf("the next attempt is told anew:\n%s\n%s", a, b)
	}
}

func unschedulable(reason, message string) corev1.Pod {
	p := pod("p9", corev1.ConditionFalse)
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: reason, Message: message})
	return p
}

func waiting(reason, message string) corev1.Pod {
	p := pod("p9", corev1.ConditionFalse)
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "proxy", Image: "ghcr.io/fanout:no",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}}
	return p
}

func ending(state corev1.ContainerState) corev1.Pod {
	p := pod("p9", corev1.ConditionFalse)
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "proxy", RestartCount: 3, State: state,
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 2}}}}
	return p
}

// R2: a route is in progress until the Pods of this generation have all been there once,
// whether older ones serve it or not, and says what keeps them.
func TestR2ReconcilingUntilTheRolloutIsComplete(t *testing.T) {
	t.Parallel()
	stuck := deployment(counts(3, 1, 2), progressing("True", "ReplicaSetUpdated", ""))
	settled := func(in *report.Input) { in.Route.Status = report.Status(input()) }
	for name, row := range map[string]struct {
		modify func(*report.Input)
		words  string
		is     string
	}{
		"all available, and said so": {func(*report.Input) {}, "", "Current"},
		"no Deployment yet":          {func(in *report.Input) { in.Deployment = nil }, "", "InProgress"},
		"unseen by its controller":   {func(in *report.Input) { in.Deployment = deployment(func(d *appsv1.Deployment) { d.Generation++ }) }, "", "InProgress"},
		"an unsatisfiable nodeSelector": {func(in *report.Input) {
			in.Deployment = stuck
			in.Pods = append(in.Pods, facts(unschedulable("Unschedulable", "0/1 nodes are available")))
		}, "Unschedulable: 0/1 nodes are available", "InProgress"},
		"a scheduling gate": {func(in *report.Input) {
			in.Deployment = stuck
			in.Pods = append(in.Pods, facts(unschedulable("SchedulingGated", "gated")))
		}, "SchedulingGated: gated", "InProgress"},
		"an image that is not there": {func(in *report.Input) {
			in.Deployment = stuck
			in.Pods = append(in.Pods, facts(waiting("ErrImagePull", "rpc error")))
		}, `container proxy: ImagePullBackOff: image "ghcr.io/fanout:no"`, "InProgress"},
		"and the kubelet waits": {func(in *report.Input) {
			in.Deployment = stuck
			in.Pods = append(in.Pods, facts(waiting("ImagePullBackOff", "Back-off")))
		}, `container proxy: ImagePullBackOff: image "ghcr.io/fanout:no"`, "InProgress"},
		"a container that cannot be made": {func(in *report.Input) {
			in.Deployment = stuck
			in.Pods = append(in.Pods, facts(waiting("CreateContainerConfigError", `secret "x" not found`)))
		}, `CreateContainerConfigError: secret "x" not found`, "InProgress"},
		"a process that ends": {func(in *report.Input) {
			in.Deployment = stuck
			in.Pods = append(in.Pods, facts(ending(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})))
		},
			"container proxy: CrashLoopBackOff: Error, exit code 2", "InProgress"},
		"and waits to be started": {func(in *report.Input) {
			in.Deployment = stuck
			in.Pods = append(in.Pods, facts(ending(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 40s"}})))
		}, "container proxy: CrashLoopBackOff: Error, exit code 2", "InProgress"},
		"containers that are made": {func(in *report.Input) {
			in.Deployment = stuck
			in.Pods = append(in.Pods, facts(waiting("ContainerCreating", "")))
		}, "", "InProgress"},
		"paused with Pods of before": {func(in *report.Input) {
			in.Deployment = deployment(counts(2, 0, 2), progressing("Unknown", "DeploymentPaused", ""), func(d *appsv1.Deployment) { d.Spec.Paused = true })
		}, "the Deployment is paused: kubectl rollout resume -n shop deployment/orders-fanout", "InProgress"},
		"paused when all was done": {func(in *report.Input) {
			in.Deployment = deployment(progressing("Unknown", "DeploymentPaused", ""), func(d *appsv1.Deployment) { d.Spec.Paused = true })
		}, "is paused", "Current"},
		"all available, and not said yet": {func(in *report.Input) { in.Deployment = deployment(progressing("True", "ReplicaSetUpdated", "")) }, "", "Current"},
		"one lost later":                  {func(in *report.Input) { in.Deployment = deployment(counts(2, 2, 1)) }, "", "Current"},
		"scaled up later": {func(in *report.Input) {
			in.Deployment = deployment(counts(5, 5, 2), func(d *appsv1.Deployment) { d.Spec.Replicas = new(int32(5)) })
		}, "", "Current"},
		"scaled up later, unseen by its controller": {func(in *report.Input) {
			settled(in)
			in.Deployment = deployment(func(d *appsv1.Deployment) { d.Generation++; d.Spec.Replicas = new(int32(5)) })
		}, "", "Current"},
		"a new template, unseen by its controller": {func(in *report.Input) {
			settled(in)
			in.Deployment, in.Stale = deployment(func(d *appsv1.Deployment) { d.Generation++ }), true
		}, "", "InProgress"},
		"one lost while it is paused": {func(in *report.Input) {
			settled(in)
			in.Deployment = deployment(counts(2, 2, 1), progressing("Unknown", "DeploymentPaused", ""), func(d *appsv1.Deployment) { d.Spec.Paused = true })
		}, "", "Current"},
		"a new image later, same generation":  {func(in *report.Input) { settled(in); in.Deployment = stuck }, "", "InProgress"},
		"rolled back to Pods that were there": {func(in *report.Input) { in.Deployment = deployment(counts(3, 2, 2)) }, "", "InProgress"},
		"sidecars":                            {func(in *report.Input) { in.Route.Spec.Proxy.Mode, in.Deployment = v1alpha1.ModeSidecar, nil }, "", "Current"},
	} {
		status := report.Status(input(row.modify))
		if got := kstatus(status, 3); got != row.is {
			t.Errorf("%s: %s for kstatus, want %s: %s", name, got, row.is, brief(status, "Programmed", "Ready", "Reconciling", "Stalled"))
		}
		if got := brief(status, "Programmed", "Ready"); got != "Programmed=True/Programmed Ready=True/Ready" {
			t.Errorf("%s: %s, though ready proxies serve the spec", name, got)
		}
		for _, kind := range []string{"Programmed", "Reconciling"} {
			if c := of(status, kind); !strings.Contains(c.Message, row.words) && (kind == "Programmed" || row.is == "InProgress") {
				t.Errorf("%s: message of %s is %q, want %q in it", name, kind, c.Message, row.words)
			}
		}
	}
	lost := input(settled, noPods, func(in *report.Input) { in.Deployment = deployment(counts(2, 2, 0)) })
	if got := brief(report.Status(lost), "Ready", "Reconciling"); got != "Ready=False/Pending Reconciling=False/Reconciled" {
		t.Errorf("proxies that are lost later: %s", got)
	}
}

// R3: Ready takes the reason that hurts, and 0 replicas are what the spec asks for.
func TestR3ReadyTakesTheReasonThatHurts(t *testing.T) {
	t.Parallel()
	missing := func(in *report.Input) { in.Seen.Sum.Missing = []stats.MissingKey{{Secret: "callers"}} }
	for name, row := range map[string]struct {
		modify []func(*report.Input)
		want   string
		words  string
	}{
		"no proxy, so nobody tells of Secrets": {[]func(*report.Input){noPods}, "Ready=False/Pending", "No proxy is ready"},
		"Pods are refused": {[]func(*report.Input){noPods, func(in *report.Input) { in.Deployment = deployment(failed("quota")) }},
			"Ready=False/ReplicaFailure", "Pods are refused: quota"},
		"a child is refused":  {[]func(*report.Input){noPods, func(in *report.Input) { in.Refused = "too many" }}, "Ready=False/Refused", "too many"},
		"a Secret is missing": {[]func(*report.Input){missing}, "Ready=False/SecretMissing", "callers"},
		"a Secret is missing, so no proxy is ready": {[]func(*report.Input){missing, func(in *report.Input) { in.Pods = nil }},
			"Ready=False/SecretMissing", "callers"},
		"a Secret is missing and Pods are refused": {[]func(*report.Input){missing, func(in *report.Input) { in.Pods, in.Deployment = nil, deployment(failed("quota")) }},
			"Ready=False/ReplicaFailure", "quota"},
		"nobody answers": {[]func(*report.Input){func(in *report.Input) { in.Seen.Proxies = []rates.Proxy{{Name: "p1"}, {Name: "p2"}} }},
			"Ready=Unknown/ProxiesUnreachable", "Proxies do not answer the operator: p1, p2"},
		"none asked for": {[]func(*report.Input){noPods, func(in *report.Input) { in.Route.Spec.Proxy.Replicas = new(int32(0)) }},
			"Ready=True/NoProxies", "spec.proxy.replicas is 0"},
	} {
		status := report.Status(input(row.modify...))
		if got := brief(status, "Ready"); got != row.want || !strings.Contains(of(status, "Ready").Message, row.words) {
			t.Errorf("%s: %s %q, want %s %q", name, got, of(status, "Ready").Message, row.want, row.words)
		}
	}
	zero := report.Status(input(noPods, func(in *report.Input) { in.Route.Spec.Proxy.Replicas = new(int32(0)) }))
	if got := brief(zero, "Programmed", "Reconciling", "Stalled"); got != "Programmed=False/NoProxies Reconciling=False/Reconciled Stalled=False/Reconciled" ||
		kstatus(zero, 3) != "Current" || zero.ObservedGeneration != 3 {
		t.Errorf("0 replicas: %s, generation %d, %s for kstatus", got, zero.ObservedGeneration, kstatus(zero, 3))
	}
}

// R8: for 10 s after an edit Programmed and Ready speak of the generation that is served;
// the status' generation moves when the new one is served, refused or given up.
func TestR8TheServedGenerationIsKept(t *testing.T) {
	t.Parallel()
	edited := func(in *report.Input) {
		in.Route.Status = report.Status(input())
		in.Route.Generation, in.Document, in.Fresh, in.Now = 4, "h2", true, metav1.NewTime(now.Add(time.Minute))
	}
	for name, row := range map[string]struct {
		modify      func(*report.Input)
		want        string
		programmed  int64
		reconciling int64
		observed    int64
		is          string
	}{
		"not served yet":     {func(*report.Input) {}, "Programmed=True/Programmed Ready=True/Ready Reconciling=True/Reconciling", 3, 4, 3, "InProgress"},
		"after 10 s":         {func(in *report.Input) { in.Fresh = false }, "Programmed=False/Pending Ready=False/Pending Reconciling=True/Reconciling", 4, 4, 3, "InProgress"},
		"served by some":     {func(in *report.Input) { in.Seen.Proxies[0].Document = "h2" }, "Programmed=True/Programmed Ready=True/Ready Reconciling=True/Reconciling", 3, 4, 3, "InProgress"},
		"served":             {func(in *report.Input) { in.Document = "h" }, "Programmed=True/Programmed Ready=True/Ready Reconciling=False/Reconciled", 4, 4, 4, "Current"},
		"nobody serves":      {func(in *report.Input) { in.Pods, in.Seen.Proxies = nil, nil }, "Programmed=False/Pending Ready=False/Pending Reconciling=True/Reconciling", 4, 4, 3, "InProgress"},
		"nobody answers":     {func(in *report.Input) { in.Seen.Proxies[0].Reached = false }, "Programmed=Unknown/ProxiesUnreachable Ready=Unknown/ProxiesUnreachable Reconciling=True/Reconciling", 4, 4, 3, "InProgress"},
		"a new operator":     {func(in *report.Input) { in.Seen, in.Unasked = nil, true }, "Programmed=True/Programmed Ready=True/Ready Reconciling=True/Reconciling", 3, 4, 3, "InProgress"},
		"a child is refused": {func(in *report.Input) { in.Refused = "no" }, "Programmed=False/Refused Ready=False/Refused Reconciling=True/Reconciling", 4, 4, 3, "InProgress"},
		"scaled to nothing":  {func(in *report.Input) { in.Route.Spec.Proxy.Replicas = new(int32(0)) }, "Programmed=False/NoProxies Ready=True/NoProxies Reconciling=False/Reconciled", 4, 4, 4, "Current"},
		"a name in the way":  {func(in *report.Input) { in.Conflict = "Service x" }, "Programmed=False/Pending Ready=False/NameConflict Reconciling=False/Reconciled", 4, 4, 4, "Failed"},
		"served, not all there": {func(in *report.Input) {
			in.Document, in.Deployment = "h", deployment(counts(3, 1, 2), progressing("True", "", ""))
		},
			"Programmed=True/Programmed Ready=True/Ready Reconciling=True/Reconciling", 4, 4, 4, "InProgress"},
		"given up": {func(in *report.Input) {
			in.Deployment = deployment(counts(3, 1, 2), progressing("False", "ProgressDeadlineExceeded", "late"))
		},
			"Programmed=False/ProgressDeadlineExceeded Ready=False/ProgressDeadlineExceeded Reconciling=False/Reconciled", 4, 4, 4, "Failed"},
	} {
		status := report.Status(input(edited, row.modify))
		if got := brief(status, "Programmed", "Ready", "Reconciling"); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
		if p, r, a := of(status, "Programmed").ObservedGeneration, of(status, "Ready").ObservedGeneration, of(status, "Accepted").ObservedGeneration; p != row.programmed || r != row.programmed || a != 4 {
			t.Errorf("%s: Programmed, Ready and Accepted speak of generations %d, %d and %d, want twice %d and 4", name, p, r, a, row.programmed)
		}
		if got := of(status, "Reconciling").ObservedGeneration; got != row.reconciling || status.ObservedGeneration != row.observed {
			t.Errorf("%s: Reconciling speaks of generation %d, the status of %d, want %d and %d", name, got, status.ObservedGeneration, row.reconciling, row.observed)
		}
		if got := kstatus(status, 4); got != row.is {
			t.Errorf("%s: %s for kstatus, want %s", name, got, row.is)
		}
	}
	if got := report.Status(input(noPods)).ObservedGeneration; got != 0 {
		t.Errorf("a route that was never served has observedGeneration %d", got)
	}
}

// R9: the reason is that of the first remark, the message lists all.
func TestR9AcceptedListsAllRemarks(t *testing.T) {
	t.Parallel()
	c := of(report.Status(input(func(in *report.Input) {
		in.Remarks = []report.Remark{{Reason: "MemoryLimitTooSmall", Message: "limits are small"}, {Reason: "AcceptedUnauthenticated", Message: "anyone may call"}}
	})), "Accepted")
	if c.Status != metav1.ConditionTrue || c.Reason != "MemoryLimitTooSmall" || c.Message != "The spec is valid; limits are small; anyone may call" {
		t.Errorf("Accepted is %+v", c)
	}
}
