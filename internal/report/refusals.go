package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/stats"
)

const (
	// refusedShare of the calls of five minutes is told when it is exceeded, unless that are
	// fewer than refusedLeast: of a quiet route one lost caller would be too many.
	refusedShare = 0.05
	refusedLeast = 10
	// toldReasons is how many are named, the most frequent first.
	toldReasons = 3
)

// ToldRefused reports whether a status shows so many refused calls that its operator has told them,
// as CallsRefused has it.
func ToldRefused(shown *v1alpha1.Traffic) bool {
	if shown == nil {
		return false
	}
	span, err := time.ParseDuration(string(shown.Window))
	share, decided := number(shown.RefusedRate, "%")/100, number(shown.RequestRate, "/s")
	if err != nil || share <= refusedShare || share > 1 {
		return false
	}
	return share == 1 || decided*span.Seconds()*share/(1-share) >= refusedLeast
}

// CallsRefused says how many calls are refused and why, where they are many.
func CallsRefused(seen *rates.Observation) (says string, many bool) {
	if seen == nil {
		return "", false
	}
	calls := seen.Sum.Windows.Of(rates.Window).Calls
	share, ok := calls.RefusedRate()
	if !ok || share <= refusedShare || calls.Refused < refusedLeast {
		return "", false
	}
	var why []string
	list := stats.Frequent(seen.Sum.Refused)
	for _, r := range list[:min(len(list), toldReasons)] {
		why = append(why, fmt.Sprintf("%d %s", r.Count, r.Reason))
	}
	says = fmt.Sprintf("%s of %d calls within %s were refused", stats.Percent(share, true), calls.Refused+calls.Decided(), rates.Window)
	if len(why) > 0 {
		says += ": " + strings.Join(why, ", ")
	}
	if rest := len(list) - toldReasons; rest > 0 {
		says += fmt.Sprintf(" and %d reasons more", rest)
	}
	return says, true
}
