package stats

import (
	"fmt"
	"strconv"
	"time"
)

// Percent writes a success rate, such as 99.5%; empty where there is none. It is
// rounded down, so that 100% means that nothing failed.
func Percent(rate float64, ok bool) string {
	if !ok {
		return ""
	}
	permille := int(rate*1000 + 1e-9)
	return strconv.FormatFloat(float64(permille)/10, 'f', -1, 64) + "%"
}

// PerSecond writes a rate, such as 12.5/s, with three digits.
func PerSecond(n uint64, seconds float64) string {
	if seconds <= 0 {
		return "0/s"
	}
	return strconv.FormatFloat(round(float64(n)/seconds), 'f', -1, 64) + "/s"
}

func round(x float64) float64 {
	rounded, _ := strconv.ParseFloat(fmt.Sprintf("%.3g", x), 64) // of a number just printed
	return rounded
}

// Short writes a duration with two or three digits, such as 1.5ms; empty for 0.
func Short(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

// Total is the number of answers that were asked for: all but the skipped.
func (a Answers) Total() uint64 {
	return a.Succeeded + a.FailedTotal() + a.RejectedTotal() + a.Canceled
}
