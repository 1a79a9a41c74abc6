// Package v1alpha1 is what a user may write: the FanoutRoute of the API group
// fanout.dev, and nothing else. Defaults and rules stand in the schema that is
// generated from its markers, so that the API server, fanoutctl and GitOps tools
// agree on them.
//
// +kubebuilder:object:generate=true
// +groupName=fanout.dev
// +kubebuilder:ac:generate=true
// +kubebuilder:ac:output:package="applyconfiguration"
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of this package.
var GroupVersion = schema.GroupVersion{Group: "fanout.dev", Version: "v1alpha1"} //nolint:gochecknoglobals // as in every API package

// SchemeGroupVersion is GroupVersion under the name that generated code asks for.
var SchemeGroupVersion = GroupVersion //nolint:gochecknoglobals // as above

// Kind is the kind of a FanoutRoute.
const Kind = "FanoutRoute"

// AddToScheme adds the types of this package to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &FanoutRoute{}, &FanoutRouteList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
