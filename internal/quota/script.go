package quota

import (
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// take is GCRA for some buckets at once, by the server's clock. A bucket is how many calls
// of it are used, and when that was so, in microseconds: as one moment a double would lose
// what intervals of less than a microsecond add. It lives until it is full again.
//
// ARGV has four for each key: microseconds between two calls at the even rate, the burst,
// whether it is taken together with others (t) or alone (a), and the microseconds that the
// call would wait for its turn. The reply has four integers
// for each key: whether it admits, what is left, and the microseconds to the call's turn and
// until the bucket is full.
const take = `
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local used, turn, admits, together = {}, {}, {}, true
for i = 1, #KEYS do
  local interval, burst = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2])
  local level, kept = 0, redis.call('GET', KEYS[i])
  if kept then
    local before, at = struct.unpack('>dd', kept)
    level = math.max(0, before - math.max(0, now - at) / interval)
  end
  used[i] = level
  turn[i] = math.max(0, (level + 1 - burst) * interval)
  admits[i] = turn[i] <= tonumber(ARGV[4 * i])
  if not admits[i] and ARGV[4 * i - 1] == 't' then together = false end
end
local reply = {}
for i = 1, #KEYS do
  local interval, burst = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2])
  if admits[i] and (together or ARGV[4 * i - 1] ~= 't') then
    used[i] = used[i] + 1
    local life = string.format('%.0f', math.ceil(used[i] * interval / 1000) + 1)
    redis.call('SET', KEYS[i], struct.pack('>dd', used[i], now), 'PX', life)
  end
  reply[4 * i - 3] = admits[i] and 1 or 0
  reply[4 * i - 2] = math.max(0, math.floor(burst - used[i]))
  reply[4 * i - 1] = math.ceil(turn[i])
  reply[4 * i] = math.ceil(used[i] * interval)
end
return reply`

// beat counts who serves a route: one member for each proxy, with the time until which it is
// counted, in seconds. ARGV is the proxy, and for how long it counts.
const beat = `
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])`

// back gives one call back to a bucket, which is as full as it was before, or full.
const back = `
local kept = redis.call('GET', KEYS[1])
if kept then
  local before, at = struct.unpack('>dd', kept)
  redis.call('SET', KEYS[1], struct.pack('>dd', math.max(0, before - 1), at), 'KEEPTTL')
end
return 1`

// scripts are sent by their hash, and as they are where the server does not know them yet.
type scripts struct{ take, back, beat *rueidis.Lua }

func newScripts() scripts {
	return scripts{rueidis.NewLuaScript(take), rueidis.NewLuaScript(back), rueidis.NewLuaScript(beat)}
}

// How a charge is taken.
const (
	together = "t"
	alone    = "a"
)

// arguments of a charge, and fields of a verdict, on the wire.
const (
	arguments = 4
	fields    = 4
)

func (c *Charge) append(args []string) []string {
	interval := strconv.FormatFloat(c.Interval, 'g', -1, 64)
	return append(args, interval, strconv.Itoa(c.Burst), c.how, strconv.FormatInt(c.Patience.Microseconds(), 10))
}

// verdicts reads a reply.
func verdicts(reply []int64, into []Verdict) bool {
	if len(reply) != fields*len(into) {
		return false
	}
	for i := range into {
		of := reply[fields*i:]
		into[i] = Verdict{
			Admitted: of[0] == 1, Left: int(of[1]), Wait: micro(of[2]), Full: micro(of[3]),
		}
	}
	return true
}

// micro is a number of microseconds, however large.
func micro(n int64) time.Duration {
	return time.Duration(min(max(n, 0), int64(maxSpan/time.Microsecond))) * time.Microsecond
}

// maxSpan bounds what a verdict says: a century.
const maxSpan = 100 * 365 * 24 * time.Hour
