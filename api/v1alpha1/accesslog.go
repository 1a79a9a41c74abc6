package v1alpha1

// AccessLogType names the calls that have a line in the proxies' log.
//
// +kubebuilder:validation:Enum=Sampled;All;None
type AccessLogType string

// The calls that have a line in the proxies' log.
const (
	// AccessLogSampled is one in oneIn complete calls, and every other request: what is
	// partial, failed, refused or left by its client is always there.
	AccessLogSampled AccessLogType = "Sampled"
	// AccessLogAll is every request.
	AccessLogAll AccessLogType = "All"
	// AccessLogNone is none.
	AccessLogNone AccessLogType = "None"
)

// AccessLogField is a part of a line. docs/operations/logs.md says what each holds.
//
// +kubebuilder:validation:Enum=RequestID;TraceID;Method;Path;Status;Duration;Bytes;Client;Caller;Outcome;Backends
type AccessLogField string

// The parts of a line that may be left out. Its time, level, message and route are always
// there.
const (
	AccessLogRequestID AccessLogField = "RequestID"
	AccessLogTraceID   AccessLogField = "TraceID"
	AccessLogMethod    AccessLogField = "Method"
	AccessLogPath      AccessLogField = "Path"
	AccessLogStatus    AccessLogField = "Status"
	AccessLogDuration  AccessLogField = "Duration"
	AccessLogBytes     AccessLogField = "Bytes"
	AccessLogClient    AccessLogField = "Client"
	AccessLogCaller    AccessLogField = "Caller"
	AccessLogOutcome   AccessLogField = "Outcome"
	AccessLogBackends  AccessLogField = "Backends"
)

// AccessLog says which calls have a line in the proxies' log, and what is in it: some 500
// bytes of JSON on standard error, as docs/operations/access-log.schema.json has it.
//
// +kubebuilder:validation:XValidation:rule="!has(self.oneIn) || !has(self.type) || self.type == 'Sampled'",message="proxy.accessLog.oneIn goes with type Sampled"
// +kubebuilder:validation:XValidation:rule="!has(self.fields) || !has(self.type) || self.type != 'None'",message="proxy.accessLog.fields does not go with type None, which has no line"
type AccessLog struct {
	// type is Sampled (default), All or None.
	// +optional
	// +kubebuilder:default=Sampled
	Type AccessLogType `json:"type,omitempty"`

	// oneIn is how many complete calls have one line under type Sampled, 1 to 1000000,
	// counted by each proxy from its first one. Default: 100.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	OneIn *int32 `json:"oneIn,omitempty"`

	// fields are what a line has beside time, level, message and route: RequestID, TraceID,
	// Method, Path, Status, Duration, Bytes, Client, Caller, Outcome, Backends. Default: all
	// but TraceID, which is there where proxy.tracing is set.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=11
	Fields []AccessLogField `json:"fields,omitempty"`
}
