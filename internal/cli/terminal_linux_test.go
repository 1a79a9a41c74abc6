package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// onTerminal runs fanoutctl as somebody who looks at it would, and returns what the screen gets.
// It goes on until the context ends, or by itself.
func onTerminal(ctx context.Context, t *testing.T, args ...string) string {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	number := 0
	if raw, err := screen.SyscallConn(); err != nil {
		t.Fatal(err)
	} else if err := raw.Control(func(fd uintptr) {
		if err := unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err != nil {
			t.Error(err)
		}
		if number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen, reader := &strings.Builder{}, sync.WaitGroup{}
	reader.Go(func() {
		for buffer := make([]byte, 4096); ; {
			n, err := screen.Read(buffer) // EIO once nobody has the terminal any more
			seen.Write(buffer[:n])
			if err != nil {
				return
			}
		}
	})
	root := New(strings.NewReader(""), terminal, terminal)
	root.SetArgs(args)
	_ = root.ExecuteContext(ctx) // how it ends is the business of other tests
	_ = terminal.Close()
	reader.Wait()
	return strings.ReplaceAll(seen.String(), "\r\n", "\n")
}

var sequence = regexp.MustCompile(`\x1b\[\d+m`)

// Colour is for those who look at it and want it; without it the same stands at the same place.
func TestColourIsForTerminals(t *testing.T) {
	well, ill := routeOf("well", "one"), routeOf("ill", "one", "two")
	c := objects(t, "paint", well, ill)
	well.Status = v1alpha1.FanoutRouteStatus{Conditions: []metav1.Condition{condition(v1alpha1.ConditionReady, "True", v1alpha1.ReasonReady, "It is")}}
	ill.Status = v1alpha1.FanoutRouteStatus{Conditions: []metav1.Condition{
		condition(v1alpha1.ConditionReady, "False", v1alpha1.ReasonSecretMissing, "It lacks one"),
		condition(v1alpha1.ConditionBackendsHealthy, "Unknown", v1alpha1.ReasonNoTraffic, "No backend was asked"),
		condition(v1alpha1.ConditionReconciling, "True", v1alpha1.ReasonReconciling, "It is on the way"),
	}, Backends: []v1alpha1.BackendStatus{{Name: "one", State: v1alpha1.BackendHealthy}, {Name: "two", State: v1alpha1.BackendSlow}}}
	for _, r := range []*v1alpha1.FanoutRoute{well, ill} {
		if err := c.Status().Update(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	url, _ := serveRoute(t, 207, "one;outcome=succeeded;status=200;ms=100000;attempts=1, other;outcome=failed;reason=status;status=503;ms=50000;attempts=3", `{}`)
	proxy := httptest.NewServer(failing("shop/orders"))
	t.Cleanup(proxy.Close)
	manifest := write(t, "route.yaml", "apiVersion: fanout.dev/v1alpha1\nkind: FanoutRoute\nmetadata: {name: ill, namespace: paint}\n"+
		"spec:\n  proxy: {resources: {limits: {cpu: 2}}}\n  backends: [{name: one, url: 'https://one.example.com/'}]\n")
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	for name, row := range map[string]struct {
		args     []string
		coloured []string
	}{
		"get":    {[]string{"get", "-n", "paint"}, []string{"31 False", "32 True"}},
		"status": {[]string{"status", "paint/ill"}, []string{"31 False", "39 Unknown", "33 True", "32 Healthy", "33 Slow"}},
		"check":  {[]string{"check", "--operator-namespace", "paint"}, []string{"32 ok", "31 fail"}},
		"stat":   {[]string{"stat", "--admin", proxy.URL}, []string{"31 30", "33 4", "39 0"}},
		"try":    {[]string{"try", "--url", url, "-k"}, []string{"33 partial", "32 succeeded 200", "31 failed status 503"}},
		"diff":   {[]string{"diff", "-f", manifest}, []string{"33 Pods roll", "31 removed"}},
	} {
		args := row.args
		if name != "stat" {
			args = append(args, "--kubeconfig", kubeconfig)
		}
		want, _, _ := command(t, "", args...)
		got := onTerminal(t.Context(), t, args...)
		for _, c := range row.coloured {
			code, word, _ := strings.Cut(c, " ")
			if !strings.Contains(got, "\x1b["+code+"m"+word+"\x1b[39m") {
				t.Errorf("%s: %q has not colour %s in\n%q", name, word, code, got)
			}
		}
		if strings.Contains(want, "\x1b") || ageless(sequence.ReplaceAllString(got, "")) != ageless(want) {
			t.Errorf("%s: the terminal gets\n%s\nand a file gets\n%s", name, got, want)
		}
		for variable, value := range map[string]string{"NO_COLOR": "1", "TERM": "dumb"} {
			before := os.Getenv(variable)
			t.Setenv(variable, value)
			if got := onTerminal(t.Context(), t, args...); strings.Contains(got, "\x1b") {
				t.Errorf("%s: with %s=%s the terminal gets %q", name, variable, value, got)
			}
			t.Setenv(variable, before)
		}
	}
}

// A terminal is cleared once there is something new to show: what it shows stays while proxies are
// asked, and when somebody ends stat --watch.
func TestStatRedraws(t *testing.T) {
	t.Setenv("NO_COLOR", "1") // which is about colours alone
	ctx, end := context.WithCancel(t.Context())
	asked := 0
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked == 3 {
			end()
		}
		failing("shop/orders")(w, r)
	}))
	t.Cleanup(proxy.Close)
	got := onTerminal(ctx, t, "stat", "--admin", proxy.URL, "--watch", "--interval", "500ms")
	if screens := strings.Split(got, "\x1b[H\x1b[2J"); len(screens) != 3 || screens[0] != "" || !strings.HasPrefix(screens[1], "ROUTE") || screens[1] != screens[2] {
		t.Errorf("the terminal gets %q", got)
	}
}

// What others have written does nothing to a terminal, and stays in its row of a table.
func TestWordsOfOthersAreWordsAlone(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	evil := routeOf("evil", "one")
	c := objects(t, "words", evil)
	words := "first\nsecond\tthird\x1b[2J\u202efourth\u009b5m"
	evil.Status = v1alpha1.FanoutRouteStatus{Conditions: []metav1.Condition{
		condition(v1alpha1.ConditionReady, "False", v1alpha1.ReasonRefused, words), condition(v1alpha1.ConditionProgrammed, "False", v1alpha1.ReasonRefused, words),
	}, Backends: []v1alpha1.BackendStatus{{Name: "one", State: v1alpha1.BackendFailing, LastFailure: &v1alpha1.LastFailure{Reason: "status", Message: words}}}}
	if err := c.Status().Update(t.Context(), evil); err != nil {
		t.Fatal(err)
	}
	event := &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: "words", Name: "e"}, EventTime: metav1.NowMicro(), Type: "Warning", Reason: "Refused", Note: words,
		Action: "Look", ReportingController: "fanout", ReportingInstance: "fanout", Regarding: corev1.ObjectReference{Kind: v1alpha1.Kind, Namespace: "words", Name: "evil", UID: evil.UID},
	}
	if err := c.Create(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	url, _ := serveRoute(t, 200, "one;outcome=succeeded;attempts=1", "body\x1b[2J\n\tsecond line")
	for name, row := range map[string]struct {
		args []string
		want int // rows with all of the words
	}{
		"get": {[]string{"get", "-n", "words", "--kubeconfig", kubeconfig}, 1}, "status": {[]string{"status", "words/evil", "--kubeconfig", kubeconfig}, 5}, "try": {[]string{"try", "--url", url, "-k"}, 0},
	} {
		got := onTerminal(t.Context(), t, row.args...)
		if strings.ContainsAny(got, "\x1b\u202e\u009b") || strings.Count(got, "first second third[2Jfourth5m") != row.want {
			t.Errorf("%s: the terminal gets %q", name, got)
		}
		if name == "try" && !strings.Contains(got, "body[2J\n\tsecond line") {
			t.Errorf("the body of the response is %q", got)
		}
	}
}
