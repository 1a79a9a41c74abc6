package stats

import "slices"

// severity orders the states of circuit breakers: each proxy has its own, and the
// worst is shown.
func severity(circuit string) int {
	return slices.Index([]string{"", "closed", "halfOpen", "open"}, circuit)
}

// Merge adds up the reports of one route by several proxies. Backends stand in the
// order of the first report that names them; the newest failure stays, and the worst
// circuit. Missing
// keys are those that any proxy lacks.
func Merge(reports []RouteReport) RouteReport {
	var all RouteReport
	for i := range reports {
		r := &reports[i]
		all.Namespace, all.Name = r.Namespace, r.Name
		all.addMissing(r.Missing)
		all.addWindows(r.Windows)
		for j := range r.Backends {
			all.addBackend(&r.Backends[j])
		}
	}
	return all
}

func (all *RouteReport) addMissing(missing []MissingKey) {
	for _, m := range missing {
		known := false
		for i := range all.Missing {
			k := &all.Missing[i]
			if k.Secret == m.Secret && k.Key == m.Key && k.Backend == m.Backend {
				known = true
				k.Stale = k.Stale && m.Stale
			}
		}
		if !known {
			m.Seconds = 0 // each proxy has its own, and none is news
			all.Missing = append(all.Missing, m)
		}
	}
}

func (all *RouteReport) addWindows(windows map[string]CallsWindow) {
	if all.Windows == nil {
		all.Windows = map[string]CallsWindow{}
	}
	for name, w := range windows {
		sum := all.Windows[name]
		sum.Add(w)
		all.Windows[name] = sum
	}
}

func (all *RouteReport) addBackend(b *BackendReport) {
	at := -1
	for i := range all.Backends {
		if all.Backends[i].Name == b.Name {
			at = i
		}
	}
	if at < 0 {
		at = len(all.Backends)
		all.Backends = append(all.Backends, BackendReport{Name: b.Name, Windows: map[string]AnswersWindow{}})
	}
	sum := &all.Backends[at]
	for name, w := range b.Windows {
		window := sum.Windows[name]
		window.Add(w)
		sum.Windows[name] = window
	}
	sum.Shadow = sum.Shadow || b.Shadow
	sum.Compared = addReasons(sum.Compared, b.Compared)
	if severity(b.Circuit) > severity(sum.Circuit) {
		sum.Circuit = b.Circuit
	}
	if b.LastFailure != nil && (sum.LastFailure == nil || b.LastFailure.Time.After(sum.LastFailure.Time)) {
		sum.LastFailure = b.LastFailure
	}
}
