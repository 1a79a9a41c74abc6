package main

import (
	"fmt"
	"strings"
)

// named puts the release into an object: its namespace, the standard labels and, where
// other releases see the name as well, the release's name. In the release's own namespace
// names stay, so that there is one operator in it: the Lease by which operators of a
// namespace elect a leader has one name, too.
func named(document string) (string, error) {
	const top, labels = "\nmetadata:\n", "  labels:\n    {{- include \"fanout.labels\" $ | nindent 4 }}\n"
	if !strings.Contains(document, top) {
		return "", fmt.Errorf("%s has no metadata", kind(document))
	}
	document = strings.ReplaceAll(document, top+"  labels:\n", top)
	document = strings.ReplaceAll(document, top, top+labels)
	document = strings.ReplaceAll(document, labels+"    app.kubernetes.io/name: fanout-operator\n", labels)
	const release = "{{ $.Release.Name }}"
	for _, name := range []string{"-injector", "-secret-metadata", "-page", "-routes-edit", "-routes-view"} {
		document = strings.ReplaceAll(document, "fanout"+name, release+name)
	}
	if strings.Contains(document, "apiVersion: rbac.authorization.k8s.io/") { // but not the account and the Lease
		for _, before := range []string{labels, "  kind: ClusterRole\n", "  kind: Role\n"} {
			document = strings.ReplaceAll(document, before+"  name: fanout-operator\n", before+"  name: "+release+"-operator\n")
		}
	}
	return strings.ReplaceAll(document, "namespace: fanout-system", "namespace: {{ $.Release.Namespace }}"), nil
}

// rights puts the values into the operator's account and roles, and those of users.
func rights(document string) (string, error) {
	switch {
	case kind(document) == "ServiceAccount":
		return edit(document, "metadata:\n", `metadata:
  {{- with .Values.serviceAccount.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
`)
	case strings.Contains(document, "\n  name: fanout-routes-"):
		return "{{- if .Values.userRoles.create }}\n" + strings.TrimSpace(document) + "\n{{- end }}\n", nil
	}
	return scoped(document, "fanout-operator")
}

// scoped makes rights of that name those of single namespaces where the values name
// them. The operator's rights in its own namespace, and those of users, stay.
func scoped(document, name string) (string, error) {
	if !strings.Contains(document, "\n  name: "+name+"\n") || !strings.HasPrefix(kind(document), "Cluster") {
		return document, nil
	}
	single, err := edit(document, "kind: Cluster", "kind: ", "  name: "+name+"\n", "  name: "+name+"\n  namespace: {{ . }}\n")
	if err != nil {
		return "", err
	}
	single = strings.ReplaceAll(single, "kind: ClusterRole\n", "kind: Role\n")
	return "{{- range .Values.namespaces }}\n---\n" + single + "{{- else }}\n" + strings.TrimSpace(document) + "\n{{- end }}\n", nil
}

// literal has helm leave braces alone that are somebody else's.
func literal(document string) string {
	return strings.NewReplacer("{{", `{{ "{{" }}`, "}}", `{{ "}}" }}`).Replace(document)
}

// monitor puts the values into what the Prometheus operator reads.
func monitor(document string) (string, error) {
	switch kind(document) {
	case "PrometheusRule":
		document = literal(document)
	case "ConfigMap": // of the dashboard, which Grafana finds by a label of its own
		return "{{- if .Values.monitoring.dashboard }}\n" + strings.TrimSpace(literal(document)) + "\n{{- end }}\n", nil
	}
	pairs := []string{"metadata:\n", "metadata:\n  labels:\n    {{- with .Values.monitoring.labels }}\n    {{- toYaml . | nindent 4 }}\n    {{- end }}\n"}
	if strings.Contains(document, "    any: true\n") {
		pairs = append(pairs, "    any: true\n", `    {{- with .Values.namespaces }}
    matchNames: {{- toYaml . | nindent 4 }}
    {{- else }}
    any: true
    {{- end }}
`)
	}
	document, err := edit(document, pairs...)
	if err == nil && kind(document) == "PrometheusRule" {
		document = "{{- if .Values.monitoring.rules }}\n" + document + "{{- end }}\n"
	}
	return document, err
}

// ofPage keeps what is for readers beyond loopback to where there is a certificate for them.
func ofPage(document string) (string, error) {
	if strings.Contains(document, "\n  name: fanout-page-events\n") {
		return scoped(document, "fanout-page-events")
	}
	return "{{- if .Values.dashboard.tlsSecretName }}\n" + strings.TrimSpace(document) + "\n{{- end }}\n", nil
}

// deployment puts the values into the operator's.
func deployment(document string) (string, error) {
	document, err := edit(document,
		"  replicas: 2\n", `  {{- if not (kindIs "invalid" .Values.replicas) }}
  replicas: {{ int .Values.replicas }}
  {{- end }}
`,
		`    metadata:
      labels:
        app.kubernetes.io/name: fanout-operator
    spec:
`, `    metadata:
      {{- with .Values.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
      labels:
        app.kubernetes.io/name: fanout-operator
        app.kubernetes.io/instance: {{ .Release.Name }}
        {{- with .Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- with .Values.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 6 }}
      {{- end }}
      {{- with .Values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with .Values.tolerations }}
      tolerations: {{- toYaml . | nindent 6 }}
      {{- end }}
`,
		"        runAsUser: 65532\n", `        {{- if not .Values.omitUser }}
        runAsUser: 65532
        {{- end }}
`,
		"      topologySpreadConstraints:\n", `      {{- if not (kindIs "invalid" .Values.topologySpreadConstraints) }}
      topologySpreadConstraints: {{- include "fanout.spread" .Values.topologySpreadConstraints | nindent 8 }}
      {{- else }}
      topologySpreadConstraints:
`,
	)
	if err != nil {
		return "", err
	}
	return container(document + "      {{- end }}\n" + `      {{- if and .Values.dashboard.enabled .Values.dashboard.tlsSecretName }}
      volumes:
      - name: page-tls
        secret:
          optional: true
          secretName: {{ .Values.dashboard.tlsSecretName }}
      {{- end }}
`)
}

// container puts the values into the operator's container.
func container(document string) (string, error) {
	return edit(document,
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
        {{- if .Values.omitUser }}
        - --omit-user
        {{- end }}
        {{- with .Values.dashboard }}
        {{- if and .enabled .tlsSecretName }}
        - --dashboard=:9444
        - --dashboard-tls=/etc/fanout/page
        - --dashboard-hosts={{ prepend .hosts (printf "%s-page.%s.svc" $.Release.Name $.Release.Namespace) | join "," }}
        {{- else if .enabled }}
        - --dashboard=127.0.0.1:9092
        {{- end }}
        {{- end }}
        {{- range .Values.proxies.imagePullSecrets }}
        - --proxy-image-pull-secret={{ .name }}
        {{- end }}
        {{- range .Values.extraArgs }}
        - {{ . | quote }}
        {{- end }}
`,
		"        image: fanout.dev/fanout:v0.1.0\n", `        image: {{ include "fanout.image" . | quote }}
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
        {{- if and .Values.dashboard.enabled .Values.dashboard.tlsSecretName }}
        - containerPort: 9444
          name: page
        {{- end }}
`,
		"          periodSeconds: 2\n", `          periodSeconds: 2
        {{- if and .Values.dashboard.enabled .Values.dashboard.tlsSecretName }}
        volumeMounts:
        - mountPath: /etc/fanout/page
          name: page-tls
          readOnly: true
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
