package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/schema"
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
	return linesText(strings.Join(append(parts, f.Message), ": ")) // a manifest may be anybody's
}

// manifests are what the files hold.
type manifests struct {
	routes []routeconfig.Route
	// sources are the routes as they are written, by the index of routes.
	sources []*v1alpha1.FanoutRoute
	heads   []Fault           // of routes, by index, without a message
	mounted map[string][]byte // of Secrets and ConfigMaps, as in creds.Options.Tree
	seen    map[string]string // kind and name to file
	faults  []Fault
	// notes are what a reader should know and need not mend.
	notes []Fault
	// warnings are remarks on routes that are accepted: their condition Accepted says the
	// same.
	warnings []Fault
	// ignored are objects of kinds that are none of ours.
	ignored []string
}

// reader reads manifests.
type reader struct {
	schema  *schema.Schema
	options compile.Options
	stdin   io.Reader
	out     *manifests
	named   int // objects that a name was made for
}

// readManifests reads files, folders (all of their YAML and JSON, in the order of
// names) and - for standard input.
func readManifests(s *schema.Schema, o compile.Options, stdin io.Reader, paths []string) *manifests {
	r := &reader{schema: s, options: o, stdin: stdin, out: &manifests{mounted: map[string][]byte{}, seen: map[string]string{}}}
	for _, path := range paths {
		r.path(path)
	}
	r.judgeMounted()
	if len(r.out.routes) == 0 && len(r.out.faults) == 0 {
		r.fault(Fault{File: strings.Join(paths, " "), Message: "no FanoutRoute found"})
	}
	return r.out
}

func (r *reader) fault(f Fault) { r.out.faults = append(r.out.faults, f) }

func (r *reader) note(f Fault, message string) {
	f.Message = message
	r.out.notes = append(r.out.notes, f)
}

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

// isManifest leaves out the files of kustomize and SOPS, which are no objects.
func isManifest(name string) bool {
	ext := filepath.Ext(name)
	base := strings.TrimSuffix(filepath.Base(name), ext)
	return slices.Contains([]string{".yaml", ".yml", ".json"}, ext) && base != "kustomization" && base != ".sops"
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

func (r *reader) object(file string, raw []byte) {
	h, err := readHead(raw)
	if err != nil {
		r.fault(Fault{File: file, Message: err.Error()})
		return
	}
	f := Fault{File: file, Kind: h.Kind, Namespace: cmp.Or(h.Metadata.Namespace, metav1.NamespaceDefault), Name: h.Metadata.Name}
	ours := h.Kind == v1alpha1.Kind
	switch isRead := h.APIVersion == "v1" && (h.Kind == "Secret" || h.Kind == "ConfigMap"); {
	case h.isEncrypted():
		if strings.HasPrefix(h.Kind+h.Metadata.Name, encryptedPrefix) {
			f = Fault{File: file}
		}
		r.note(f, "encrypted by SOPS and left out: decrypt it first if it matters here")
	case h.Kind == "":
		r.fault(Fault{File: file, Message: "an object has no kind"})
	case h.Kind == "List" || h.Kind == v1alpha1.Kind+"List":
		for _, item := range h.Items {
			r.object(file, item.Raw)
		}
	case ours && h.APIVersion != v1alpha1.GroupVersion.String():
		f.Field, f.Message = "apiVersion", "must be "+v1alpha1.GroupVersion.String()
		r.fault(f)
	case ours || isRead:
		r.known(f, h, raw)
	default:
		r.out.ignored = append(r.out.ignored, f.String())
	}
}

// known reads an object of a kind that is served here.
func (r *reader) known(f Fault, h *head, raw []byte) {
	if f.Name == "" && h.Metadata.GenerateName != "" {
		r.named++
		f.Name = generated(h.Metadata.GenerateName, r.named)
		r.note(f, "has generateName: the API server makes another name, and kubectl create takes it where kubectl apply does not")
	}
	if !r.once(f) {
		return
	}
	object, err := decode(raw)
	if err != nil {
		f.Message = err.Error()
		r.fault(f)
		return
	}
	if errs := judgeMetadata(object, f.Namespace, f.Name); len(errs) > 0 {
		r.refuse(f, errs)
		return
	}
	switch f.Kind {
	case "Secret":
		r.secret(f, object)
	case "ConfigMap":
		r.configMap(f, object)
	default:
		r.route(f, object)
	}
}

// once refuses a second object of the same kind and name: which of them is meant?
func (r *reader) once(f Fault) bool {
	id := f.Kind + " " + f.Namespace + "/" + f.Name
	if before, ok := r.out.seen[id]; ok {
		f.Message = "appears twice, first in " + before
		r.fault(f)
		return false
	}
	r.out.seen[id] = f.File
	return true
}

func (r *reader) route(f Fault, object map[string]any) {
	if errs := r.schema.Apply(object); len(errs) > 0 {
		// a schema's properties are judged in no order
		slices.SortStableFunc(errs, func(a, b *field.Error) int {
			return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.ErrorBody(), b.ErrorBody()))
		})
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
	r.out.routes, r.out.sources, r.out.heads = append(r.out.routes, *compiled), append(r.out.sources, route), append(r.out.heads, f)
	_, expressions, _ := compile.Unchecked(route, r.options) // they have been checked
	for _, remark := range compile.Remarks(route, compiled, expressions) {
		f.Message = remark.Reason + ": " + remark.Message
		r.out.warnings = append(r.out.warnings, f)
	}
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
