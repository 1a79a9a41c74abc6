package proxy

import (
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// maxLogged bounds, in bytes, what of a method or path a line holds: both are the
// client's, and a head has room for 64 KiB of them.
const maxLogged = 1024

func logged(s string) string { return s[:min(len(s), maxLogged)] }

// log writes the line of a request, where it is to have one:
// docs/operations/access-log.schema.json is its form.
func (v *visit) log(now time.Time) {
	logger := v.proxy.options.Log
	if !logger.Enabled(v.Request.Context(), slog.LevelInfo) || !v.sampled() {
		return
	}
	l := line{has: v.route.accessLog, attrs: make([]slog.Attr, 0, 13)}
	l.attrs = append(l.attrs, slog.String("route", v.route.id))
	l.text(fieldRequestID, "requestId", v.ID)
	if l.has.fields[fieldTraceID] {
		if c := v.context(); c.Known() {
			l.text(fieldTraceID, "traceId", c.Trace.String())
		}
	}
	path, _, _ := strings.Cut(v.Request.RequestURI, "?") // it may hold secrets
	l.text(fieldMethod, "method", logged(v.Request.Method))
	l.text(fieldPath, "path", logged(path))
	l.number(fieldStatus, "status", int64(v.status))
	l.number(fieldDuration, "ms", now.Sub(v.start).Milliseconds())
	l.number(fieldBytes, "bytes", int64(v.bytes))
	if v.Client.IsValid() {
		l.text(fieldClient, "client", v.Client.String())
	}
	if v.caller != "" {
		l.text(fieldCaller, "caller", v.caller)
	}
	if v.result != nil {
		l.text(fieldOutcome, "outcome", v.outcome.String())
		if l.has.fields[fieldBackends] {
			l.attrs = append(l.attrs, v.backends())
		}
	}
	if v.refusal != nil && l.has.fields[fieldOutcome] {
		l.attrs = append(l.attrs, v.refused()...)
	}
	logger.LogAttrs(v.Request.Context(), slog.LevelInfo, "call", l.attrs...)
}

// refused is why the request made no call.
func (v *visit) refused() []slog.Attr {
	attrs := []slog.Attr{slog.String("reason", v.refusal.Reason())}
	if v.refusal.Limit != "" {
		attrs = append(attrs, slog.String("limit", v.refusal.Limit))
	}
	if rule := v.refusal.Rule(); rule != "" {
		attrs = append(attrs, slog.String("rule", rule))
	}
	return attrs
}

// line is one that is being written, of the fields that its route wants.
type line struct {
	has   *accessLog
	attrs []slog.Attr
}

func (l *line) text(f field, name, value string) {
	if l.has.fields[f] {
		l.attrs = append(l.attrs, slog.String(name, value))
	}
}

func (l *line) number(f field, name string, value int64) {
	if l.has.fields[f] {
		l.attrs = append(l.attrs, slog.Int64(name, value))
	}
}

// field is a part of a line, by its place in routeconfig.AccessLogFields.
type field int

const (
	fieldRequestID field = iota
	fieldTraceID
	fieldMethod
	fieldPath
	fieldStatus
	fieldDuration
	fieldBytes
	fieldClient
	fieldCaller
	fieldOutcome
	fieldBackends
	logFields // how many there are
)

// accessLog says which requests of a route have a line, and what is in it: none, or one in
// so many complete calls, the first of them and all that are not complete.
type accessLog struct {
	none   bool
	oneIn  uint64
	fields [logFields]bool
	calls  atomic.Uint64 // complete ones
}

// newAccessLog makes that of a route; own is the proxy's setting, for routes that have none.
func newAccessLog(route *routeconfig.Route, own int) *accessLog {
	l := &accessLog{oneIn: uint64(max(own, 1))}
	config := route.AccessLog
	if config != nil {
		l.none, l.oneIn = config.Type == routeconfig.AccessLogNone, uint64(max(config.OneIn, 1))
	}
	for i, name := range routeconfig.AccessLogFields() {
		switch {
		case config != nil && len(config.Fields) > 0:
			l.fields[i] = slices.Contains(config.Fields, name)
		case name == routeconfig.LogTraceID:
			l.fields[i] = route.Tracing != nil
		default:
			l.fields[i] = true
		}
	}
	return l
}

// sampled reports whether a request has a line.
func (v *visit) sampled() bool {
	l := v.route.accessLog
	switch {
	case l.none:
		return false
	case l.oneIn == 1 || v.result == nil || v.outcome != fanout.Complete:
		return true
	}
	return (l.calls.Add(1)-1)%l.oneIn == 0
}

func (v *visit) backends() slog.Attr {
	all := make([]slog.Attr, len(v.result.Answers))
	for i := range v.result.Answers {
		a := &v.result.Answers[i]
		one := make([]slog.Attr, 0, 5)
		one = append(one, slog.String("outcome", a.Outcome.String()))
		if a.Reason != fanout.NoReason {
			one = append(one, slog.String("reason", a.Reason.String()))
		}
		if a.Status != 0 {
			one = append(one, slog.Int("status", a.Status))
		}
		one = append(one, slog.Int64("ms", a.Elapsed.Milliseconds()), slog.Int("attempts", a.Attempts))
		all[i] = slog.Attr{Key: v.route.backends[i].name, Value: slog.GroupValue(one...)}
	}
	return slog.Attr{Key: "backends", Value: slog.GroupValue(all...)}
}
