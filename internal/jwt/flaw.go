package jwt

// Flaw is why a token is refused, for logs and metrics: never for who sent it, whom it would
// tell how to make a better one.
type Flaw uint8

// The flaws, in the order in which they are looked for: of several issuers that refuse a token
// the one has most to do with it that comes furthest.
const (
	NoFlaw         Flaw = iota
	Malformed           // it is no token, or of a kind that is not taken
	WrongIssuer         // it is of none of the issuers
	NoExpiry            // it says no end
	Expired             // its end has passed
	NotYetValid         // its beginning has not come
	WrongAudience       // it is for others
	LacksClaim          // it does not say what it must
	NoCaller            // it names nobody
	WrongAlgorithm      // it is signed by an algorithm that is not taken
	UnknownKey          // it is signed by a key that the issuer does not have
	BadSignature        // it is not what was signed
)
