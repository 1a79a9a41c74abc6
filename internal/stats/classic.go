package stats

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// maxClassic bounds how many buckets a latency may have beside the native ones: each is a
// series of each backend.
const maxClassic = 32

// DefaultBuckets are the upper bounds of classic buckets: steps of 1, 2.5 and 5.
func DefaultBuckets() []time.Duration {
	var list []time.Duration
	for step := time.Millisecond; step <= 10*time.Second; step *= 10 {
		list = append(list, step, step*5/2, step*5)
	}
	return list
}

// ReadBuckets reads upper bounds, such as 5ms,50ms,1s; none is no bucket at all.
func ReadBuckets(text string) ([]time.Duration, error) {
	list := []time.Duration{}
	if text == "none" {
		return list, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		bound, err := time.ParseDuration(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("parse bound of a bucket: %w", err)
		}
		if bound <= 0 || len(list) > 0 && bound <= list[len(list)-1] {
			return nil, fmt.Errorf("bound %v of a bucket is not above the one before it", bound)
		}
		list = append(list, bound)
	}
	if len(list) > maxClassic {
		return nil, errors.New("more than 32 buckets")
	}
	return list, nil
}

// Nearest is the last native bucket of a classic one: its bound is moved to the nearest of
// theirs, by 2.2 % at most.
func Nearest(bound time.Duration) int {
	return int(math.Round(math.Log2(bound.Seconds()) * perOctave))
}
