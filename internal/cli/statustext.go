package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/survey"
)

func writeWalked(out io.Writer, f *survey.Walked) error {
	p, w := paintFor(out), tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	proxies := writeHead(w, f)
	section(w, len(f.Conditions), "CONDITION\t"+p.cell(plain, "STATUS")+"\tREASON\tMESSAGE")
	for i := range f.Conditions {
		c := &f.Conditions[i]
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.Type, p.cell(shadeOfCondition(c), string(c.Status)), cellText(c.Reason), cellText(c.Message))
	}
	section(w, len(f.Backends), "BACKEND\t"+p.cell(plain, "STATE")+"\tSUCCESS\tRATE\tP99\tLAST FAILURE")
	for i := range f.Backends {
		b := &f.Backends[i]
		p99, failure := "", ""
		if b.Latency != nil {
			p99 = b.Latency.P99
		}
		if b.LastFailure != nil {
			failure = cellText(b.LastFailure.Message)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", cellText(string(b.Name)), p.cell(shadeOfState(b.State), string(b.State)), b.SuccessRate, b.RequestRate, p99, failure)
	}
	section(w, len(f.Pods), proxies+"\t"+p.cell(plain, "STATE")+"\tRESTARTS\tDOCUMENT\tLACKS")
	for i := range f.Pods {
		pod := &f.Pods[i]
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%.12s\t%s\n", pod.Name, p.cell(shadeOf(pod.State), pod.State), pod.Restarts, cellText(pod.Document), cellText(trouble(pod)))
	}
	section(w, len(f.Events), "EVENT\t"+p.cell(plain, "TYPE")+"\tREASON\tMESSAGE")
	for _, e := range f.Events {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", e.Age, p.cell(shadeOf(e.Type), e.Type), cellText(e.Reason), cellText(e.Message))
	}
	section(w, len(f.Untold), "Not known:")
	for _, u := range f.Untold {
		_, _ = fmt.Fprintf(w, "- %s\n", cellText(u))
	}
	section(w, len(f.Next), "What to do next:")
	for _, n := range f.Next {
		_, _ = fmt.Fprintf(w, "- %s\n", cellText(n))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

// writeHead says which route it is, and returns what its proxies are: Pods, or one without a cluster.
func writeHead(w io.Writer, f *survey.Walked) (proxies string) {
	head := []string{fmt.Sprintf("FanoutRoute %s/%s", cellText(f.Namespace), cellText(f.Name))}
	proxies = "PROXY"
	if f.Generation > 0 {
		head = append(head, fmt.Sprintf("generation %d, age %s", f.Generation, f.Age))
		proxies = "POD"
	}
	if f.URL != "" {
		head = append(head, f.URL)
	}
	_, _ = fmt.Fprintln(w, strings.Join(head, ", "))
	return proxies
}

// section begins one, if there is anything in it.
func section(w io.Writer, rows int, title string) {
	if rows > 0 {
		_, _ = fmt.Fprintf(w, "\n%s\n", title)
	}
}

// trouble is what a proxy lacks, or why it says nothing.
func trouble(p *survey.PodState) string {
	list := []string{}
	for _, m := range p.Missing {
		list = append(list, missingKey(&m))
	}
	if p.Refused != "" {
		list = append(list, "refuses the newest document: "+p.Refused)
	}
	if p.Silent != "" {
		list = append(list, p.Silent)
	}
	return strings.Join(list, "; ")
}

func missingKey(m *stats.MissingKey) string {
	of := fmt.Sprintf("keys of issuer %q", m.Issuer)
	switch {
	case m.Secret != "":
		of = fmt.Sprintf("Secret %q", m.Secret)
	case m.ConfigMap != "":
		of = fmt.Sprintf("ConfigMap %q", m.ConfigMap)
	case m.Audience != "":
		of = fmt.Sprintf("service-account token %q", m.Audience)
	}
	if m.Key == "" {
		return of
	}
	return fmt.Sprintf("key %q of %s", m.Key, of)
}
