package stats

import (
	"slices"
	"time"
)

// severity orders the states of circuit breakers: each proxy has its own, and the
// worst is shown.
func severity(c Circuit) int { return slices.Index(Circuits(), c) }

// merger adds up reports. Its maps are places in the lists of all.
type merger struct {
	all      RouteReport
	missing  missingKeys
	listed   map[MissingKey]int
	backends map[string]int
}

// Merge adds up the reports of one route by several proxies. Backends stand in the
// order of the first report that names them; the youngest failure stays, and the worst
// circuit. Missing keys are those that any proxy lacks, as many
// as one report may name, and the store is one that does not answer, if any proxy's does not. The reports are left as they
// are, and the work grows with their length alone.
func Merge(reports []RouteReport) RouteReport {
	m := merger{missing: missingKeys{limit: maxMissing}, listed: map[MissingKey]int{}, backends: map[string]int{}}
	for i := range reports {
		r := &reports[i]
		m.all.Namespace, m.all.Name = r.Namespace, r.Name
		m.addMissing(r.Missing)
		m.all.Reported = addReported(m.all.Reported, r.Reported)
		m.all.Refused = addRefusals(m.all.Refused, r.Refused)
		m.all.Certificates = addCertificates(m.all.Certificates, r.Certificates)
		m.addStore(r.Store)
		for name, w := range r.Windows.All() {
			m.all.Windows.sum(name).Add(*w)
		}
		for j := range r.Backends {
			m.addBackend(&r.Backends[j])
		}
	}
	m.all.Missing = m.missing.list
	return m.all
}

// addStore keeps what the first proxy says whose store does not answer.
func (m *merger) addStore(s *StoreReport) {
	if s != nil && (m.all.Store == nil || m.all.Store.Answers && !s.Answers) {
		m.all.Store = s
	}
}

func (m *merger) addMissing(missing []MissingKey) {
	for _, key := range missing {
		id := MissingKey{Secret: key.Secret, ConfigMap: key.ConfigMap, Key: key.Key, Backend: key.Backend, Issuer: key.Issuer, Audience: key.Audience, Field: key.Field}
		if at, known := m.listed[id]; known {
			k := &m.missing.list[at]
			k.Stale = k.Stale && key.Stale
			continue
		}
		key.Seconds = 0 // each proxy has its own, and none is news
		if m.missing.add(key) {
			m.listed[id] = len(m.missing.list) - 1
		}
	}
}

func (m *merger) addBackend(b *BackendReport) {
	at, known := m.backends[b.Name]
	if !known {
		at = len(m.all.Backends)
		m.backends[b.Name] = at
		m.all.Backends = append(m.all.Backends, BackendReport{Name: b.Name})
	}
	sum := &m.all.Backends[at]
	for name, w := range b.Windows.All() {
		sum.Windows.sum(name).Add(*w)
	}
	sum.Standing.Add(b.Standings())
	sum.Shadow = sum.Shadow || b.Shadow
	sum.Compared = addWords(sum.Compared, b.Compared)
	if severity(b.Circuit) > severity(sum.Circuit) {
		sum.Circuit = b.Circuit
	}
	if b.LastFailure != nil && (sum.LastFailure == nil || b.LastFailure.AgeSeconds < sum.LastFailure.AgeSeconds) {
		sum.LastFailure = b.LastFailure
	}
}

// Aged returns the report as one that was made some time ago: its failures are older
// by that. What has no age is shared with the report.
func (r *RouteReport) Aged(by time.Duration) RouteReport {
	aged := *r
	aged.Backends = slices.Clone(r.Backends)
	for i := range aged.Backends {
		if f := aged.Backends[i].LastFailure; f != nil {
			older := *f
			older.AgeSeconds += by.Seconds()
			aged.Backends[i].LastFailure = &older
		}
	}
	return aged
}
