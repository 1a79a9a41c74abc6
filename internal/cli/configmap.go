package cli

import (
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/internal/judge"
	"github.com/fanout-operator/fanout/internal/jwt"
	"github.com/fanout-operator/fanout/internal/openapi"
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

// judgeMounted judges what routes read of the ConfigMaps that are here.
func (r *reader) judgeMounted() {
	for i := range r.out.routes {
		route := &r.out.routes[i]
		for _, reference := range route.References() {
			if reference.Kind != routeconfig.KindConfigMap || !r.out.here("ConfigMap", route.Namespace, reference.Name) {
				continue
			}
			f, key := r.out.heads[i], reference.Keys[0]
			f.Field = reference.Field
			text, ok := r.out.mounted[route.Namespace+"/"+reference.Folder()+"/"+key]
			if !ok {
				f.Message = fmt.Sprintf("ConfigMap %q lacks the key %q", reference.Name, key)
				r.fault(f)
				continue
			}
			if err := usable(reference.Use, string(text)); err != nil {
				f.Message = fmt.Sprintf("ConfigMap %q: key %q: %v", reference.Name, key, err)
				r.fault(f)
			}
		}
	}
}

// usable says why a proxy could make nothing of the text at a key of a ConfigMap.
func usable(use routeconfig.Use, text string) error {
	switch use {
	case routeconfig.UseJSONSchema:
		_, err := judge.Compile(text)
		return err // it has the place; the caller says of what
	case routeconfig.UseOpenAPI:
		_, err := openapi.Compile(text)
		return err
	case routeconfig.UseJWKS:
		keys, err := jwt.ParseSet(text)
		if err == nil && keys.Usable() == 0 {
			err = errors.New("none of its keys can be used")
		}
		return err
	default:
		return nil
	}
}

// here reports whether an object is among the manifests.
func (m *manifests) here(kind, namespace, name string) bool {
	return m.seen[kind+" "+namespace+"/"+name] != ""
}
