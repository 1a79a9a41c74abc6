package gate

import (
	"os"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// What the gate reads is what the list of the document says: a plan keeps no other Secrets up
// to date.
func TestTheGateReadsWhatIsListed(t *testing.T) {
	t.Parallel()
	store := creds.NewStore(creds.Options{Tree: os.DirFS(t.TempDir())})
	config := routeconfig.Route{Namespace: "shop", Authentication: &routeconfig.Authentication{
		APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "X-API-Key"}, Basic: &routeconfig.CallerBasic{Secret: "users"}, Certificate: &routeconfig.CallerCertificate{CASecret: "ca"},
	}}
	g, err := New(Options{Config: &config, Store: store, Via: "fanout-x"})
	if err != nil {
		t.Fatal(err)
	}
	list := config.References()
	var read []creds.Source
	for _, p := range g.proofs {
		switch p := p.(type) {
		case *callerKeys:
			read = append(read, p.callers)
		case *passwords:
			read = append(read, p.users)
		case *certificates:
			read = append(read, p.authorities)
		}
	}
	if len(list) != len(g.proofs) || len(read) != len(list) {
		t.Fatalf("%d proofs read %d of %d Secrets that are listed", len(g.proofs), len(read), len(list))
	}
	for i := range list {
		if store.Source("shop", &list[i]) != read[i] {
			t.Errorf("the gate does not read what is listed: %+v", list[i])
		}
	}
}
