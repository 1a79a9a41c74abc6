package cli

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// configMap keeps what a ConfigMap holds.
func (r *reader) configMap(f Fault, object map[string]any) {
	configMap := corev1.ConfigMap{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object, &configMap, true); err != nil {
		f.Message = err.Error()
		r.fault(f)
		return
	}
	data := maps.Clone(configMap.BinaryData)
	var errs field.ErrorList
	for key, value := range configMap.Data {
		if _, twice := configMap.BinaryData[key]; twice {
			errs = append(errs, field.Invalid(field.NewPath("data").Key(key), key, "stands in binaryData, too"))
		}
		if data == nil {
			data = map[string][]byte{}
		}
		data[key] = []byte(value)
	}
	if errs = append(errs, judgeData(data)...); len(errs) > 0 {
		r.refuse(f, errs)
		return
	}
	folder := (&routeconfig.Reference{Kind: routeconfig.KindConfigMap, Name: f.Name}).Folder()
	for key, value := range data {
		r.out.mounted[f.Namespace+"/"+folder+"/"+key] = value
	}
}
