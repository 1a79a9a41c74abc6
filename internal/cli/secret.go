package cli

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// secret keeps what a Secret holds. No error quotes any of it.
func (r *reader) secret(f Fault, object map[string]any) {
	secret := corev1.Secret{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object, &secret, true); err != nil {
		f.Message = "not a Secret: its data cannot be read" // the error may quote the data
		r.fault(f)
		return
	}
	data := maps.Clone(secret.Data)
	for key, value := range secret.StringData {
		if data == nil {
			data = map[string][]byte{}
		}
		data[key] = []byte(value)
	}
	if errs := judgeData(data); len(errs) > 0 {
		r.refuse(f, errs)
		return
	}
	for key, value := range data {
		r.out.mounted[f.Namespace+"/"+f.Name+"/"+key] = value
	}
}

// judgeFinalizers refuses names without a domain, which the API server takes for custom
// resources alone.
func judgeFinalizers(names []string, path *field.Path) (errs field.ErrorList) {
	standard := []string{metav1.FinalizerOrphanDependents, metav1.FinalizerDeleteDependents, string(corev1.FinalizerKubernetes)}
	for i, name := range names {
		if !strings.Contains(name, "/") && !slices.Contains(standard, name) {
			errs = append(errs, field.Invalid(path.Index(i), name, "must be a standard name or have a domain and a slash before it"))
		}
	}
	return errs
}

// judgeData judges what a Secret holds, as the API server does. Errors quote no value.
func judgeData(data map[string][]byte) (errs field.ErrorList) {
	total := 0
	for _, key := range slices.Sorted(maps.Keys(data)) {
		for _, message := range validation.IsConfigMapKey(key) {
			errs = append(errs, field.Invalid(field.NewPath("data").Key(key), key, message))
		}
		total += len(data[key])
	}
	if total > corev1.MaxSecretSize {
		errs = append(errs, field.TooLong(field.NewPath("data"), field.OmitValueType{}, corev1.MaxSecretSize))
	}
	return errs
}
