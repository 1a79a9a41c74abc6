package gate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// recordVersion is the first byte of a record. Whatever changes the rest changes it.
const recordVersion = 2

// errRecord is returned for what Append has not written.
var errRecord = errors.New("it is no record of a call")

// Append appends the admitted call as it may be stored: all that backends and their
// expressions get of it, but none of the fields in which callers of the route send
// credentials. Equal calls have equal records. Decode reads it again.
func (a *Admission) Append(dst []byte) []byte {
	c := &a.Call
	dst = append(dst, recordVersion)
	for _, s := range texts(c) {
		dst = appendText(dst, *s)
	}
	client, _ := c.Client.MarshalBinary() // never fails, see its documentation
	dst = appendText(dst, string(client))
	query := uint64(0)
	if c.HasQuery {
		query = 1
	}
	dst = binary.AppendUvarint(dst, query)
	dst = binary.AppendUvarint(dst, uint64(c.Prefix)) //nolint:gosec // a length
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(c.Header)), a.hidden)
	dst = binary.AppendUvarint(dst, uint64(len(names)))
	for _, name := range names {
		dst = binary.AppendUvarint(appendText(dst, name), uint64(len(c.Header[name])))
		for _, value := range c.Header[name] {
			dst = appendText(dst, value)
		}
	}
	dst = append(binary.AppendUvarint(dst, uint64(len(c.Claims))), c.Claims...)
	return append(binary.AppendUvarint(dst, uint64(len(c.Body))), c.Body...)
}

// texts are the parts of a call that are texts, in the order of a record.
func texts(c *fanout.Call) []*string {
	return []*string{&c.Method, &c.Path, &c.Query, &c.Host, &c.Caller, &c.XForwardedFor, &c.Forwarded, &c.RequestID}
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// Decode returns the call of a record, whose bytes its body and claims share; it has no memory yet.
// The error says that it is no record, or one of another version.
func Decode(record []byte) (*fanout.Call, error) {
	if len(record) == 0 || record[0] != recordVersion {
		return nil, fmt.Errorf("decode call: %w of version %d", errRecord, recordVersion)
	}
	d, c := decoder{rest: record[1:]}, &fanout.Call{}
	for _, s := range texts(c) {
		*s = d.text()
	}
	c.Client = d.address()
	c.HasQuery, c.Prefix = d.number(1) == 1, d.number(len(c.Path))
	c.Header = d.header()
	c.Claims = d.bytes()
	c.Body = d.bytes()
	if d.broken || len(d.rest) > 0 {
		return nil, fmt.Errorf("decode call: %w", errRecord)
	}
	return c, nil
}

// decoder reads a record that may be damaged. After the first fault all that it reads is
// empty.
type decoder struct {
	rest   []byte
	broken bool
}

// number is no larger than most.
func (d *decoder) number(most int) int {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || n > uint64(most) { //nolint:gosec // a constant
		d.broken = true
	}
	if d.broken {
		return 0
	}
	d.rest = d.rest[size:]
	return int(n) //nolint:gosec // most at the most
}

func (d *decoder) bytes() []byte {
	n := d.number(len(d.rest))
	if n > len(d.rest) { // its own size is part of the rest
		d.broken = true
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) text() string { return string(d.bytes()) }

func (d *decoder) address() (client netip.Addr) {
	if client.UnmarshalBinary(d.bytes()) != nil {
		d.broken = true
	}
	return client
}

func (d *decoder) header() http.Header {
	h := http.Header{}
	for range d.number(len(d.rest)) {
		name := d.text()
		for range d.number(len(d.rest)) {
			h[name] = append(h[name], d.text())
		}
	}
	return h
}
