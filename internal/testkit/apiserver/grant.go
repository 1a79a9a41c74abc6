package apiserver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// OperatorUser is the operator's account. It has the roles that it was granted and no other
// right.
const OperatorUser = "system:serviceaccount:fanout-system:fanout-operator"

// Grant gives OperatorUser the ClusterRoles of a file that is shipped, and returns them.
func Grant(ctx context.Context, admin client.Client, file ...string) (roles []rbacv1.ClusterRole, err error) {
	raw, err := os.ReadFile(filepath.Join(append([]string{testkit.Root()}, file...)...))
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	for document := range strings.SplitSeq(string(raw), "---\n") {
		kind := metav1.TypeMeta{}
		if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
			return nil, fmt.Errorf("read roles: %w", err)
		}
		if kind.Kind != "ClusterRole" {
			continue
		}
		role := rbacv1.ClusterRole{}
		if err := yaml.UnmarshalStrict([]byte(document), &role); err != nil {
			return nil, fmt.Errorf("read role: %w", err)
		}
		binding := &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: OperatorUser}},
		}
		for _, object := range []client.Object{&role, binding} {
			if err := admin.Create(ctx, object); err != nil {
				return nil, fmt.Errorf("grant %s: %w", role.Name, err)
			}
		}
		roles = append(roles, role)
	}
	if len(roles) == 0 {
		return nil, fmt.Errorf("%s has no ClusterRole", filepath.Join(file...))
	}
	return roles, nil
}
