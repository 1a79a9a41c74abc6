package routeconfig

import "errors"

// AccessLog says which calls have a line in the log, and what of them.
type AccessLog struct {
	// Type is AccessLogSampled, AccessLogAll or AccessLogNone.
	Type string `json:"type"`
	// OneIn is how many complete calls have one line under AccessLogSampled.
	OneIn int `json:"oneIn,omitempty"`
	// Fields are the parts of a line, of AccessLogFields; empty for those that lines have
	// where nobody says.
	Fields []string `json:"fields,omitempty"`
}

// The calls that have a line in the log.
const (
	AccessLogSampled = "Sampled"
	AccessLogAll     = "All"
	AccessLogNone    = "None"
)

// The parts of a line.
const (
	LogRequestID = "RequestID"
	LogTraceID   = "TraceID"
	LogMethod    = "Method"
	LogPath      = "Path"
	LogStatus    = "Status"
	LogDuration  = "Duration"
	LogBytes     = "Bytes"
	LogClient    = "Client"
	LogCaller    = "Caller"
	LogOutcome   = "Outcome"
	LogBackends  = "Backends"
)

// AccessLogFields are all parts that a line may have, in their order.
func AccessLogFields() []string {
	return []string{
		LogRequestID, LogTraceID, LogMethod, LogPath, LogStatus, LogDuration, LogBytes, LogClient, LogCaller, LogOutcome, LogBackends,
	}
}

func (l *AccessLog) validate() error {
	if l == nil {
		return nil
	}
	err := oneOf("accessLog.type", l.Type, AccessLogSampled, AccessLogAll, AccessLogNone)
	if l.Type == AccessLogSampled {
		err = errors.Join(err, between("accessLog.oneIn", int64(l.OneIn), 1, 1_000_000))
	}
	for _, field := range l.Fields {
		err = errors.Join(err, oneOf("accessLog.fields", field, AccessLogFields()...))
	}
	return err
}
