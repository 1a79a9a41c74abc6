package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// maxManifest bounds a file, in bytes.
const maxManifest = 16 << 20

// Fault is one thing that is wrong with a manifest.
type Fault struct {
	File      string `json:"file"`
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	Field     string `json:"field,omitempty"`
	Message   string `json:"message"`
}

// String is FILE: KIND NAMESPACE/NAME: FIELD: MESSAGE, without what is unknown.
func (f Fault) String() string {
	parts := []string{f.File}
	if f.Kind != "" {
		parts = append(parts, f.Kind+" "+f.Namespace+"/"+f.Name)
	}
	if f.Field != "" {
		parts = append(parts, f.Field)
	}
	return strings.Join(append(parts, f.Message), ": ")
}

// manifests are what the files hold.
type manifests struct {
	routes  []routeconfig.Route
	secrets map[string][]byte // NAMESPACE/SECRET/KEY
	faults  []Fault
	// ignored are objects of kinds that are none of ours.
	ignored []string
}

// reader reads manifests.
type reader struct {
	schema  *schema
	options compile.Options
	stdin   io.Reader
	out     *manifests
	seen    map[string]string // kind and name to file
}

// readManifests reads files, folders (all of their YAML and JSON, in the order of
// names) and - for standard input.
func readManifests(s *schema, o compile.Options, stdin io.Reader, paths []string) *manifests {
	r := &reader{schema: s, options: o, stdin: stdin, seen: map[string]string{},
		out: &manifests{secrets: map[string][]byte{}}}
	for _, path := range paths {
		r.path(path)
	}
	if len(r.out.routes) == 0 && len(r.out.faults) == 0 {
		r.fault(Fault{File: strings.Join(paths, " "), Message: "no FanoutRoute found"})
	}
	return r.out
}

func (r *reader) fault(f Fault) { r.out.faults = append(r.out.faults, f) }

func (r *reader) path(path string) {
	if path == "-" {
		r.read("-", r.stdin)
		return
	}
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() && (name == path || isManifest(name)) {
			r.file(name)
		}
		return nil
	})
	if err != nil {
		r.fault(Fault{File: path, Message: reason(err)})
	}
}

// isManifest leaves out kustomization files, which are no objects.
func isManifest(name string) bool {
	base := filepath.Base(name)
	ext := filepath.Ext(name)
	return slices.Contains([]string{".yaml", ".yml", ".json"}, ext) && strings.TrimSuffix(base, ext) != "kustomization"
}

// reason is an error without the path, which the line begins with anyway.
func reason(err error) string {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		return wrapped.Err.Error()
	}
	return err.Error()
}

func (r *reader) file(name string) {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		r.fault(Fault{File: name, Message: reason(err)})
		return
	}
	defer func() { _ = f.Close() }()
	r.read(name, f)
}

func (r *reader) read(file string, in io.Reader) {
	content, err := io.ReadAll(io.LimitReader(in, maxManifest+1))
	if err != nil {
		r.fault(Fault{File: file, Message: reason(err)})
		return
	}
	if len(content) > maxManifest {
		r.fault(Fault{File: file, Message: fmt.Sprintf("larger than %d bytes", maxManifest)})
		return
	}
	next := documents(content)
	for {
		raw, err := next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			r.fault(Fault{File: file, Message: "not YAML or JSON: " + err.Error()})
			return
		}
		if !isEmpty(raw) {
			r.object(file, raw)
		}
	}
}

// documents returns one document after the other, then io.EOF: those of a stream
// of JSON, or of YAML, whose text is kept so that keys that appear twice show.
func documents(content []byte) (next func() ([]byte, error)) {
	if bytes.HasPrefix(bytes.TrimSpace(content), []byte("{")) {
		decoder := json.NewDecoder(bytes.NewReader(content))
		return func() (raw []byte, err error) {
			err = decoder.Decode((*json.RawMessage)(&raw))
			return raw, err //nolint:wrapcheck // the caller asks for its kind
		}
	}
	return utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content))).Read
}

// isEmpty reports whether a document holds nothing but comments.
func isEmpty(raw []byte) bool {
	var content any
	return yaml.Unmarshal(raw, &content) == nil && content == nil
}

// head is what tells objects apart.
type head struct {
	metav1.TypeMeta `json:",inline"`

	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Items []runtime.RawExtension `json:"items"`
}

func (r *reader) object(file string, raw []byte) {
	h := head{}
	if err := yaml.Unmarshal(raw, &h); err != nil {
		r.fault(Fault{File: file, Message: "not YAML or JSON: " + err.Error()})
		return
	}
	if h.Metadata.Namespace == "" {
		h.Metadata.Namespace = metav1.NamespaceDefault
	}
	f := Fault{File: file, Kind: h.Kind, Namespace: h.Metadata.Namespace, Name: h.Metadata.Name}
	switch {
	case h.Kind == "":
		r.fault(Fault{File: file, Message: "an object has no kind"})
	case h.Kind == "List" || h.Kind == v1alpha1.Kind+"List":
		for _, item := range h.Items {
			r.object(file, item.Raw)
		}
	case h.APIVersion == "v1" && h.Kind == "Secret":
		if r.once(f) {
			r.secret(f, raw)
		}
	case h.Kind == v1alpha1.Kind && h.APIVersion == v1alpha1.GroupVersion.String():
		if r.once(f) {
			r.route(f, raw)
		}
	case h.Kind == v1alpha1.Kind:
		f.Field, f.Message = "apiVersion", "must be "+v1alpha1.GroupVersion.String()
		r.fault(f)
	default:
		r.out.ignored = append(r.out.ignored, f.String())
	}
}

// once refuses a second object of the same kind and name: which of them is meant?
func (r *reader) once(f Fault) bool {
	id := f.Kind + " " + f.Namespace + "/" + f.Name
	if before, ok := r.seen[id]; ok {
		f.Message = "appears twice, first in " + before
		r.fault(f)
		return false
	}
	r.seen[id] = f.File
	return true
}

func (r *reader) secret(f Fault, raw []byte) {
	secret := corev1.Secret{}
	if err := yaml.UnmarshalStrict(raw, &secret); err != nil {
		f.Message = "not a Secret: its data cannot be read" // the error may quote the data
		r.fault(f)
		return
	}
	base := f.Namespace + "/" + f.Name + "/"
	for key, value := range secret.Data {
		r.out.secrets[base+key] = value
	}
	for key, value := range secret.StringData {
		r.out.secrets[base+key] = []byte(value)
	}
}

func (r *reader) route(f Fault, raw []byte) {
	object, err := decode(raw)
	if err != nil {
		f.Message = err.Error()
		r.fault(f)
		return
	}
	if metadata, ok := object["metadata"].(map[string]any); ok {
		metadata["namespace"] = f.Namespace
	}
	if errs := r.schema.apply(object); len(errs) > 0 {
		r.refuse(f, errs)
		return
	}
	route := &v1alpha1.FanoutRoute{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, route); err != nil {
		f.Message = err.Error()
		r.fault(f)
		return
	}
	compiled, errs := compile.Route(route, r.options)
	if len(errs) > 0 {
		r.refuse(f, errs)
		return
	}
	r.out.routes = append(r.out.routes, *compiled)
}

// decode reads an object as the API server does: whole numbers are integers, and a
// key that appears twice is an error.
func decode(raw []byte) (map[string]any, error) {
	asJSON, err := yaml.YAMLToJSONStrict(raw)
	if err != nil {
		return nil, fmt.Errorf("read YAML: %w", err)
	}
	object := map[string]any{}
	if err := utiljson.Unmarshal(asJSON, &object); err != nil {
		return nil, fmt.Errorf("read object: %w", err)
	}
	return object, nil
}

func (r *reader) refuse(f Fault, errs field.ErrorList) {
	for _, err := range errs {
		f.Field, f.Message = err.Field, err.ErrorBody()
		if f.Field == "<nil>" {
			f.Field = ""
		}
		r.fault(f)
	}
}
