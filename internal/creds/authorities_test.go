package creds_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// Authorities of callers that are taken out of ca.crt let nobody in any more, however they
// were; only certificates of which none can be read leave those of before.
func TestClientAuthoritiesAreOutWithTheirCertificates(t *testing.T) {
	t.Parallel()
	one, two := newPair(t)["tls.crt"], newPair(t)["tls.crt"]
	cut := two[:len(two)/2] + "\n-----END CERTIFICATE-----\n"
	headed := strings.Replace(two, "-----\n", "-----\nA: b\n\n", 1)
	noDER := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("none")}))
	none := `key "ca.crt" holds no certificate; nobody gets in by it`
	unread := "there is no certificate in ca.crt"
	for name, row := range map[string]struct {
		content, want, fault string
		stale                bool
	}{
		"another":                       {two, two, "", false},
		"both":                          {one + two, one + two, "", false},
		"text around it":                {"the CA\n" + two + "and no more", two, "", false},
		"other line ends":               {strings.ReplaceAll(two, "\n", "\r\n"), two, "", false},
		"a key beside it":               {two + "-----BEGIN X-----\nAAAA\n-----END X-----\n", two, "", false},
		"a line of text":                {"no CA any more", "", none, false},
		"white space":                   {" \n\n", "", none, false},
		"another kind of block":         {newPair(t)["tls.key"], "", none, false},
		"commented out":                 {"# " + strings.ReplaceAll(one, "\n", "\n# "), "", none, false},
		"half of it":                    {two[:len(two)/2], one, unread, true},
		"a part of it":                  {cut, one, unread, true},
		"no certificate in its block":   {noDER, one, unread, true},
		"a header in its block":         {headed, one, unread, true},
		"no end of its first line":      {"-----BEGIN CERTIFICATE", one, unread, true},
		"a broken one behind another":   {two + cut, two, `key "ca.crt" has 2 certificates, of which 1 cannot be read`, false},
		"broken ones, before and after": {noDER + two + noDER, two, `key "ca.crt" has 3 certificates, of which 2 cannot be read`, false},
	} {
		secrets := testkit.NewSecrets(t)
		store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
		handle := store.ClientAuthorities("shop", "ca")
		for _, content := range []string{one, row.content} {
			secrets.Mount("shop", "ca", map[string]string{"ca.crt": content})
			store.Reload([]string{"."})
		}
		want := x509.NewCertPool()
		want.AppendCertsFromPEM([]byte(row.want))
		pool, err := handle.Get()
		if (err == nil) != (row.want != "") || err == nil && !pool.Equal(want) {
			t.Errorf("%s: the pool is not the wanted one (%v)", name, err)
		}
		p := handle.Problem()
		if (p == nil) != (row.fault == "") || p != nil && (p.Message != row.fault || p.Stale != row.stale || strings.Join(p.Keys, " ") != "ca.crt") {
			t.Errorf("%s: the problem is %+v, want %q", name, p, row.fault)
		}
	}
}
