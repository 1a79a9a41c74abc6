package gate

import (
	"bytes"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// whole is a call of which nothing is empty but its memory, and what is recorded of it here.
func whole() fanout.Call {
	return fanout.Call{
		Method: "POST", Path: "/orders/%2F\xff", Query: "a=\xfe&b", HasQuery: true, Prefix: 7, Host: "shop.example.com",
		Header: http.Header{"Content-Type": {"text/plain"}, "X-Many": {"one", "", "\xe4"}}, Body: []byte("\x00body"),
		Caller: "till", Claims: []byte(`{"sub":"till"}`), Client: netip.MustParseAddr("2001:db8::1"), XForwardedFor: "192.0.2.1", Forwarded: "for=192.0.2.1", RequestID: "r-1",
	}
}

func newAdmission(t *testing.T, call fanout.Call) *Admission {
	t.Helper()
	return &Admission{Call: call, hidden: newGate(t, func(*routeconfig.Route) {}).hidden}
}

func TestRecordsHoldTheWholeCall(t *testing.T) {
	t.Parallel()
	call := whole()
	for field, value := range reflect.ValueOf(call).Fields() {
		if value.IsZero() && field.Name != "Memory" && field.Name != "Record" {
			t.Errorf("%s is empty, and not tested", field.Name)
		}
	}
	record := newAdmission(t, call).Append([]byte("before"))
	got, err := Decode(record[len("before"):])
	if err != nil || !reflect.DeepEqual(*got, call) {
		t.Errorf("%+v became %+v (%v)", call, got, err)
	}
	if again := newAdmission(t, *got).Append([]byte("before")); !bytes.Equal(again, record) {
		t.Errorf("equal calls have the records %q and %q", record, again)
	}
	bare := fanout.Call{Method: "GET", Path: "/", Header: http.Header{}, Body: []byte{}, Claims: []byte{}}
	if got, err := Decode(newAdmission(t, bare).Append(nil)); err != nil || !reflect.DeepEqual(*got, bare) {
		t.Errorf("%+v became %+v (%v)", bare, got, err)
	}
}

// What is cut off, longer, or of another version is no record: nothing of it is sent.
func TestDamagedRecordsAreRefused(t *testing.T) {
	t.Parallel()
	record := newAdmission(t, whole()).Append(nil)
	for n := range record {
		if call, err := Decode(record[:n]); err == nil {
			t.Errorf("%d of %d bytes are the call %+v", n, len(record), call)
		}
	}
	if _, err := Decode(append(bytes.Clone(record), 0)); err == nil {
		t.Error("a byte behind the end is not noticed")
	}
	record[0]++
	if _, err := Decode(record); err == nil {
		t.Error("another version is read as this one")
	}
}

// A store is not a place for callers' secrets: their key, the route's own list, and what is
// a credential by custom stay out.
func TestRecordsHoldNoCredentials(t *testing.T) {
	t.Parallel()
	g := newGate(t, func(r *routeconfig.Route) {
		r.Authentication = &routeconfig.Authentication{APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "x-till"}}
		r.CredentialHeaders = []string{"x-corp"}
	})
	r, err := http.NewRequestWithContext(t.Context(), "GET", "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.RequestURI = "/orders"
	const secret = "hunter2"
	for _, name := range []string{"X-Corp", "Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "X-Vault-Token", "X-Client-Secret"} {
		r.Header.Set(name, secret)
	}
	r.Header.Set("X-Till", "web-key")
	r.Header.Set("X-Tenant", "acme")
	a, refusal := g.Admit(&Guest{Request: r, Memory: testkit.Account()})
	if refusal != nil {
		t.Fatalf("%+v", refusal)
	}
	record := string(a.Append(nil))
	if strings.Contains(record, secret) || strings.Contains(record, "web-key") {
		t.Errorf("a credential is in the record %q", record)
	}
	if got, err := Decode([]byte(record)); err != nil || got.Caller != "web" || !reflect.DeepEqual(got.Header, http.Header{"X-Tenant": {"acme"}}) {
		t.Errorf("the record holds %+v (%v)", got, err)
	}
}

// Records come from a disk: whatever stands there is read as a call that has just that
// record, or refused.
func FuzzDecode(f *testing.F) {
	hidden := func(string) bool { return false }
	f.Add((&Admission{Call: whole(), hidden: hidden}).Append(nil))
	f.Add([]byte{recordVersion})
	f.Add([]byte{recordVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, record []byte) {
		call, err := Decode(record)
		if err != nil {
			return
		}
		again, err := Decode((&Admission{Call: *call, hidden: hidden}).Append(nil))
		if err != nil || !reflect.DeepEqual(again, call) {
			t.Errorf("%+v became %+v (%v)", call, again, err)
		}
	})
}
