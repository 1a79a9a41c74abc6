// Chart writes the templates of charts/fanout out of what kustomize renders, so that
// both ways to install are the same objects. What a chart's user may choose is put in
// by replacing a line here; what cannot be found is an error, so that none is lost.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const header = "# Written by `make chart` from config/: do not edit.\n"

func main() {
	if err := run("dist", "charts/fanout/templates"); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// template is a file of the chart; when is the value that it depends on, if any.
type template struct {
	name, when string
	documents  []string
}

// run reads what kustomize rendered into a folder.
func run(rendered, target string) error {
	base, err := read(filepath.Join(rendered, "install.yaml"))
	if err != nil {
		return err
	}
	files := []template{{name: "crd.yaml", when: ".Values.crds.install"}, {name: "rbac.yaml"}, {name: "operator.yaml"}}
	for _, document := range base {
		switch kind(document) {
		case "Namespace": // helm's own to make
		case "CustomResourceDefinition":
			document = strings.ReplaceAll(document, "{{", `{{ "{{" }}`) // braces in its texts are no template
			document, err = edit(document, "  annotations:\n", "  annotations:\n    helm.sh/resource-policy: keep\n")
			files[0].documents = append(files[0].documents, document)
		case "Deployment":
			document, err = deployment(document)
			files[2].documents = append(files[2].documents, document)
		case "PodDisruptionBudget":
			files[2].documents = append(files[2].documents, document)
		default:
			document, err = rights(document)
			files[1].documents = append(files[1].documents, document)
		}
		if err != nil {
			return err
		}
	}
	added, err := additions(rendered, base)
	if err != nil {
		return err
	}
	for _, f := range append(files, added...) {
		if err := f.write(target); err != nil {
			return err
		}
	}
	return nil
}

// additions are the files of what overlays add to the default install.
func additions(rendered string, base []string) ([]template, error) {
	files := []template{
		{name: "injector.yaml", when: ".Values.sidecar.enabled"},
		{name: "secret-metadata.yaml", when: ".Values.fastRotation.enabled"},
		{name: "monitoring.yaml", when: ".Values.monitoring.enabled"},
		{name: "page.yaml", when: ".Values.dashboard.enabled"},
	}
	for i, overlay := range []string{"sidecar", "fast-rotation", "monitoring", "dashboard"} {
		list, err := beyond(filepath.Join(rendered, overlay+".yaml"), base)
		if err != nil {
			return nil, err
		}
		for _, document := range list {
			switch overlay {
			case "fast-rotation":
				document, err = scoped(document, "fanout-secret-metadata")
			case "monitoring":
				document, err = monitor(document)
			case "dashboard":
				document, err = ofPage(document)
			}
			if err != nil {
				return nil, err
			}
			files[i].documents = append(files[i].documents, document)
		}
	}
	return files, nil
}

func (f template) write(target string) error {
	content := ""
	for i, document := range f.documents {
		document, err := named(strings.TrimSpace(document) + "\n")
		if err != nil {
			return err
		}
		if i > 0 {
			content += "---\n"
		}
		content += document
	}
	if f.when != "" {
		content = "{{- if " + f.when + " }}\n" + content + "{{- end }}\n"
	}
	if err := os.WriteFile(filepath.Join(target, f.name), []byte(header+content), 0o600); err != nil {
		return fmt.Errorf("write template: %w", err)
	}
	return nil
}

func read(file string) ([]string, error) {
	content, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return nil, fmt.Errorf("read rendered manifest: %w", err)
	}
	return strings.Split(string(content), "\n---\n"), nil
}

// beyond are the documents that an overlay adds to the base. The Deployment differs
// by arguments, which are put in elsewhere.
func beyond(file string, base []string) ([]string, error) {
	all, err := read(file)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, document := range base {
		known[strings.TrimSpace(document)] = true
	}
	var list []string
	for _, document := range all {
		if !known[strings.TrimSpace(document)] && kind(document) != "Deployment" {
			list = append(list, document)
		}
	}
	return list, nil
}

func kind(document string) string {
	for line := range strings.Lines(document) {
		if name, ok := strings.CutPrefix(line, "kind: "); ok {
			return strings.TrimSpace(name)
		}
	}
	return ""
}

// edit replaces, each once. What is not there has changed in config/, and must be
// changed here too.
func edit(document string, pairs ...string) (string, error) {
	document = strings.TrimSpace(document) + "\n"
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(document, pairs[i]) {
			return "", fmt.Errorf("%s has no line %q", kind(document), pairs[i])
		}
		document = strings.Replace(document, pairs[i], pairs[i+1], 1)
	}
	return document, nil
}
