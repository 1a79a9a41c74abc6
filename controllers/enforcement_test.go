package controllers_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/testkit/apiserver"
)

// as is a client of a user.
func as(t *testing.T, user string) client.Client {
	t.Helper()
	restricted := rest.CopyConfig(config)
	restricted.Impersonate = rest.ImpersonationConfig{UserName: user}
	c, err := client.New(restricted, client.Options{Scheme: apiserver.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// H27: where owner references are enforced, the operator's own role is enough to make
// children. The API server of all tests here enforces them; this one shows that it does.
func TestH27ChildrenWhereOwnerReferencesAreEnforced(t *testing.T) {
	t.Parallel()
	route := newRoute(newNamespace(t), "orders", "https://one.example.com/")
	create(t, route)
	const stranger = "may-write-configmaps"
	create(t, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: route.Namespace, Name: stranger},
		Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"create"}}}})
	create(t, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: route.Namespace, Name: stranger},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: stranger},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: stranger}}})
	child := func(name string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: route.Namespace, Name: name,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(route, v1alpha1.GroupVersion.WithKind("FanoutRoute"))}}}
	}
	if err := as(t, stranger).Create(t.Context(), child("of-a-stranger")); !apierrors.IsForbidden(err) {
		t.Errorf("who may not update the route's finalizers makes its child: %v", err)
	}
	if err := as(t, apiserver.OperatorUser).Create(t.Context(), child("of-the-operator")); err != nil {
		t.Errorf("the operator's role does not do: %v", err)
	}
}
