package h1

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// unannounced is how long a connection may be idle of which the server announces nothing.
	// Node.js, uvicorn and Apache close after 5 s.
	unannounced = 4 * time.Second
	// margin is what is left of the time that a server announces: its clock began when it
	// wrote, and a request takes its way.
	margin = time.Second
	// youngShare is the share of its life, one in so many, within which an idle connection is as
	// good as a new one for what may not be repeated. Of 4 s this is one: there are servers that
	// announce nothing and close after 2 s (gunicorn).
	youngShare = 4
)

// hear notes when a response came, and for how long its server keeps the connection (RFC
// 9112, section 9.3, and Keep-Alive of RFC 2068, section 19.7.1.1).
func (c *conn) hear(h http.Header, now time.Time) {
	c.since = now
	lines := h["Keep-Alive"]
	switch {
	case len(lines) == 0:
		c.life = min(c.life, unannounced)
		c.said = ""
	case len(lines) > 1 || lines[0] != c.said:
		c.said = lines[0]
		c.life = min(life(lines), c.pool.options.IdleTimeout)
	}
}

// life is how long a connection may be idle by what its server announces, of several times
// by the shortest: a second less, but half of it at least.
func life(lines []string) time.Duration {
	shortest := time.Duration(-1)
	for _, line := range lines {
		for parameter := range strings.FieldsFuncSeq(line, func(c rune) bool { return c == ',' || c == ';' }) {
			name, value, _ := strings.Cut(parameter, "=")
			seconds, ok := number(value)
			switch name = strings.TrimSpace(name); {
			case !ok:
			case strings.EqualFold(name, "timeout"):
				if announced := time.Duration(seconds) * time.Second; shortest < 0 || announced < shortest {
					shortest = announced
				}
			case strings.EqualFold(name, "max") && seconds == 0: // no further request
				shortest = 0
			}
		}
	}
	if shortest < 0 {
		return unannounced
	}
	return max(shortest-margin, shortest/2)
}

// number reads a count of seconds. A day is as good as more.
func number(value string) (int, bool) {
	const day = 24 * 60 * 60
	value = strings.Trim(value, "\" \t")
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		return day, true
	}
	return min(n, day), true
}

// expired reports whether its server may be about to close it.
func (c *conn) expired(now time.Time) bool { return now.Sub(c.since) >= c.life }

// young reports whether it is as good as a new one.
func (c *conn) young(now time.Time) bool { return now.Sub(c.since) <= c.life/youngShare }
