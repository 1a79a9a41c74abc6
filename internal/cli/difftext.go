package cli

import (
	"fmt"
	"io"
)

func writeEdits(out io.Writer, output string, edits []edit) error {
	changed := false
	for i := range edits {
		changed = changed || edits[i].Created || edits[i].Rolls || len(edits[i].Changes) > 0
	}
	if output == "json" {
		if err := writeJSON(out, edits); err != nil {
			return err
		}
	} else {
		for i := range edits {
			edits[i].write(out)
		}
	}
	if changed {
		return ErrReported
	}
	return nil
}

func (e *edit) write(out io.Writer) {
	id := e.Namespace + "/" + e.Name
	switch {
	case e.Created:
		_, _ = fmt.Fprintf(out, "FanoutRoute %s: would be created\n", id)
		return
	case !e.Rolls && len(e.Changes) == 0:
		_, _ = fmt.Fprintf(out, "FanoutRoute %s: nothing changes\n", id)
		return
	}
	p, pods := paintFor(out), "proxies take it over without a restart"
	if e.Rolls {
		pods = p.cell(yellow, "Pods roll")
	}
	_, _ = fmt.Fprintf(out, "FanoutRoute %s: %d changes, %s\n", id, len(e.Changes), pods)
	for _, c := range e.Changes {
		whose := "route"
		if c.Backend != "" {
			whose = "backend " + c.Backend
		}
		switch {
		case c.Before == "" && c.Field == "":
			_, _ = fmt.Fprintf(out, "  %s: %s\n", whose, p.cell(green, "added"))
		case c.After == "" && c.Field == "":
			_, _ = fmt.Fprintf(out, "  %s: %s\n", whose, p.cell(red, "removed"))
		default:
			_, _ = fmt.Fprintf(out, "  %s: %s %s → %s\n", whose, c.Field, orNone(c.Before), orNone(c.After))
		}
	}
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
