package creds_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// hashOf is a hash of bcrypt as htpasswd -B writes it.
func hashOf(t *testing.T, password string, cost int) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		t.Fatal(err)
	}
	return "$2y$" + strings.TrimPrefix(string(hash), "$2a$")
}

// recalled is what is known of a username with a password.
func recalled(u *creds.Users, name, password string) creds.Verdict {
	return u.Recall(name, u.Digest(name, password))
}

// What users are known by is a line each, and a line that cannot be used stands in nobody's
// way.
func TestUsersByTheirLines(t *testing.T) {
	t.Parallel()
	good, other := hashOf(t, "secret", 4), hashOf(t, "other", 5)
	for name, row := range map[string]struct {
		content, fault string
		known          []string
	}{
		"one":                           {"ada:" + good + "\n", "", []string{"ada"}},
		"comments and blank lines":      {"# users\n\nada:" + good + "\r\n \nbob:" + other, "", []string{"ada", "bob"}},
		"variants":                      {"ada:$2a$" + good[4:] + "\nbob:$2b$" + other[4:], "", []string{"ada", "bob"}},
		"another hash":                  {"ada:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nbob:" + other, `key "auth" line 1 has no hash of bcrypt: write it by htpasswd -B`, []string{"bob"}},
		"the variant with a fault":      {"ada:$2x$" + good[4:] + "\nbob:" + other, `key "auth" line 1 has no hash of bcrypt: write it by htpasswd -B`, []string{"bob"}},
		"a cost of a second and more":   {"ada:$2y$14$" + good[7:] + "\nbob:" + other, `key "auth" line 1 has a cost that is not within 04 to 12`, []string{"bob"}},
		"a cost below the least":        {"ada:$2y$03$" + good[7:] + "\nbob:" + other, `key "auth" line 1 has a cost that is not within 04 to 12`, []string{"bob"}},
		"no hash, and two more faults":  {"ada\n:" + good + "\na\x01b:" + good + "\nbob:" + other, `key "auth" line 1 is no user with a hash (and 2 more lines)`, []string{"bob"}},
		"a control character":           {"a\x01b:" + good + "\nbob:" + other, `key "auth" line 1 has a username with a control character`, []string{"bob"}},
		"a name that is there twice":    {"ada:" + good + "\nada:" + other, `key "auth" line 2 names a user whom a line above names already`, []string{"ada"}},
		"nobody":                        {"# none\n", `key "auth" names no user; nobody gets in by it`, nil},
		"nobody, for want of a hash":    {"ada:plain", `key "auth" line 1 has no hash of bcrypt: write it by htpasswd -B; nobody gets in by it`, nil},
		"a name with blanks and a tail": {"ada lovelace:" + good + ":extra\nbob:" + other, `key "auth" line 1 has no hash of bcrypt: write it by htpasswd -B`, []string{"bob"}},
	} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount("shop", "users", map[string]string{"auth": row.content, "eve": "eve:" + good})
		users := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}).Users("shop", "users")
		fault, known := "", []string(nil)
		if p := users.Problem(); p != nil {
			fault = p.Message
		}
		if u, err := users.Get(); err == nil {
			for name, password := range map[string]string{"ada": "secret", "bob": "other", "eve": "secret", "": "secret", "a\x01b": "secret"} {
				if u.Judge(name, password) == creds.Right {
					known = append(known, name)
				}
			}
			slices.Sort(known)
		}
		if fault != row.fault || !slices.Equal(known, row.known) {
			t.Errorf("%s: known are %q, fault %q; want %q, %q", name, known, fault, row.known, row.fault)
		}
	}
}

// A password is judged once. What one user, or nobody at all, shows makes it forget no other
// one's.
func TestVerdictsOfUsersAreRemembered(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	handle := store.Users("shop", "users")
	ada, bob := "ada:"+hashOf(t, "secret", 4)+"\n", "bob:"+hashOf(t, "other", 4)+"\n"
	users := func(content string) *creds.Users {
		secrets.Mount("shop", "users", map[string]string{"auth": content})
		store.Reload([]string{"."})
		u, err := handle.Get()
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	want := func(when string, u *creds.Users, name, password string, verdict creds.Verdict) {
		t.Helper()
		if got := recalled(u, name, password); got != verdict {
			t.Errorf("%s: of %s with %q is known %d, want %d", when, name, password, got, verdict)
		}
	}
	u := users(ada + bob)
	want("at first", u, "ada", "secret", creds.Unjudged)
	for name, password := range map[string]string{"ada": "secret", "bob": "other"} {
		if u.Judge(name, password) != creds.Right {
			t.Errorf("%s is not let in", name)
		}
	}
	for _, name := range []string{"ada", "bob", "nobody"} {
		if u.Judge(name, "guess") != creds.Wrong {
			t.Errorf("%s is let in by a guess", name)
		}
		want("a guess", u, name, "guess", creds.Wrong)
	}
	want("after all guesses", u, "ada", "secret", creds.Right)
	want("after all guesses", u, "bob", "other", creds.Right)
	want("a password of another", u, "bob", "secret", creds.Unjudged)
	if u.Judge("nobody", "secret") != creds.Wrong || u.Judge("", "") != creds.Wrong {
		t.Error("who is not there is let in")
	}
	want("one who is not there, by the hash that stands in", u, "nobody", "other", creds.Unjudged)

	u = users(ada + "bob:" + hashOf(t, "new", 4))
	want("another user's line changed", u, "ada", "secret", creds.Right)
	want("the own line changed", u, "bob", "other", creds.Unjudged)
	u = users(bob)
	want("the line is gone", u, "ada", "secret", creds.Unjudged)
	if u.Judge("ada", "secret") != creds.Wrong {
		t.Error("who was taken away is let in")
	}
}

// Whoever is taken out of the file is out, even where nobody is left in it, and is in again by
// the line of before.
func TestUsersAreOutWithTheLastOfThem(t *testing.T) {
	t.Parallel()
	good := "bob:" + hashOf(t, "other", 4)
	for _, row := range []struct{ left, fault string }{
		{"# nobody any more", `key "auth" names no user; nobody gets in by it`},
		{" \n\n", `key "auth" names no user; nobody gets in by it`},
		{"rob:$apr1$eM5sgVN3$abc", `key "auth" line 1 has no hash of bcrypt: write it by htpasswd -B; nobody gets in by it`},
		{strings.Replace(good, ":", "", 1), `key "auth" line 1 is no user with a hash; nobody gets in by it`},
		{"bob:$2y$14$" + good[11:] + "\nrob:", `key "auth" line 1 has a cost that is not within 04 to 12 (and 1 more lines); nobody gets in by it`},
	} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount("shop", "users", map[string]string{"auth": good})
		store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
		handle := store.Users("shop", "users")
		become := func(content string) {
			secrets.Mount("shop", "users", map[string]string{"auth": content})
			store.Reload([]string{"."})
		}
		in := func() bool {
			u, err := handle.Get()
			return err == nil && (recalled(u, "bob", "other") == creds.Right || u.Judge("bob", "other") == creds.Right)
		}
		if !in() {
			t.Fatal("bob is not let in")
		}
		become(row.left)
		_, err := handle.Get()
		if p := handle.Problem(); in() || !errors.Is(err, creds.ErrUnfit) || p == nil || p.Stale || p.Message != row.fault || !slices.Equal(p.Keys, []string{"auth"}) {
			t.Errorf("%q: bob is in: %v (%v), problem %+v; want %s", row.left, in(), err, p, row.fault)
		}
		become(good)
		if !in() || handle.Problem() != nil {
			t.Errorf("%q, and back: the problem is %+v", row.left, handle.Problem())
		}
	}
}

// bcrypt itself looks at 72 bytes, and so do all programs that write its hashes.
func TestLongPasswords(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 72)
	secrets := testkit.NewSecrets(t)
	secrets.Mount("shop", "users", map[string]string{"auth": "ada:" + hashOf(t, long, 4)})
	u, err := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}).Users("shop", "users").Get()
	if err != nil {
		t.Fatal(err)
	}
	if u.Judge("ada", long) != creds.Right || u.Judge("ada", long[1:]) != creds.Wrong {
		t.Error("a password of 72 bytes is not judged by all of them")
	}
	u.Judge("ada", strings.Repeat("y", 60_000)) // judged in no more time, and no panic
}
