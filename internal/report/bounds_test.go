package report_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/config/crd"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/report"
	"github.com/fanout-operator/fanout/internal/stats"
)

// statusSchema is the CRD's of the status.
func statusSchema(t *testing.T) validation.SchemaValidator {
	t.Helper()
	definition := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal(crd.FanoutRoutes(), definition); err != nil {
		t.Fatal(err)
	}
	status := definition.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"]
	props := &apiextensions.JSONSchemaProps{}
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&status, props, nil); err != nil {
		t.Fatal(err)
	}
	v, _, err := validation.NewSchemaValidator(props)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// luck draws what is longer than it should be, of characters that grow when they are
// quoted.
type luck struct{ *rand.Rand }

func (l luck) text(longest int) string {
	alphabet := []rune("aZ \"\\\n\x01\u2028äΩ漢\U0001f600")
	out := strings.Builder{}
	for range l.length(longest) {
		out.WriteRune(alphabet[l.IntN(len(alphabet))])
	}
	return out.String()
}

// length is often the greatest, or just about.
func (l luck) length(most int) int {
	switch l.IntN(3) {
	case 0:
		return most
	case 1:
		return max(most-l.IntN(4), 0)
	}
	return l.IntN(most + 1)
}

func (l luck) number() uint64 {
	return [...]uint64{0, 1, 1 << 32, 1<<63 + 1, math.MaxUint64, l.Uint64()}[l.IntN(6)]
}

func (l luck) seconds() float64 {
	return [...]float64{0, -1, 1e-300, 1e300, 1, l.Float64()}[l.IntN(6)]
}

func (l luck) histogram() stats.Histogram {
	return stats.Histogram{Counts: stats.Counts{{Bucket: -5, N: 1}, {Bucket: int(l.Uint32()), N: l.number()}, {Bucket: 1 << 40, N: l.number()}}}
}

// time is that of a failure as it is taken of a Pod, which may say any that can be written.
func (l luck) time() time.Time {
	said := [...]string{"9999-12-31T23:59:59-10:00", "9999-12-31T23:59:59.999999999-23:59", "0000-01-01T00:00:00+23:59", "2026-11-25T14:23:48Z"}[l.IntN(4)]
	age := ""
	if l.IntN(2) == 0 {
		age = fmt.Sprintf(`,"ageSeconds":%g`, l.seconds())
	}
	bounds := stats.Bounds{{Namespace: "shop", Name: "orders"}}
	text := `{"routes":[{"namespace":"shop","name":"orders","backends":[{"name":"b","lastFailure":{"reason":"timeout","time":"` + said + `"` + age + `}}]}]}`
	report, err := bounds.Decode([]byte(text), now.Time)
	if err != nil {
		panic(err)
	}
	return report.Routes[0].Backends[0].LastFailure.Time
}

// input is the largest that a spec and proxies can make, or a little less: backends, Pods
// and faults by the hundred, and reports that hold anything.
func (l luck) input() report.Input {
	in := input()
	in.Route.Spec.Backends = nil
	for i := range l.length(31) + 1 {
		name := v1alpha1.BackendName(strings.Repeat("b", 60) + fmt.Sprint(100+i))
		in.Route.Spec.Backends = append(in.Route.Spec.Backends, v1alpha1.Backend{Name: name})
		b := stats.BackendReport{Name: string(name), Circuit: stats.Circuit(l.text(9))}
		for _, w := range []string{stats.Window1m, stats.Window5m} {
			b.Windows.Set(w, stats.AnswersWindow{Seconds: l.seconds(), Duration: l.histogram(), Answers: stats.Answers{
				Succeeded: l.number(), Failed: map[stats.Reason]uint64{stats.Reason(l.text(50)): l.number()}, Faulty: l.number(), Canceled: l.number(), Late: l.number()}})
		}
		b.LastFailure = &stats.Failure{Reason: stats.Reason(l.text(5000)), Status: int(l.Uint64()), Time: l.time()}
		in.Seen.Sum.Backends = append(in.Seen.Sum.Backends, b)
	}
	in.Seen.Sum.Windows.Set(rates.Window, stats.CallsWindow{Seconds: l.seconds(), Duration: l.histogram(), Calls: stats.Calls{Complete: l.number(), Failed: l.number()}})
	for range l.length(80) {
		in.Seen.Sum.Missing = append(in.Seen.Sum.Missing, stats.MissingKey{Secret: l.text(300), Key: l.text(300), Message: l.text(l.IntN(2) * 3000), Backend: l.text(60)})
	}
	in.Pods, in.Seen.Proxies = nil, nil
	for i := range l.length(80) {
		name := strings.Repeat("p", 250) + fmt.Sprint(i)
		in.Pods = append(in.Pods, facts(pod(name, corev1.ConditionTrue)))
		in.Seen.Proxies = append(in.Seen.Proxies, rates.Proxy{Name: name, Reached: l.IntN(9) == 0, Refused: l.text(9000)})
	}
	in.Deployment = deployment(failed(l.text(40_000)), progressing("False", "ProgressDeadlineExceeded", l.text(40_000)))
	for range l.length(80) {
		p := pod(strings.Repeat("q", 250), corev1.ConditionFalse)
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: l.text(60), Image: l.text(3000), State: corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: [...]string{l.text(3000), "ImagePullBackOff", "InvalidImageName"}[l.IntN(3)], Message: l.text(3000)}}}}
		in.Pods = append(in.Pods, facts(p))
	}
	for range l.IntN(3) {
		in.Remarks = append(in.Remarks, report.Remark{Reason: "MemoryLimitTooSmall", Message: l.text(3000)})
	}
	if l.IntN(2) == 0 {
		for i := range l.length(60) + 1 {
			path := field.NewPath("spec", "backends").Index(i%32).Child("request", "query", "set").Index(i).Child("expression")
			in.Errors = append(in.Errors, field.Invalid(path, l.text(4096), l.text(4096)))
		}
	}
	if l.IntN(3) == 0 {
		in.Refused = l.text(40_000)
	}
	if l.IntN(3) == 0 {
		in.Route.Spec.Proxy.Mode = v1alpha1.ModeSidecar
	}
	return in
}

// L3: whatever a spec and its proxies say, the status fits into the CRD, with messages of
// 4 KiB at most, and is the same each time.
func TestL3EveryStatusFits(t *testing.T) {
	t.Parallel()
	schema := statusSchema(t)
	for seed := range uint64(30) {
		in := luck{rand.New(rand.NewPCG(seed, 3))}.input()
		status := report.Status(in)
		for _, c := range status.Conditions {
			if len(c.Message) > 4096 || c.Message == "" || !utf8.ValidString(c.Message) {
				t.Errorf("seed %d: %s has a message of %d bytes: %.200q", seed, c.Type, len(c.Message), c.Message)
			}
			if note := report.Cut(c.Message, report.MaxNote); len(note) > 1024 || !utf8.ValidString(note) {
				t.Errorf("seed %d: an event of %d bytes", seed, len(note))
			}
		}
		encoded, err := json.Marshal(status)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		var object any
		if err := json.Unmarshal(encoded, &object); err != nil {
			t.Fatal(err)
		}
		for _, err := range validation.ValidateCustomResource(field.NewPath("status"), object, schema) {
			t.Errorf("seed %d: %.300s", seed, err)
		}
		again, err := json.Marshal(report.Status(in))
		if err != nil || string(again) != string(encoded) {
			t.Errorf("seed %d: another status of the same", seed)
		}
		if t.Failed() {
			return
		}
	}
}

// L3: what is cut are the values and the last faults, not the places of the first.
func TestL3FirstFaultsAreShown(t *testing.T) {
	t.Parallel()
	in := input(func(in *report.Input) {
		for i := range 40 {
			in.Errors = append(in.Errors, field.Invalid(field.NewPath("spec", "backends").Index(i+10), strings.Repeat("x", 4000), "line 1, column 5: is wrong"))
		}
	})
	message := ""
	for _, c := range report.Status(in).Conditions {
		if c.Type == v1alpha1.ConditionAccepted {
			message = c.Message
		}
	}
	faults := strings.Split(message, "; ")
	if n := len(faults); n < 20 || faults[n-1] != fmt.Sprintf("and %d more", 40-n+1) {
		t.Fatalf("%d faults, the last %q", len(faults), faults[len(faults)-1])
	}
	for i, f := range faults[:len(faults)-1] {
		want := fmt.Sprintf(`spec.backends[%d]: Invalid value: "%s…": line 1, column 5: is wrong`, i+10, strings.Repeat("x", 77))
		if f != want {
			t.Errorf("fault %d is %q, want %q", i, f, want)
		}
	}
	if len(message) > 4096 {
		t.Errorf("the message has %d bytes", len(message))
	}
}
