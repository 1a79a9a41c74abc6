package proxy

import (
	"log/slog"
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

// log writes the line of a request, where it is to have one: docs/operations/logs.md
// lists its fields. The path stands there without its query, which may hold secrets.
func (v *visit) log(now time.Time) {
	logger := v.proxy.options.Log
	if !logger.Enabled(v.Request.Context(), slog.LevelInfo) || !v.sampled() {
		return
	}
	path, _, _ := strings.Cut(v.Request.RequestURI, "?")
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs,
		slog.String("route", v.route.id),
		slog.String("requestId", v.ID),
		slog.String("method", logged(v.Request.Method)),
		slog.String("path", logged(path)),
		slog.Int("status", v.status),
		slog.Int64("ms", now.Sub(v.start).Milliseconds()),
		slog.Int("bytes", v.bytes),
	)
	if v.Client.IsValid() {
		attrs = append(attrs, slog.String("client", v.Client.String()))
	}
	if v.caller != "" {
		attrs = append(attrs, slog.String("caller", v.caller))
	}
	if v.result != nil {
		attrs = append(attrs, slog.String("outcome", v.outcome.String()), v.backends())
	}
	logger.LogAttrs(v.Request.Context(), slog.LevelInfo, "call", attrs...)
}

// accessLog says which requests of a route have a line: none, or one in so many complete
// calls, the first of them and all that are not complete.
type accessLog struct {
	none  bool
	oneIn uint64
	calls atomic.Uint64 // complete ones
}

func newAccessLog(config *routeconfig.AccessLog, oneIn int) accessLog {
	if config == nil {
		return accessLog{oneIn: uint64(max(oneIn, 1))}
	}
	return accessLog{none: config.Type == routeconfig.AccessLogNone, oneIn: uint64(max(config.OneIn, 1))}
}

// sampled reports whether a request has a line.
func (v *visit) sampled() bool {
	l := &v.route.accessLog
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
