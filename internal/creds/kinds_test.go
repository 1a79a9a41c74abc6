package creds_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// derived is what is made of a Secret, told in a text.
type derived struct {
	creds.Source

	tell func() (string, error)
}

// told tells what was made by a function of the test's own.
func told[T any](d *creds.Derived[T], tell func(T) string) derived {
	return derived{d, func() (string, error) {
		value, err := d.Get()
		if err != nil {
			return "", err
		}
		return tell(value), nil
	}}
}

// values tells the values of some keys.
func values(d *creds.Derived[*creds.Snapshot], keys ...string) derived {
	return told(d, func(s *creds.Snapshot) string {
		var list []string
		for _, key := range keys {
			list = append(list, s.Value(key).Reveal())
		}
		return strings.Join(list, " ")
	})
}

// kindTrial is a kind of what is made of Secrets, with Secrets for it.
type kindTrial struct {
	open            func(*creds.Store) derived
	good, other     map[string]string
	tells, tells2nd string // what good and other are told as
	bad             map[string]string
	// key is the one that the problem of bad names.
	key string
	// checked is a kind that what is taken away is gone from: the bad value is bad for one
	// key, and the rest of bad is told as this.
	checked string
	// revoked is one that is gone from when all of it is taken away, and is kept else.
	revoked bool
}

func kindTrials(t *testing.T) map[string]kindTrial {
	t.Helper()
	one, two := newPair(t), newPair(t)
	subject := func(pair map[string]string) string {
		block, _ := pem.Decode([]byte(pair["tls.crt"]))
		return string(block.Bytes)
	}
	pool := func(p *x509.CertPool) string {
		for name, pair := range map[string]map[string]string{"one": one, "two": two} {
			only := x509.NewCertPool()
			if only.AppendCertsFromPEM([]byte(pair["tls.crt"])); p.Equal(only) {
				return name
			}
		}
		return "neither"
	}
	callers := func(c *creds.Callers) string {
		var list []string
		for _, key := range []string{"a", "b", "w", "c\x01"} {
			if name, ok := c.Name(key); ok {
				list = append(list, key+"="+name)
			}
		}
		return strings.Join(list, " ")
	}
	ada, bob := "ada:"+hashOf(t, "a", 4), "bob:"+hashOf(t, "b", 4)
	users := func(u *creds.Users) string {
		var list []string
		for _, name := range []string{"ada", "bob"} {
			verdict := u.Recall(name, u.Digest(name, name[:1]))
			if verdict == creds.Unjudged {
				verdict = u.Judge(name, name[:1])
			}
			if verdict == creds.Right {
				list = append(list, name)
			}
		}
		return strings.Join(list, " ")
	}
	return map[string]kindTrial{
		"Webhook": {
			open: func(s *creds.Store) derived { return values(s.Webhook("shop", "s"), "secret") },
			good: map[string]string{"secret": webhookKey('a')}, tells: webhookKey('a'),
			other: map[string]string{"secret": webhookKey('a') + "\n" + webhookKey('b')}, tells2nd: webhookKey('a') + "\n" + webhookKey('b'),
			bad: map[string]string{"secret": "whsec_short"}, key: "secret",
		},
		"Client that is proved elsewhere": {
			open: func(s *creds.Store) derived { return values(s.Client("shop", "s", "client_id"), "client_id") },
			good: map[string]string{"client_id": "u"}, tells: "u", other: map[string]string{"client_id": "v", "client_secret": ""}, tells2nd: "v",
			bad: map[string]string{"client_id": "a\x01"}, key: "client_id",
		},
		"Client that signs": {
			open: func(s *creds.Store) derived {
				return values(s.Client("shop", "s", "client_id", "private_key"), "client_id", "private_key", "key_id")
			},
			good: map[string]string{"client_id": "u", "private_key": one["tls.key"]}, tells: "u " + strings.TrimSuffix(one["tls.key"], "\n") + " ",
			other:    map[string]string{"client_id": "u", "private_key": two["tls.key"], "key_id": "k"},
			tells2nd: "u " + strings.TrimSuffix(two["tls.key"], "\n") + " k",
			bad:      map[string]string{"client_id": "v", "private_key": two["tls.crt"]}, key: "private_key",
		},
		"SigningKey": {
			open: func(s *creds.Store) derived { return values(s.SigningKey("shop", "s", "k"), "k") },
			good: map[string]string{"k": "1"}, tells: "1", other: map[string]string{"k": "2 ü"}, tells2nd: "2 ü",
			bad: map[string]string{"k": "a\nb"}, key: "k",
		},
		"SigningKeys": {
			open: func(s *creds.Store) derived { return values(s.SigningKeys("shop", "s", "k"), "k") },
			good: map[string]string{"k": "1\n2"}, tells: "1\n2", other: map[string]string{"k": "2"}, tells2nd: "2",
			bad: map[string]string{"k": "1\n2\n3"}, key: "k",
		},
		"AWS": {
			open: func(s *creds.Store) derived {
				return values(s.AWS("shop", "s"), "aws_access_key_id", "aws_secret_access_key", "aws_session_token")
			},
			good: map[string]string{"aws_access_key_id": "id", "aws_secret_access_key": "1"}, tells: "id 1 ",
			other: map[string]string{"aws_access_key_id": "id", "aws_secret_access_key": "2", "aws_session_token": "t"}, tells2nd: "id 2 t",
			bad: map[string]string{"aws_access_key_id": "id", "aws_secret_access_key": "3", "aws_session_token": "a\nb"}, key: "aws_session_token",
		},
		"Keys": {
			open: func(s *creds.Store) derived { return values(s.Keys("shop", "s", "k", "l"), "k", "l") },
			good: map[string]string{"k": "1", "l": "2"}, tells: "1 2", other: map[string]string{"k": "3", "l": "4"}, tells2nd: "3 4",
			bad: map[string]string{"k": "5"}, key: "l",
		},
		"Field": {
			open: func(s *creds.Store) derived { return values(s.Field("shop", "s", "k"), "k") },
			good: map[string]string{"k": "1"}, tells: "1", other: map[string]string{"k": "2"}, tells2nd: "2",
			bad: map[string]string{"k": "a\nb"}, key: "k",
		},
		"Basic": {
			open: func(s *creds.Store) derived { return values(s.Basic("shop", "s"), "username", "password") },
			good: map[string]string{"username": "u", "password": "1"}, tells: "u 1", other: map[string]string{"username": "v", "password": "2"}, tells2nd: "v 2",
			bad: map[string]string{"username": "a:b", "password": "3"}, key: "username",
		},
		"Client": {
			open: func(s *creds.Store) derived {
				return values(s.Client("shop", "s", "client_id", "client_secret"), "client_id", "client_secret")
			},
			good: map[string]string{"client_id": "u", "client_secret": "1"}, tells: "u 1", other: map[string]string{"client_id": "v", "client_secret": "2"}, tells2nd: "v 2",
			bad: map[string]string{"client_id": "w", "client_secret": "a\x01"}, key: "client_secret",
		},
		"Account": {
			open: func(s *creds.Store) derived {
				return values(s.Account("shop", "s"), "username", "password", "sentinelUsername", "sentinelPassword")
			},
			good: map[string]string{"password": "1\nä"}, tells: " 1\nä  ",
			other: map[string]string{"username": "u", "password": "2", "sentinelUsername": "w", "sentinelPassword": "3"}, tells2nd: "u 2 w 3",
			bad: map[string]string{"username": "v", "sentinelPassword": "4"}, key: "password",
		},
		"Credential": {
			open: func(s *creds.Store) derived {
				return values(s.Credential("shop", &routeconfig.Reference{Name: "s", Keys: []string{"k"}, Use: routeconfig.UseQuery}), "k")
			},
			good: map[string]string{"k": "1"}, tells: "1", other: map[string]string{"k": "a\tb"}, tells2nd: "a\tb",
			bad: map[string]string{"k": "", "l": "1"}, key: "k",
		},
		"Headers": {
			open: func(s *creds.Store) derived {
				return told(s.Headers("shop", "s"), func(s *creds.Snapshot) string {
					var list []string
					for name, value := range s.Fields() {
						list = append(list, name+"="+value.Reveal())
					}
					return strings.Join(list, " ")
				})
			},
			good: map[string]string{"Authorization": "Bearer 1", "x-scope": "a"}, tells: "Authorization=Bearer 1 x-scope=a",
			other: map[string]string{"Authorization": "Bearer 2", "allowedHosts": "h"}, tells2nd: "Authorization=Bearer 2",
			bad: map[string]string{"Authorization": "Bearer 3", "x-scope": "a\nb"}, key: "x-scope",
		},
		"Authorities": {
			open: func(s *creds.Store) derived { return told(s.Authorities("shop", "s"), pool) },
			good: map[string]string{"ca.crt": one["tls.crt"]}, tells: "one", other: map[string]string{"ca.crt": two["tls.crt"]}, tells2nd: "two",
			bad: map[string]string{"ca.crt": "no PEM"}, key: "ca.crt",
		},
		"ClientAuthorities": {
			open: func(s *creds.Store) derived { return told(s.ClientAuthorities("shop", "s"), pool) },
			good: map[string]string{"ca.crt": one["tls.crt"]}, tells: "one", other: map[string]string{"ca.crt": two["tls.crt"]}, tells2nd: "two",
			bad: map[string]string{"ca.crt": "-----BEGIN CERTIFICATE-----\nhalf"}, key: "ca.crt", revoked: true,
		},
		"KeyPair": {
			open: func(s *creds.Store) derived {
				return told(s.KeyPair("shop", "s"), func(c *tls.Certificate) string { return string(c.Certificate[0]) })
			},
			good: one, tells: subject(one), other: two, tells2nd: subject(two),
			bad: map[string]string{"tls.crt": two["tls.crt"], "tls.key": one["tls.key"]}, key: "tls.key",
		},
		"Callers": {
			open: func(s *creds.Store) derived { return told(s.Callers("shop", "s"), callers) },
			good: map[string]string{"till": "a\nb"}, tells: "a=till b=till", other: map[string]string{"till": "b", "web": "w"}, tells2nd: "b=till w=web",
			bad: map[string]string{"till": strings.Repeat("x", 1<<20+1), "web": "w"}, key: "till", checked: "w=web",
		},
		"Users": {
			open: func(s *creds.Store) derived { return told(s.Users("shop", "s"), users) },
			good: map[string]string{"auth": ada + "\n" + bob}, tells: "ada bob", other: map[string]string{"auth": ada}, tells2nd: "ada",
			bad: map[string]string{"auth": "ada:plain\n" + bob}, key: "auth", checked: "bob",
		},
	}
}

// Whatever is made of Secrets is kept alike: a method of the Store that makes something has
// a trial.
func TestEveryKindIsKept(t *testing.T) {
	t.Parallel()
	trials := kindTrials(t)
	store := reflect.TypeFor[*creds.Store]()
	kinds := map[string]bool{} // by the first word of their trials
	for name := range trials {
		method, _, _ := strings.Cut(name, " ")
		kinds[method] = true
	}
	kinds["Workload"] = true // which has tests of its own
	found := 0
	for method := range store.Methods() {
		if method.Type.NumOut() == 1 && method.Type.Out(0).Kind() != reflect.Interface && method.Type.Out(0).Implements(reflect.TypeFor[creds.Source]()) {
			found++
			if !kinds[method.Name] {
				t.Errorf("%s has no trial", method.Name)
			}
		}
	}
	if found != len(kinds) {
		t.Errorf("%d kinds and trials of %d", found, len(kinds))
	}
	for name, trial := range trials {
		t.Run(name, trial.run)
	}
}

func (k kindTrial) run(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	d := k.open(store)
	become := func(when string, keys map[string]string, tells string, wrong bool) {
		t.Helper()
		if keys != nil {
			secrets.Mount("shop", "s", keys)
			store.Reload([]string{"shop/s"})
		}
		if got, err := d.tell(); got != tells || (err == nil) != (tells != "") {
			t.Errorf("%s: %.60q (%v), want %.60q", when, got, err, tells)
		}
		p := d.Problem()
		if (p != nil) != wrong || p != nil && (p.Since.IsZero() || p.Stale != (tells != "" && k.checked == "")) {
			t.Errorf("%s: the problem is %+v", when, p)
		}
	}
	become("before there is one", nil, "", true)
	become("a bad one first", k.bad, k.checked, true)
	if _, err := d.tell(); k.checked == "" && !errors.Is(err, creds.ErrUnfit) && !errors.Is(err, creds.ErrMissing) {
		t.Errorf("a bad one first: %v", err)
	}
	become("a good one", k.good, k.tells, false)
	become("a bad one after it", k.bad, or(k.checked, k.tells), true)
	if p := d.Problem(); !slices.Equal(p.Keys, []string{k.key}) || p.Message == "" && k.bad[k.key] != "" {
		t.Errorf("a bad one after it: the problem is %+v, want %s and why", p, k.key)
	}
	become("another good one", k.other, k.tells2nd, false)
	gone := k.tells2nd
	if k.checked != "" || k.revoked {
		gone = ""
	}
	become("none any more", map[string]string{}, gone, true)
	kind, name := d.Object()
	if p := d.Problem(); p.Keys != nil || p.Message != "" || name != "s" || kind != routeconfig.KindSecret {
		t.Errorf("none any more: the problem of %s is %+v, want the Secret as a whole", name, p)
	}
	become("the first again", k.good, k.tells, false)
	if k.open(store).Source != d.Source {
		t.Error("who asks again has a memory of his own")
	}
}

// A volume that cannot be read has taken nothing away, whatever is made of it.
func TestEveryKindOutlivesAnUnreadableVolume(t *testing.T) {
	t.Parallel()
	for name, trial := range kindTrials(t) {
		tree := &broken{MapFS: fstest.MapFS{}}
		unreadable := []string{"shop/s"}
		for key, content := range trial.good {
			tree.MapFS["shop/s/"+key] = &fstest.MapFile{Data: []byte(content)}
			unreadable = append(unreadable, "shop/s/"+key)
		}
		store := creds.NewStore(creds.Options{Tree: tree})
		d := trial.open(store)
		tree.names = unreadable
		store.Reload([]string{"."})
		if got, err := d.tell(); got != trial.tells || d.Problem() == nil || !d.Problem().Stale || d.Problem().Message == "" {
			t.Errorf("%s: %.60q (%v), problem %+v", name, got, err, d.Problem())
		}
		tree.names = nil
		store.Reload([]string{"."})
		if got, err := d.tell(); got != trial.tells || d.Problem() != nil {
			t.Errorf("%s, healed: %.60q (%v), problem %+v", name, got, err, d.Problem())
		}
	}
}

// Calls that read while a Secret is rotated see one of its values, whole.
func TestEveryKindIsReadWhileItChanges(t *testing.T) {
	t.Parallel()
	for name, trial := range kindTrials(t) {
		secrets := testkit.NewSecrets(t)
		secrets.Mount("shop", "s", trial.good)
		store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
		d := trial.open(store)
		var reading atomic.Int64
		var readers sync.WaitGroup
		for range 4 {
			reading.Add(1)
			readers.Go(func() {
				defer reading.Add(-1)
				for range 500 {
					got, err := d.tell()
					_ = d.Problem()
					if err != nil || got != trial.tells && got != trial.tells2nd && got != trial.checked {
						t.Errorf("%s: %.60q (%v)", name, got, err)
						return
					}
					runtime.Gosched()
				}
			})
		}
		for changes := 0; reading.Load() > 0 || changes < 3; changes++ {
			secrets.Mount("shop", "s", []map[string]string{trial.other, trial.bad, trial.good}[changes%3])
			store.Reload([]string{"shop/s"})
		}
		readers.Wait()
	}
}

// M4: where the last good one stays in use, whoever may get it is said by the Secret as it
// is now.
func TestM4TheHostsOfTheLastGoodAreThoseOfNow(t *testing.T) {
	t.Parallel()
	for name, trial := range kindTrials(t) {
		if trial.checked != "" {
			continue // nobody is sent them
		}
		secrets := testkit.NewSecrets(t)
		store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
		d := trial.open(store)
		for _, row := range []struct {
			keys          map[string]string
			hosts, allows string
		}{{trial.good, "a.example", "a"}, {trial.bad, "b.example", "b"}, {trial.bad, "b.example\na.example", "a b"}, {trial.good, "a.example", "a"}} {
			keys := maps.Clone(row.keys)
			keys["allowedHosts"] = row.hosts
			secrets.Mount("shop", "s", keys)
			store.Reload([]string{"."})
			holder, ok := d.Source.(interface {
				Snapshot() (*creds.Snapshot, error)
			})
			if !ok {
				t.Fatalf("%s holds no values", name)
			}
			now, err := holder.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			var allows []string
			for _, host := range []string{"a", "b"} {
				if now.Allows(host+".example", "443") {
					allows = append(allows, host)
				}
			}
			if got, _ := d.tell(); strings.Join(allows, " ") != row.allows || got != trial.tells {
				t.Errorf("%s with %q: allows %q, told as %.60q", name, row.hosts, allows, got)
			}
		}
	}
}

func or(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}
