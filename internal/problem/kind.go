package problem

// Kind is one of the catalogue.
type Kind uint8

// The kinds of problems: those of requests that make no call, then those of calls.
const (
	NoMatch Kind = iota
	BadPath
	MethodNotAllowed
	Loop
	Unauthenticated
	CallerUnjudged
	Forbidden
	RateLimited
	LimitUnknown
	TooManyFields
	UnsupportedType
	BodyTooLarge
	BodyTimeout
	BrokenBody
	NoOperation
	BadParameters
	NotJSON
	InvalidBody
	Unjudged
	Overloaded
	Stopping
	NoBackend
	PolicyNotMet
	Conflict
	kinds
)

// words are what the kinds are called: the last part of a type, which clients compare, and
// a title. Neither has a character that JSON escapes.
func (k Kind) words() [2]string {
	return [kinds][2]string{
		NoMatch:          {"no-match", "No match"},
		BadPath:          {"bad-path", "Path refused"},
		MethodNotAllowed: {"method-not-allowed", "Method not allowed"},
		Loop:             {"loop", "Loop detected"},
		Unauthenticated:  {"unauthenticated", "Not authenticated"},
		CallerUnjudged:   {"caller-unjudged", "Caller not judged"},
		Forbidden:        {"forbidden", "Not allowed"},
		RateLimited:      {"rate-limited", "Too many requests"},
		LimitUnknown:     {"limit-unknown", "Rate limit unknown"},
		TooManyFields:    {"too-many-fields", "Too many fields"},
		UnsupportedType:  {"content-type", "Unsupported media type"},
		BodyTooLarge:     {"body-too-large", "Body too large"},
		BodyTimeout:      {"body-timeout", "Body too slow"},
		BrokenBody:       {"broken-body", "Broken body"},
		NoOperation:      {"no-operation", "No operation"},
		BadParameters:    {"invalid-parameters", "Parameters not valid"},
		NotJSON:          {"not-json", "Wrong syntax"},
		InvalidBody:      {"invalid-body", "Body not valid"},
		Unjudged:         {"unjudged", "Nothing to judge by"},
		Overloaded:       {"overloaded", "Overloaded"},
		Stopping:         {"stopping", "Stopping"},
		NoBackend:        {"no-backend", "No backend"},
		PolicyNotMet:     {"policy-not-met", "Success policy not met"},
		Conflict:         {"conflict", "Conflicting values"},
	}[k]
}

// Slug is the last part of the problem's type.
func (k Kind) Slug() string { return k.words()[0] }

// Title says what kind of problem it is, whatever the call.
func (k Kind) Title() string { return k.words()[1] }

// Kinds returns the catalogue.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}
