package carrier

import (
	"net/url"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// K7: a name is looked up again after the same time.
func TestK7LookupsOutliveAWallClockThatIsSet(t *testing.T) {
	t.Parallel()
	c := New(Options{Base: &url.URL{Host: "127.0.0.1"}, Dialer: dial.New(dial.Options{LookupEvery: time.Minute})})
	defer c.Close()
	c.cancel() // nothing is really looked up
	c.host = "name.invalid"
	begun := time.Now()
	c.refresh(begun)
	first := c.looked.Load()
	c.refresh(testkit.Ahead(begun.Add(time.Second), time.Hour))
	if c.looked.Load() != first {
		t.Error("a second later the name was looked up again")
	}
	c.refresh(testkit.Ahead(begun.Add(2*time.Minute), -time.Hour))
	if c.looked.Load() == first {
		t.Error("two minutes later the name was not looked up again")
	}
}

// P8, for token endpoints: they are asked over the same connections as backends.
func TestP8TokenEndpointsAreAskedAlike(t *testing.T) {
	t.Parallel()
	issuer := NewIssuer("https://tokens.example.com/token", dial.New(dial.Options{}), Secure(nil, nil, nil), nil)
	defer issuer.Close()
	if pool, ok := (*issuer.current.Load()).(*negotiated); !ok {
		t.Errorf("asked by %T", pool)
	}
}
