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
	if err := run("dist/install.yaml", "dist/sidecar.yaml", "dist/fast-rotation.yaml", "charts/fanout/templates"); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// template is a file of the chart; when is the value that it depends on, if any.
type template struct {
	name, when string
	documents  []string
}

func run(install, sidecar, rotation, target string) error {
	base, err := read(install)
	if err != nil {
		return err
	}
	injector, err := beyond(sidecar, base)
	if err != nil {
		return err
	}
	secrets, err := beyond(rotation, base)
	if err != nil {
		return err
	}
	for i := range secrets {
		if secrets[i], err = scoped(secrets[i], "fanout-secret-metadata"); err != nil {
			return err
		}
	}
	files := []template{
		{name: "crd.yaml", when: ".Values.crds.install"}, {name: "rbac.yaml"}, {name: "operator.yaml"},
		{name: "injector.yaml", when: ".Values.sidecar.enabled", documents: injector},
		{name: "secret-metadata.yaml", when: ".Values.fastRotation.enabled", documents: secrets},
	}
	for _, document := range base {
		switch kind(document) {
		case "Namespace": // helm's own to make
		case "CustomResourceDefinition":
			document, err = edit(document, "  annotations:\n", "  annotations:\n    helm.sh/resource-policy: keep\n")
			files[0].documents = append(files[0].documents, document)
		case "Deployment":
			document, err = deployment(document)
			files[2].documents = append(files[2].documents, document)
		case "PodDisruptionBudget":
			files[2].documents = append(files[2].documents, strings.TrimSpace(document)+"\n")
		default:
			document, err = scoped(document, "fanout-operator")
			files[1].documents = append(files[1].documents, document)
		}
		if err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := f.write(target); err != nil {
			return err
		}
	}
	return nil
}

func (f template) write(target string) error {
	content := strings.Join(f.documents, "---\n")
	if f.name == "crd.yaml" { // braces in its texts are no template
		content = strings.ReplaceAll(content, "{{", `{{ "{{" }}`)
	} else {
		content = strings.ReplaceAll(content, "namespace: fanout-system", "namespace: {{ .Release.Namespace }}")
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
// by arguments, which are put in here.
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
			list = append(list, strings.TrimSpace(document)+"\n")
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

// deployment puts the values into the operator's.
func deployment(document string) (string, error) {
	return edit(document,
		"  replicas: 2\n", "  replicas: {{ .Values.replicas }}\n",
		"        - --leader-elect\n", `        - --leader-elect
        {{- with .Values.namespaces }}
        - --namespaces={{ join "," . }}
        {{- end }}
        {{- if .Values.sidecar.enabled }}
        - --injector=fanout-injector
        {{- end }}
        {{- if .Values.fastRotation.enabled }}
        - --watch-secrets
        {{- end }}
        {{- range .Values.extraArgs }}
        - {{ . }}
        {{- end }}
`,
		"        image: fanout.dev/fanout:v0.1.0\n", `        image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
        imagePullPolicy: {{ .Values.image.pullPolicy }}
`,
		"        livenessProbe:\n", `        {{- if .Values.sidecar.enabled }}
        lifecycle:
          preStop:
            sleep:
              seconds: 5
        {{- end }}
        livenessProbe:
`,
		"        ports:\n", `        ports:
        {{- if .Values.sidecar.enabled }}
        - containerPort: 9443
          name: injector
        {{- end }}
`,
		`        resources:
          limits:
            memory: 256Mi
          requests:
            cpu: 50m
            memory: 64Mi
`, `        resources: {{- toYaml .Values.resources | nindent 10 }}
`)
}

// scoped makes rights of that name those of single namespaces where the values name
// them. The operator's rights in its own namespace, and those of users, stay.
func scoped(document, name string) (string, error) {
	if !strings.Contains(document, "\n  name: "+name+"\n") || !strings.HasPrefix(kind(document), "Cluster") {
		return strings.TrimSpace(document) + "\n", nil
	}
	single, err := edit(document, "kind: Cluster", "kind: ", "  name: "+name+"\n", "  name: "+name+"\n  namespace: {{ . }}\n")
	if err != nil {
		return "", err
	}
	single = strings.ReplaceAll(single, "kind: ClusterRole\n", "kind: Role\n")
	single = strings.ReplaceAll(single, "namespace: fanout-system", "namespace: {{ $.Release.Namespace }}")
	return "{{- range .Values.namespaces }}\n---\n" + single + "{{- else }}\n" + strings.TrimSpace(document) + "\n{{- end }}\n", nil
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
