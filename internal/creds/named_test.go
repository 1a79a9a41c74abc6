package creds_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// What a Secret of fields may not hold is told by key, and none of it is sent.
func TestFieldsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range 33 {
		many[fmt.Sprintf("x-%d", i)] = "v"
	}
	for name, row := range map[string]struct {
		keys map[string]string
		want string
	}{
		"no key":               {map[string]string{}, "missing or empty"},
		"a reserved key alone": {map[string]string{"allowedHosts": "h"}, "missing or empty"},
		"the authority":        {map[string]string{"Host": "h", "a": "b"}, `key "Host" is the name of no field`},
		"of the connection":    {map[string]string{"Transfer-Encoding": "chunked"}, `key "Transfer-Encoding" is the name of no field`},
		"of gRPC":              {map[string]string{"grpc-timeout": "1S"}, `key "grpc-timeout" is the name of no field`},
		"two cases":            {map[string]string{"X-A": "1", "x-a": "2"}, `key "x-a" is there twice`},
		"two lines":            {map[string]string{"x": "1\n2"}, `key "x" holds more than one line`},
		"an empty value":       {map[string]string{"x": ""}, `key "x" is missing or empty`},
		"too many":             {many, "it has 33 keys, at most 32"},
	} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount("shop", "s", row.keys)
		d := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}).Headers("shop", "s")
		if _, err := d.Get(); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
}
