package creds

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/bcrypt"
)

// htpasswd is the key of a Secret that lists users and what their passwords hash to.
const htpasswd = "auth"

const (
	minCost = "04"
	// maxCost bounds what it takes to judge a password: 12 are a quarter of a second.
	maxCost = "12"
)

// Verdict is what is known of a username with a password.
type Verdict uint8

// The verdicts.
const (
	// Unjudged is for who has shown this password never before, or another one since.
	Unjudged Verdict = iota
	Right
	Wrong
)

// Digest stands for a username with a password. It is keyed, and of use to its Users alone.
type Digest [sha256.Size]byte

// Users knows callers by username and password. Which ones there are never changes; of each
// the last right password and the last wrong one are remembered, as digests, so that nobody
// can make it forget anybody else's.
type Users struct {
	hasher *hasher
	names  map[string]*user
	// nobody stands for all who are not there, with a hash of somebody's: to judge them takes
	// as long.
	nobody *user
}

// user is a line of htpasswd. Those that stay as they are outlive a change of others.
type user struct {
	hash         string
	right, wrong atomic.Pointer[Digest]
}

// Digest returns that of a username with a password.
func (u *Users) Digest(name, password string) Digest {
	return u.hasher.sum(name, password) // no username has a zero byte
}

// Recall returns what is known already.
func (u *Users) Recall(name string, shown Digest) Verdict {
	of, ok := u.of(name)
	switch {
	case ok && same(of.right.Load(), shown):
		return Right
	case same(of.wrong.Load(), shown):
		return Wrong
	}
	return Unjudged
}

// Judge finds out, for up to a quarter of a second, and remembers.
func (u *Users) Judge(name, password string) Verdict {
	of, ok := u.of(name)
	shown := u.Digest(name, password)
	if bcrypt.CompareHashAndPassword([]byte(of.hash), []byte(password)) == nil && ok {
		of.right.Store(&shown)
		return Right
	}
	of.wrong.Store(&shown)
	return Wrong
}

func (u *Users) of(name string) (of *user, ok bool) {
	if of, ok = u.names[name]; ok {
		return of, true
	}
	return u.nobody, false
}

func same(known *Digest, shown Digest) bool {
	return known != nil && subtle.ConstantTimeCompare(known[:], shown[:]) == 1
}

// Users returns the handle on the users in a Secret, by the key auth: a line stands alone,
// and what is taken away is gone.
func (s *Store) Users(namespace, secret string) *Derived[*Users] {
	var before *Users // make is called by one goroutine at a time
	return derive(s, namespace, secret, kind[*Users]{name: "users", take: lined(htpasswd, judgeUsers), make: func(from *Snapshot) (*Users, error) {
		before = newUsers(from.Value(htpasswd), before)
		return before, nil
	}})
}

// newUsers takes over what is known of the users that are as they were before. A line at
// least is usable, see judgeUsers.
func newUsers(content Value, before *Users) *Users {
	u := &Users{names: map[string]*user{}}
	if before != nil {
		u.hasher = before.hasher
	} else {
		u.hasher = newHasher()
	}
	for _, line := range content.Lines() {
		name, hash, fault := readUser(line)
		if _, known := u.names[name]; fault != "" || hash == "" || known {
			continue
		}
		of := &user{hash: hash}
		if before != nil && before.names[name] != nil && before.names[name].hash == hash {
			of = before.names[name]
		}
		u.names[name] = of
		if u.nobody == nil || cost(hash) > cost(u.nobody.hash) {
			u.nobody = &user{hash: hash}
		}
	}
	return u
}

// readUser reads a line of htpasswd. A comment has neither name nor hash.
func readUser(line string) (name, hash, fault string) {
	if strings.HasPrefix(line, "#") {
		return "", "", ""
	}
	name, hash, ok := strings.Cut(line, ":")
	switch {
	case !ok || name == "":
		return "", "", "is no user with a hash"
	case plain(name) != "":
		return "", "", "has a username with a control character"
	case !isBcrypt(hash):
		return "", "", "has no hash of bcrypt: write it by htpasswd -B"
	case cost(hash) < minCost || cost(hash) > maxCost:
		return "", "", fmt.Sprintf("has a cost that is not within %s to %s", minCost, maxCost)
	}
	return name, hash, ""
}

// bcryptForm is that of the variants that all programs compute alike.
const bcryptForm = `^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}$`

func isBcrypt(hash string) bool {
	ok, _ := regexp.MatchString(bcryptForm, hash) // it compiles
	return ok
}

// cost is the two digits of it, which compare as text.
func cost(hash string) string { return hash[4:6] }

// judgeUsers says of the first line that admits nobody why, and of how many.
func judgeUsers(content string) (fault string, usable bool) {
	faults, names := 0, map[string]bool{}
	for number, line := range (Value{content}).Lines() {
		name, _, wrong := readUser(line)
		switch {
		case wrong == "" && names[name]:
			wrong = "names a user whom a line above names already"
		case wrong == "" && name != "":
			names[name] = true
		}
		if wrong == "" {
			continue
		}
		if faults++; fault == "" {
			fault = fmt.Sprintf("line %d %s", number, wrong)
		}
	}
	if faults > 1 {
		fault += fmt.Sprintf(" (and %d more lines)", faults-1)
	}
	switch {
	case len(names) > 0:
		return fault, true
	case fault == "":
		fault = "names no user"
	}
	return fault + nobodyLeft, false
}
