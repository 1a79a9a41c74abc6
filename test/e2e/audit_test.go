package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// operatorUser is the operator's ServiceAccount.
const operatorUser = "system:serviceaccount:" + system + ":fanout-operator"

// auditEvent is a line of the API server's audit log.
type auditEvent struct {
	Verb       string `json:"verb"`
	RequestURI string `json:"requestURI"`
	User       struct {
		Username string              `json:"username"`
		Extra    map[string][]string `json:"extra"`
	} `json:"user"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		APIGroup    string `json:"apiGroup"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	StageTimestamp time.Time         `json:"stageTimestamp"`
	Annotations    map[string]string `json:"annotations"`
}

func (e auditEvent) String() string {
	return fmt.Sprintf("%s %s %s/%s %s %d", e.StageTimestamp.Format(time.TimeOnly), e.Verb, e.ObjectRef.Namespace, e.ObjectRef.Name, e.resource(), e.ResponseStatus.Code)
}

func (e auditEvent) resource() string {
	if e.ObjectRef.Subresource != "" {
		return e.ObjectRef.Resource + "/" + e.ObjectRef.Subresource
	}
	return e.ObjectRef.Resource
}

func (e auditEvent) write() bool {
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, e.Verb)
}

// pod is the one whose token was used.
func (e auditEvent) pod() string {
	if names := e.User.Extra["authentication.kubernetes.io/pod-name"]; len(names) > 0 {
		return names[0]
	}
	return ""
}

// audited are the operator's requests that match, since E2E_SINCE where that is set: a
// cluster may have served other runs before.
func audited(t *testing.T, match func(auditEvent) bool) (list []auditEvent) {
	t.Helper()
	onlyOurs(t)
	since := time.Time{}
	if text := os.Getenv("E2E_SINCE"); text != "" {
		if err := since.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(filepath.Join("..", "..", ".cluster", "log", "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	var torn error // a last line that is still being written
	for lines.Scan() {
		if torn != nil {
			t.Fatal(torn)
		}
		if !strings.Contains(lines.Text(), operatorUser) {
			continue
		}
		e := auditEvent{}
		if torn = json.Unmarshal(lines.Bytes(), &e); torn != nil {
			continue
		}
		if e.User.Username == operatorUser && e.StageTimestamp.After(since) && match(e) {
			list = append(list, e)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// The rights that are shipped, held against a whole run of the default install: none
// too few, none too many, none on Secrets. It runs after the other tests.
func TestAuditOfTheDefaultInstall(t *testing.T) {
	used := map[string]int{}
	for _, e := range audited(t, func(auditEvent) bool { return true }) {
		what := " " + e.ObjectRef.APIGroup + "/" + e.resource()
		used[e.Verb+what]++
		if e.Verb == "patch" && e.ResponseStatus.Code == http.StatusCreated {
			used["create"+what]++ // which server-side apply is authorized for too
		}
		if e.Verb == "watch" && strings.Contains(e.RequestURI, "sendInitialEvents=true") {
			used["list"+what]++ // KEP-3157; an older API server is asked for a list
		}
		if e.ObjectRef.Resource == "secrets" {
			t.Errorf("the operator asked for a Secret: %s", e)
		}
		if e.Annotations["authorization.k8s.io/decision"] == "forbid" {
			t.Errorf("the operator was denied: %s", e)
		}
	}
	if len(used) == 0 {
		t.Fatal("the audit log holds nothing of the operator")
	}
	list, err := objects(rendered("install.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	granted, never := 0, 0
	for _, u := range list {
		if !strings.HasSuffix(u.GetKind(), "Role") || !strings.HasPrefix(u.GetName(), "fanout-operator") {
			continue
		}
		role := &rbacv1.ClusterRole{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, role); err != nil {
			t.Fatal(err)
		}
		for _, right := range rights(role) {
			granted++
			if used[right] == 0 && !slices.Contains(enforced, right) && !slices.Contains(seldom, right) {
				never++
				t.Errorf("%s grants %q, which was never used", u.GetName(), right)
			}
		}
	}
	figure(t, "audit of a whole run, default install", "%d kinds of requests, %d rights granted, %d never used, 0 on Secrets, 0 denied", len(used), granted, never)
}

// enforced are rights that the admission plugin OwnerReferencesPermissionEnforcement asks for,
// where a cluster has it: children block the deletion of their owner, and get another one.
var enforced = []string{"update fanout.dev/fanoutroutes/finalizers", "delete /configmaps"}

// seldom are rights that a run may do without: client-go counts an event on the one that is there
// where it repeats for one version of its route, as kills of proxies do.
var seldom = []string{"patch events.k8s.io/events"}

func rights(role *rbacv1.ClusterRole) (list []string) {
	for _, rule := range role.Rules {
		for _, verb := range rule.Verbs {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					list = append(list, verb+" "+group+"/"+resource)
				}
			}
		}
	}
	return list
}
