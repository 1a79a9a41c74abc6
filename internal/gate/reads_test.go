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
	config := routeconfig.Route{Namespace: "shop", Authentication: &routeconfig.Authentication{APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "X-API-Key"}}}
	g, err := New(Options{Config: &config, Store: store, Via: "fanout-x"})
	if err != nil {
		t.Fatal(err)
	}
	list := config.References()
	if len(list) != 1 || store.Source("shop", &list[0]) != creds.Source(g.keys.callers) {
		t.Errorf("the gate does not read what is listed: %+v", list)
	}
}
