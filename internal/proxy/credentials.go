package proxy

import (
	"time"

	"github.com/fanout-operator/fanout/internal/backend"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// credential is one object for one purpose, as labels tell it from others. A backend and its
// token endpoint may go by the same one, which is one then.
type credential struct {
	backend, name string
	kind          routeconfig.Kind
	use           routeconfig.Use
}

// credentials writes metrics of the Secrets, ConfigMaps and tokens that a route reads: what is wrong
// with each, since when it is in use, and when certificates end.
func (m metrics) credentials(r *route, now time.Time) {
	forbidden := map[credential]bool{}
	note := func(name string, b *backend.Backend) {
		for _, of := range b.Forbidden() {
			forbidden[credential{backend: name, name: of.Name, kind: of.Kind}] = true
		}
	}
	for _, b := range r.backends {
		note(b.name, b.Backend)
	}
	for _, s := range r.shadows {
		note(s.name, s.Backend)
	}
	told := map[credential]bool{}
	for _, d := range r.reads {
		kind, name := d.Object()
		id := credential{d.backend, name, kind, d.use}
		if told[id] {
			continue
		}
		told[id] = true
		life := d.Life(now)
		if forbidden[credential{backend: d.backend, name: name, kind: kind}] {
			life.Problem = creds.Forbidden
		}
		m.credential(id, life)
	}
}

func (m metrics) credential(id credential, life creds.Life) {
	labels := [...]string{"backend", id.backend, "kind", id.kind.String(), "name", id.name, "use", string(id.use), "reason", ""}
	plain := labels[:len(labels)-2]
	for _, reason := range creds.Kinds() {
		labels[len(labels)-1] = string(reason)
		m.Gauge("fanout_credential_missing", "1 where a Secret, a ConfigMap or a token cannot be used as it is now, by why.",
			boolean(life.Problem == reason), labels[:]...)
	}
	if !life.Since.IsZero() {
		m.Gauge("fanout_credential_change_timestamp_seconds", "Since when a proxy uses what it uses of a Secret, a ConfigMap or a token.", seconds(life.Since), plain...)
	}
	if !life.Ends.IsZero() {
		m.Gauge("fanout_certificate_expiry_timestamp_seconds", "When the first certificate ends that is in use.", seconds(life.Ends), plain...)
	}
}

// tokens writes when the access token ends that a backend is shown.
func (m metrics) token(name string, b *backend.Backend) {
	if at, ok := b.TokenEnds(); ok && !at.IsZero() {
		m.Gauge("fanout_token_expiry_timestamp_seconds", "When the access token ends that a backend is shown.", seconds(at), "backend", name)
	}
}
