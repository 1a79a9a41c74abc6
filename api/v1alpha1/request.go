package v1alpha1

// NameValue is a name with a value.
type NameValue struct {
	// name is 1 to 128 characters.
	// +required
	// +kubebuilder:validation:Pattern=`^[!-~]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// value is at most 4096 characters, without control characters.
	// +required
	// +kubebuilder:validation:Pattern=`^[^\x00-\x1f\x7f]*$`
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=4096
	Value string `json:"value"`
}

// Expression is one in CEL (https://cel.dev) over the call: request.method, path (raw),
// host, query and headers (maps of strings, names of fields in lower case, credentials
// left out), caller, claims (of its token), clientIP, and body, which is read as JSON. Strings have lowerAscii,
// upperAscii and trim; optional fields are read by request.body.?a.orValue(b). At most
// 4096 characters, and 32768 in all expressions of a route together; an evaluation that costs over 100000 is cut off, and the answer has
// then failed with reason expression.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=4096
type Expression string

// QueryValue is a parameter with a value, or an expression that yields it.
//
// +kubebuilder:validation:XValidation:rule="has(self.value) != has(self.expression)",message="backends.request.query.set must have either value or expression"
type QueryValue struct {
	// name is 1 to 128 characters.
	// +required
	// +kubebuilder:validation:Pattern=`^[!-~]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// value is at most 4096 characters, without control characters.
	// +optional
	// +kubebuilder:validation:Pattern=`^[^\x00-\x1f\x7f]*$`
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=4096
	Value *string `json:"value,omitempty"`

	// expression yields a string, a number or a bool; null leaves the parameter out.
	// +optional
	Expression Expression `json:"expression,omitempty"`
}

// HeaderValue is a field with its value.
//
// +kubebuilder:validation:XValidation:rule="!(self.name.lowerAscii() in ['host', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'proxy-connection', 'te', 'upgrade', 'trailer', 'via']) && !self.name.lowerAscii().startsWith('fanout-')",message="backends.request.headers.set must not name Host (use backends.request.host), Content-Length, Transfer-Encoding, Via, Fanout-* or hop-by-hop fields"
// +kubebuilder:validation:XValidation:rule="has(self.value) != has(self.expression)",message="backends.request.headers.set must have either value or expression"
type HeaderValue struct {
	// name is the field's name.
	// +required
	Name HeaderName `json:"name,omitempty"`

	// value is at most 4096 characters, without control characters.
	// +optional
	// +kubebuilder:validation:Pattern=`^[^\x00-\x08\x0a-\x1f\x7f]*$`
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=4096
	Value *string `json:"value,omitempty"`

	// expression yields a string, a number or a bool; null leaves the field out.
	// +optional
	Expression Expression `json:"expression,omitempty"`
}

// Request says what a backend is sent.
type Request struct {
	// method replaces the call's; GET and HEAD drop the body. Default: the call's.
	// +optional
	Method Method `json:"method,omitempty"`

	// host is the authority that the backend sees. Default: its own.
	// +optional
	Host *RequestHost `json:"host,omitempty"`

	// path says how the path is made. Default: that of the backend's address.
	// +optional
	Path RequestPath `json:"path,omitempty,omitzero"`

	// query says how the query is made. Default: the call's, byte for byte.
	// +optional
	Query RequestQuery `json:"query,omitempty,omitzero"`

	// headers are rules for the fields, applied to the call's end-to-end fields.
	// +optional
	Headers *RequestHeaders `json:"headers,omitempty"`

	// forwardCredentials are the fields with credentials of the caller that the backend
	// gets to see, in any case: Authorization, Cookie, the route's API-key field or any
	// other that is held back. 1 to 16. Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	ForwardCredentials []HeaderName `json:"forwardCredentials,omitempty"`

	// clientAddress is the field in which the backend is told who calls: None (default),
	// XForwardedFor or Forwarded. What a caller says of it itself is never passed on.
	// +optional
	ClientAddress ClientAddress `json:"clientAddress,omitempty"`

	// body says which body is sent. Default: the call's.
	// +optional
	Body RequestBody `json:"body,omitempty,omitzero"`
}

// RequestHostType names the authority that a backend sees.
//
// +kubebuilder:validation:Enum=Backend;Forward;Value
type RequestHostType string

// The authority that a backend sees.
const (
	HostBackend RequestHostType = "Backend"
	HostForward RequestHostType = "Forward"
	HostValue   RequestHostType = "Value"
)

// RequestHost is the authority that a backend sees.
//
// +kubebuilder:validation:XValidation:rule="(has(self.type) && self.type == 'Value') == has(self.value)",message="backends.request.host.value goes with type Value, and must be set there"
type RequestHost struct {
	// type is Backend (default) for its own, Forward for the call's, Value for the
	// one below.
	// +optional
	Type RequestHostType `json:"type,omitempty"`

	// value is a host with an optional port.
	// +optional
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.:_\[\]-]+$`
	// +kubebuilder:validation:MaxLength=255
	Value string `json:"value,omitempty"`
}

// RequestPathType names a way to make a path.
//
// +kubebuilder:validation:Enum=URL;Forward;ReplacePrefix;Expression
type RequestPathType string

// The ways to make a path.
const (
	// PathURL is the path of the backend's address, exactly.
	PathURL RequestPathType = "URL"
	// PathForward appends the call's raw path to it.
	PathForward RequestPathType = "Forward"
	// PathReplacePrefix appends what follows the matched prefix to it.
	PathReplacePrefix RequestPathType = "ReplacePrefix"
	// PathExpression is the whole raw path, as an expression yields it.
	PathExpression RequestPathType = "Expression"
)

// RequestPath says how the path is made. Under Forward and ReplacePrefix a call
// with a dot segment in its path is answered 400, since it would leave the base.
// +kubebuilder:validation:XValidation:rule="(has(self.type) && self.type == 'Expression') == has(self.expression)",message="backends.request.path.expression goes with type Expression, which needs it"
type RequestPath struct {
	// type is URL (default), Forward, ReplacePrefix or Expression.
	// +optional
	Type RequestPathType `json:"type,omitempty"`

	// expression goes with type Expression. It yields a string that begins with / and
	// has only visible ASCII without ? and #, and no dot segment.
	// +optional
	Expression Expression `json:"expression,omitempty"`
}

// RequestQueryType names a way to make a query.
//
// +kubebuilder:validation:Enum=Forward;Drop
type RequestQueryType string

// The ways to make a query.
const (
	QueryForward RequestQueryType = "Forward"
	QueryDrop    RequestQueryType = "Drop"
)

// RequestQuery says how the query is made: the call's raw query or none, then
// remove, then set.
type RequestQuery struct {
	// type is Forward (default) or Drop.
	// +optional
	Type RequestQueryType `json:"type,omitempty"`

	// remove are the names of parameters to take out. At most 32.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Remove []string `json:"remove,omitempty"`

	// set are parameters to put at the end, in place of any of the same name. At
	// most 32.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Set []QueryValue `json:"set,omitempty"`
}

// RequestHeaders are rules for the fields: remove, then set.
type RequestHeaders struct {
	// remove are the fields to take out. At most 32.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	Remove []HeaderName `json:"remove,omitempty"`

	// set are fields to put in, in place of any of the same name. At most 32.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Set []HeaderValue `json:"set,omitempty"`
}

// ClientAddress names the field in which a backend is told who calls.
//
// +kubebuilder:validation:Enum=None;XForwardedFor;Forwarded
type ClientAddress string

// The fields in which a backend is told who calls. Each ends in the address of whoever
// opened the connection to the proxy. Where that peer is within
// listener.clientIP.trustedCIDRs the addresses that it sent come before: the last 32, of
// 4096 bytes at most. From anybody else there is that one address alone.
const (
	// ClientAddressNone is none.
	ClientAddressNone ClientAddress = "None"
	// ClientAddressXForwardedFor is X-Forwarded-For.
	ClientAddressXForwardedFor ClientAddress = "XForwardedFor"
	// ClientAddressForwarded is Forwarded (RFC 7239), with for= alone for what is ours. A
	// chain that trusted peers sent in X-Forwarded-For is written so.
	ClientAddressForwarded ClientAddress = "Forwarded"
)

// RequestBodyType names the body that is sent.
//
// +kubebuilder:validation:Enum=Forward;None;Expression
type RequestBodyType string

// The body that is sent.
const (
	BodyForward RequestBodyType = "Forward"
	BodyNone    RequestBodyType = "None"
	// BodyExpression is the JSON that an expression yields.
	BodyExpression RequestBodyType = "Expression"
)

// RequestBody says which body is sent.
// +kubebuilder:validation:XValidation:rule="(has(self.type) && self.type == 'Expression') == has(self.expression)",message="backends.request.body.expression goes with type Expression, which needs it"
type RequestBody struct {
	// type is Forward (default), None, which drops the fields about the body too, or
	// Expression, which sends application/json instead; not with GET and HEAD.
	// +optional
	Type RequestBodyType `json:"type,omitempty"`

	// expression goes with type Expression. What it only passes on of request.body keeps
	// its bytes. It yields at most validation.maxBodySize.
	// +optional
	Expression Expression `json:"expression,omitempty"`
}
