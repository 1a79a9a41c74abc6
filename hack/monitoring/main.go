// Monitoring writes what config/overlays/monitoring is made of: the rules of
// config/monitoring as an object of the Prometheus operator, and a dashboard for Grafana.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if err := run("config"); err != nil {
		fmt.Fprintln(os.Stderr, "monitoring:", err)
		os.Exit(1)
	}
}

func run(config string) error {
	files, err := generate(config)
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(config, "overlays", "monitoring", name), content, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// generate are the files by their names.
func generate(config string) (map[string][]byte, error) {
	plain, err := os.ReadFile(filepath.Join(config, "monitoring", "rules.yaml"))
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	made, err := dashboard()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"rules.yaml": []byte(ruleObject(string(plain))), "dashboard.json": made}, nil
}

const head = `# Written by ` + "`make monitoring`" + ` from config/monitoring/rules.yaml: do not edit.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: fanout
  namespace: fanout-system
spec:
`

// ruleObject is a file of rules, from its groups on, as the spec of an object.
func ruleObject(plain string) string {
	_, groups, _ := strings.Cut(plain, "\ngroups:\n")
	var text strings.Builder
	text.WriteString(head)
	for line := range strings.Lines("groups:\n" + groups) {
		if strings.TrimSpace(line) != "" {
			text.WriteString("  ")
		}
		text.WriteString(line)
	}
	return text.String()
}
