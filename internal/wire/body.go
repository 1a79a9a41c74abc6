package wire

import (
	"net/http"
	"strings"
)

// frame says how the body of the response ends (RFC 9112, section 6.3).
func (x *exchange) frame(method string) error {
	code := x.response.StatusCode
	length, err := x.length()
	if err != nil {
		return err
	}
	chunked, err := x.chunked(length)
	if err != nil {
		return err
	}
	x.response.Body, x.response.ContentLength = x, length
	switch {
	case method == http.MethodHead, length == 0:
		return x.bodiless()
	case code == http.StatusNoContent, code == http.StatusNotModified:
		x.response.ContentLength = 0 // as net/http has it, whatever the field says
		return x.bodiless()
	case chunked:
		x.stage = size
	case length < 0:
		x.last, x.response.Close = true, true
	}
	x.left = length
	return nil
}

// chunked reports whether the body comes in chunks. Beside a length, or behind another coding, it
// is anybody's guess where they end.
func (x *exchange) chunked(length int64) (bool, error) {
	codings, ok := x.response.Header["Transfer-Encoding"]
	switch {
	case !ok:
		return false, nil
	case len(codings) > 1 || !strings.EqualFold(codings[0], "chunked"):
		return false, fault("a Transfer-Encoding other than chunked")
	case length >= 0 || x.response.ProtoMinor == 0:
		return false, fault("chunks beside a length, or in HTTP/1.0")
	}
	delete(x.response.Header, "Transfer-Encoding")
	x.response.TransferEncoding = []string{"chunked"}
	return true, x.announce()
}

// bodiless ends the exchange with its head.
func (x *exchange) bodiless() error {
	x.response.Body = http.NoBody
	x.end(true)
	return nil
}

// length reads the length, untilClosed where there is none. One that is said again is the same
// one (RFC 9112, section 6.3).
func (x *exchange) length() (int64, error) {
	lengths := x.response.Header["Content-Length"]
	if len(lengths) == 0 {
		return untilClosed, nil
	}
	for _, again := range lengths[1:] {
		if again != lengths[0] {
			return 0, fault("two lengths")
		}
	}
	x.response.Header["Content-Length"] = lengths[:1]
	return number(lengths[0])
}

// number reads digits.
func number(s string) (n int64, err error) {
	const most = 18 // digits of any number that fits
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || i == most {
			return 0, fault("a length that is no number, or too large a one")
		}
		n = 10*n + int64(s[i]-'0')
	}
	if s == "" {
		return 0, fault("a length that is no number, or too large a one")
	}
	return n, nil
}
