package compile_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
)

// bounded is a route as the schema completes it, with a memory limit.
func bounded(limit string, modify ...func(*v1alpha1.FanoutRoute)) *v1alpha1.FanoutRoute {
	return route(append([]func(*v1alpha1.FanoutRoute){func(r *v1alpha1.FanoutRoute) {
		r.Spec.Dispatch.MaxInFlight = 1024
		if limit != "" {
			r.Spec.Proxy.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(limit)}
		}
	}}, modify...)...)
}

func backends(n int) func(*v1alpha1.FanoutRoute) {
	return func(r *v1alpha1.FanoutRoute) {
		for i := 1; i < n; i++ {
			b := r.Spec.Backends[0]
			b.Name = v1alpha1.BackendName("b" + strconv.Itoa(i))
			r.Spec.Backends = append(r.Spec.Backends, b)
		}
	}
}

func remarks(t *testing.T, r *v1alpha1.FanoutRoute) (reasons []string, text string) {
	t.Helper()
	compiled, expressions, errs := compile.Unchecked(r, compile.Options{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for _, remark := range compile.Remarks(r, compiled, expressions) {
		reasons = append(reasons, remark.Reason)
		text += remark.Message + "\n"
	}
	return reasons, text
}

// R9: a limit that cannot hold the route's own bounds is remarked, with what would.
func TestR9LimitsThatCannotHoldTheRoute(t *testing.T) {
	t.Parallel()
	body := func(n string) func(*v1alpha1.FanoutRoute) {
		return func(r *v1alpha1.FanoutRoute) { r.Spec.Validation.MaxBodySize = new(resource.MustParse(n)) }
	}
	answers := func(n string) func(*v1alpha1.FanoutRoute) {
		return func(r *v1alpha1.FanoutRoute) {
			for i := range r.Spec.Backends {
				r.Spec.Backends[i].MaxResponseSize = new(resource.MustParse(n))
			}
		}
	}
	inFlight := func(n int32) func(*v1alpha1.FanoutRoute) {
		return func(r *v1alpha1.FanoutRoute) { r.Spec.Dispatch.MaxInFlight = n }
	}
	passed := func(r *v1alpha1.FanoutRoute) { r.Spec.Response.Type = v1alpha1.ResponseFirst }
	closed := func(r *v1alpha1.FanoutRoute) {
		r.Spec.Authentication = &v1alpha1.CallerAuthentication{APIKeys: &v1alpha1.CallerAPIKeys{SecretName: "callers"}}
	}
	const small, open = "MemoryLimitTooSmall", "AcceptedUnauthenticated"
	for name, row := range map[string]struct {
		route *v1alpha1.FanoutRoute
		want  []string
		words string
	}{
		"the default":                     {bounded("256Mi"), []string{open}, ""},
		"the default, with callers' keys": {bounded("256Mi", closed), nil, ""},
		"the default with 20 backends":    {bounded("256Mi", backends(20)), []string{open}, ""},
		"32 backends, 1024 calls":         {bounded("256Mi", backends(32)), []string{small, open}, "maxInFlight (1024) calls to 32 backends"},
		"32 backends, 256 calls":          {bounded("256Mi", backends(32), inFlight(256)), []string{open}, ""},
		"without a limit":                 {bounded("", backends(32), body("64Mi"), answers("64Mi")), []string{open}, ""},
		"a limit below the process":       {bounded("16Mi"), []string{small, open}, "is killed"},
		"large answers":                   {bounded("256Mi", answers("50Mi")), []string{small, open}, "takes 101Mi and is refused; set the limit to 27"},
		"large answers that pass through": {bounded("256Mi", answers("64Mi"), passed), []string{open}, ""},
		"large requests":                  {bounded("128Mi", body("64Mi")), []string{small, open}, "which leaves 48Mi for bodies"},
		"large requests, with keys":       {bounded("128Mi", body("64Mi"), closed), []string{small}, "validation.maxBodySize"},
		"both":                            {bounded("32Mi", body("64Mi"), inFlight(65536)), []string{small, small, open}, "is refused"},
	} {
		got, text := remarks(t, row.route)
		if !slices.Equal(got, row.want) || !strings.Contains(text, row.words) {
			t.Errorf("%s: %v\n%s\nwant %v with %q", name, got, text, row.want, row.words)
		}
		for line := range strings.SplitSeq(text, "\n") {
			_, after, found := strings.Cut(line, "set the limit to ")
			if !found {
				continue
			}
			enough, _, _ := strings.Cut(after, "Mi ")
			least, err := strconv.Atoi(enough)
			if err != nil {
				t.Fatalf("%s: %q names no limit", name, line)
			}
			verdict := "is refused"
			if strings.Contains(line, "is killed") {
				verdict = "is killed"
			}
			for i, limit := range []int{least - 1, least} {
				r := row.route.DeepCopy()
				r.Spec.Proxy.Resources.Limits[corev1.ResourceMemory] = resource.MustParse(strconv.Itoa(limit) + "Mi")
				if _, text := remarks(t, r); strings.Contains(text, verdict) != (i == 0) {
					t.Errorf("%s: with %d MiB, of which %d are said to be enough, it says %s", name, limit, least, text)
				}
			}
		}
	}
}
