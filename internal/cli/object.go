package cli

import (
	"encoding/json"
	"fmt"

	goyaml "go.yaml.in/yaml/v3"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

// encryptedPrefix is what every value begins with that SOPS has encrypted.
const encryptedPrefix = "ENC["

// head is what tells objects apart.
type head struct {
	metav1.TypeMeta `json:",inline"`

	Metadata struct {
		Name         string `json:"name"`
		GenerateName string `json:"generateName"`
		Namespace    string `json:"namespace"`
	} `json:"metadata"`
	Items []runtime.RawExtension `json:"items"`
	SOPS  any                    `json:"sops"`
}

func readHead(raw []byte) (*head, error) {
	content, err := yaml.YAMLToJSON(raw)
	if err != nil {
		return nil, fmt.Errorf("not YAML or JSON: %w", err)
	}
	h := &head{}
	if err := json.Unmarshal(content, h); err != nil {
		return nil, fmt.Errorf("not an object of Kubernetes: %w", err)
	}
	return h, nil
}

// isEncrypted reports whether SOPS has encrypted values of the object: it writes how, and
// a code that authenticates them, beside the object's own fields.
func (h *head) isEncrypted() bool {
	sops, _ := h.SOPS.(map[string]any)
	return sops["mac"] != nil
}

// generated is the name that stands for the one that the API server would make: it takes
// 58 bytes at most of generateName, and adds five.
func generated(base string, number int) string {
	return fmt.Sprintf("%.58s%05d", base, number)
}

// decode reads an object as kubectl does, merge keys included, but refuses a key that
// appears twice, of which kubectl takes the last without a word. Whole numbers are
// integers, as for the API server.
func decode(raw []byte) (map[string]any, error) {
	asJSON, err := yaml.YAMLToJSONStrict(raw)
	if err != nil {
		asJSON, err = merged(raw, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read YAML: %w", err)
	}
	object := map[string]any{}
	if err := utiljson.Unmarshal(asJSON, &object); err != nil {
		return nil, fmt.Errorf("read object: %w", err)
	}
	return object, nil
}

// merged reads what the strict reader has refused: it takes a key that overrides what a
// merge key (<<) has brought in for one that appears twice.
func merged(raw []byte, refusal error) ([]byte, error) {
	asJSON, err := yaml.YAMLToJSON(raw)
	if err != nil {
		return nil, refusal
	}
	document := goyaml.Node{}
	if goyaml.Unmarshal(raw, &document) != nil {
		return nil, refusal
	}
	return asJSON, repeated(&document)
}

// repeated finds a key that stands twice in one mapping as it is written.
func repeated(node *goyaml.Node) error {
	seen := map[string]bool{}
	for i, below := range node.Content {
		isKey := node.Kind == goyaml.MappingNode && i%2 == 0 && below.Kind == goyaml.ScalarNode && below.Value != "<<"
		if isKey && seen[below.Value] {
			return fmt.Errorf("line %d: key %q appears twice", below.Line, below.Value)
		}
		seen[below.Value] = seen[below.Value] || isKey
		if err := repeated(below); err != nil {
			return err
		}
	}
	return nil
}

// judgeMetadata names an object and judges its metadata by the API server's own code.
func judgeMetadata(object map[string]any, namespace, name string) field.ErrorList {
	path := field.NewPath("metadata")
	if object["metadata"] == nil {
		object["metadata"] = map[string]any{}
	}
	if metadata, ok := object["metadata"].(map[string]any); ok {
		metadata["namespace"], metadata["name"] = namespace, name
	}
	meta, _, unknown, err := objectmeta.GetObjectMetaWithOptions(object, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil {
		return field.ErrorList{field.TypeInvalid(path, field.OmitValueType{}, err.Error())}
	}
	errs := apivalidation.ValidateObjectMeta(meta, true, apivalidation.NameIsDNSSubdomain, path)
	if object["kind"] == "Secret" {
		errs = append(errs, judgeFinalizers(meta.Finalizers, path.Child("finalizers"))...)
	}
	for _, at := range unknown {
		errs = append(errs, field.Forbidden(field.NewPath(at), "unknown field"))
	}
	return errs
}
