package combine

import (
	"strings"
	"testing"
)

// H9: numbers arrive digit for digit, whichever way bodies are combined: no number is read.
func TestH9NumbersArriveDigitForDigit(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"9007199254740993", "1.50", "12345678901234567890123", "1E2", "-0", "1e-7", "0.1000000000000000055511151231257827", "-1.0E+400"} {
		body := `{"n":` + number + `,"list":[` + number + `],"deep":{"n":` + number + `}}`
		other := `{"m":` + number + `,"list":[` + number + `],"deep":{"m":` + number + `}}`
		for words, want := range map[string]string{
			"type=Envelope":              body,
			"type=Group":                 `{"a":` + body + `,"b":` + other + `}`,
			"type=Merge":                 `{"n":` + number + `,"list":[` + number + `,` + number + `],"deep":{"n":` + number + `,"m":` + number + `},"m":` + number + `}`,
			"type=Merge arrays=Unique":   `{"n":` + number + `,"list":[` + number + `],"deep":{"n":` + number + `,"m":` + number + `},"m":` + number + `}`,
			"type=First policy=Required": body,
		} {
			r := parseRoute(words).play(t, "a: 200 application/json "+body, "b: 200 application/json "+other)
			if got := string(r.Body); !strings.Contains(got, want) {
				t.Errorf("%s of %s: %s, want %s in it", words, number, got, want)
			}
		}
	}
}
