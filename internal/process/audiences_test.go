package process_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/fanout-operator/fanout/internal/process"
)

// The operator's own token tells what its API server is called, however it is handed over.
func TestAPIAudiences(t *testing.T) {
	t.Parallel()
	token := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	for name, row := range map[string]struct {
		token string
		want  []string
	}{
		"several":              {token(`{"iss":"https://oidc.example.com/id/1","aud":["https://kubernetes.default.svc","k3s"]}`), []string{"https://kubernetes.default.svc", "k3s", "https://oidc.example.com/id/1"}},
		"one without a list":   {token(`{"iss":"me","aud":"api"}`), []string{"api", "me"}},
		"of a Secret":          {token(`{"iss":"kubernetes/serviceaccount"}`), []string{"kubernetes/serviceaccount"}},
		"with a line end":      {token(`{"aud":["api"]}`) + "\n", []string{"api"}},
		"of another kind":      {"0123456789abcdef", nil},
		"none":                 {"", nil},
		"what is no text":      {"a.~.c", nil},
		"what is no object":    {token(`[]`), nil},
		"what is no audience":  {token(`{"aud":{"x":1}}`), nil},
		"an empty one in them": {token(`{"aud":["","api"]}`), []string{"api"}},
	} {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(row.token), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, config := range []*rest.Config{{BearerToken: row.token}, {BearerTokenFile: file, BearerToken: "a.b.c"}} {
			if got := process.APIAudiences(config); !slices.Equal(got, row.want) {
				t.Errorf("%s: %q, want %q", name, got, row.want)
			}
		}
	}
	if got := process.APIAudiences(&rest.Config{BearerTokenFile: filepath.Join(t.TempDir(), "none")}); got != nil {
		t.Errorf("of a file that is not there: %q", got)
	}
}
