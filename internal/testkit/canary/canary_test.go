package canary_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/testkit/canary"
)

// Whatever a canary is written as, it is found, and none is found where there is none.
func TestCanariesAreFoundInEveryForm(t *testing.T) {
	t.Parallel()
	c := canary.New("s", "k", `"\/+=&%<>`)
	quoted, _ := json.Marshal(map[string]string{"a": "x" + c.Whole})
	twice, _ := json.Marshal(string(quoted))
	pem := base64.StdEncoding.EncodeToString([]byte("some bytes of a key " + c.Core + " and more of them"))
	for name, text := range map[string]string{
		"as it is": "x" + c.Core, "JSON": string(quoted), "JSON in JSON": string(twice), "Go": fmt.Sprintf("%q", c.Whole), "a URL": "/?a=" + url.QueryEscape(c.Whole),
		"hex": hex.EncodeToString([]byte("x" + c.Core)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(c.Core))), "bytes": fmt.Sprintf("%d", []byte("x"+c.Core)),
		"Basic": base64.StdEncoding.EncodeToString([]byte("u:" + c.Whole)), "Basic of another name": base64.StdEncoding.EncodeToString([]byte("us:" + c.Whole)),
		"base64url": base64.RawURLEncoding.EncodeToString([]byte("\xff\xfe" + c.Core)), "PEM": pem[:20] + "\n" + pem[20:40] + "\n" + pem[40:], "PEM in JSON": pem[:30] + `\n` + pem[30:],
		"a number": new(big.Int).SetBytes([]byte(c.Core)).String(),
	} {
		if len(canary.Found([]canary.Value{c}, text)) == 0 {
			t.Errorf("%s: not found in %q", name, text)
		}
		if hits := canary.Found([]canary.Value{canary.New("s", "k", "")}, text); len(hits) > 0 {
			t.Errorf("%s: another one is found: %q", name, hits)
		}
	}
}
