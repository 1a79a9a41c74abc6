package stats

import "slices"

// What a report takes in memory, about: a map has room for eight words from the first on.
const (
	sizeRoute   = 256
	sizeBackend = 384
	sizeMissing = 96
	sizeWindow  = 128
	sizeWords   = 300
	sizeCount   = 16
	sizeRule    = 48
)

// Kept returns what of a report a status shows: one window, and no words that counts are
// by. It shares no map or list of windows with the report. Sums of such reports are such
// reports.
func (r *RouteReport) Kept(window string) *RouteReport {
	kept := *r
	kept.Windows, kept.Backends = r.Windows.only(window), slices.Clone(r.Backends)
	for i := range kept.Backends {
		b := &kept.Backends[i]
		b.Standing = r.Backends[i].Standings()
		b.Compared, b.Windows = nil, b.Windows.only(window)
		for _, w := range b.Windows.All() {
			w.Answers.Failed, w.Answers.Rejected = inSum(w.Answers.Failed), inSum(w.Answers.Rejected)
		}
	}
	return &kept
}

// inSum is the sum of counts, by one word.
func inSum(counts map[Reason]uint64) map[Reason]uint64 {
	if n := sum(counts); n > 0 {
		return map[Reason]uint64{Other: n}
	}
	return nil
}

// Thin replaces the durations of a report by some with the same total and quantiles,
// which have to rise; without any of them by none.
func (r *RouteReport) Thin(quantiles ...float64) {
	for _, w := range r.Windows.All() {
		w.Duration = w.Duration.thin(quantiles...)
	}
	for i := range r.Backends {
		for _, w := range r.Backends[i].Windows.All() {
			w.Duration = w.Duration.thin(quantiles...)
		}
	}
}

// Size is about how many bytes a report that was kept takes.
func (r *RouteReport) Size() int {
	n := sizeRoute
	for i := range r.Missing {
		n += sizeMissing + textOf(&r.Missing[i]) + len(r.Missing[i].Message)
	}
	for i := range r.Reported {
		n += sizeRule + len(r.Reported[i].Rule)
	}
	n += sizeRule * (len(r.Refused) + 2*len(r.Certificates))
	for _, w := range r.Windows.All() {
		n += sizeWindow + sizeCount*cap(w.Duration.Counts)
	}
	for i := range r.Backends {
		b := &r.Backends[i]
		n += sizeBackend + len(b.Name)
		if b.LastFailure != nil {
			n += len(b.LastFailure.Message)
		}
		for _, w := range b.Windows.All() {
			n += sizeWindow + sizeCount*cap(w.Duration.Counts)
			for _, words := range [...]map[Reason]uint64{w.Answers.Failed, w.Answers.Rejected} {
				if words != nil {
					n += sizeWords
				}
			}
		}
	}
	return n
}
