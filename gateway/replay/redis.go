package replay

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"tongma/gateway/registry"
	"tongma/standard/wire"
)

// quick is the Redis. It keeps nonces as registry.Nonces does: in generations that are dropped as a whole, each with the highest time of
// its requests, which becomes its floor then. So its clock may be set.
type quick struct {
	client redis.UniversalClient
	keys   []string // the hash that says what is there, then the sets of the generations
}

// Generations of nonces: the oldest is as old as a nonce must become.
const (
	generations    = 4
	generationSpan = wire.NonceLife / (generations - 1)
)

func newQuick(client redis.UniversalClient, prefix string) *quick {
	q := &quick{client: client, keys: []string{prefix + ":{nonces}"}}
	for i := range generations {
		q.keys = append(q.keys, prefix+":{nonces}:"+strconv.Itoa(i))
	}
	return q
}

// The hash has
//
//	epoch   random, a colon, and the replication id of the Redis in which it was begun
//	age     the number of the youngest generation: the time by its span. Generation n is in the set n mod 4
//	floor   the highest time of what was dropped
//	h0…h3   the highest time of each set that there is
//	beat    what was written last to see that writing is possible
//
// Each script begins with it: `id` is what Redis calls itself, `sound` whether everything is there since the epoch began.
const beginning = `
local hash = KEYS[1]
local id = redis.call('INFO', 'replication'):match('master_replid:(%x+)') or ''
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local have = redis.call('HMGET', hash, 'epoch', 'age', 'floor', 'h0', 'h1', 'h2', 'h3')
local epoch, age, floor = have[1] or '', tonumber(have[2]), tonumber(have[3])
local sound = id ~= '' and age and floor and epoch:sub(-#id - 1) == ':' .. id
for i = 0, 3 do
  if have[4 + i] and redis.call('EXISTS', KEYS[2 + i]) == 0 then sound = false end
end
`

// looking sees whether Redis can be written to, and begins an epoch where there is no sound one. It gives the epoch and its floor.
//
//	ARGV  1 random  2 the node's time, ms  3 ms from the later of the two clocks to the floor of a new epoch; "": it has none
var looking = redis.NewScript(beginning + `
if not sound then
  floor = 0
  if ARGV[3] ~= '' then floor = math.max(ms, tonumber(ARGV[2])) + ARGV[3] end
  epoch = ARGV[1] .. ':' .. id
  redis.call('UNLINK', hash, KEYS[2], KEYS[3], KEYS[4], KEYS[5])
  redis.call('HSET', hash, 'epoch', epoch, 'age', 0, 'floor', string.format('%d', floor))
end
redis.call('HSET', hash, 'beat', ARGV[1])
return {epoch, string.format('%d', floor)}
`)

// taking takes nonces, and gives for each 1 if it is new, 0 if it is not, 2 if its time is at or below the floor; nothing at all if the epoch is
// another. Times are written before what they are of, because Redis may be full in the middle of it.
//
//	ARGV  1 epoch  2 span of a generation, s  then of each nonce its tag and time, ms
var taking = redis.NewScript(beginning + `
if not sound or epoch ~= ARGV[1] then return {} end
local today = math.floor(now[1] / ARGV[2])
if today > age then
  local old = {}
  for n = math.max(age + 1, today - 3), today do
    local i = n % 4
    floor = math.max(floor, tonumber(have[4 + i] or 0))
    old[#old + 1] = i
    have[4 + i] = false
  end
  age = today
  redis.call('HSET', hash, 'age', age, 'floor', string.format('%d', floor))
  for _, i in ipairs(old) do
    redis.call('UNLINK', KEYS[2 + i])
    redis.call('HDEL', hash, 'h' .. i)
  end
end
local young, highest = age % 4, 0
for a = 4, #ARGV, 2 do highest = math.max(highest, tonumber(ARGV[a])) end
if highest > tonumber(have[4 + young] or 0) then redis.call('HSET', hash, 'h' .. young, string.format('%d', highest)) end
if not have[4 + young] then redis.call('SADD', KEYS[2 + young], '') end -- so that it is there even if none of these is new
local found = {}
for a = 3, #ARGV, 2 do
  local tag, verdict = ARGV[a], 1
  if tonumber(ARGV[a + 1]) <= floor then
    verdict = 2
  else
    for i = 0, 3 do
      if i ~= young and have[4 + i] and redis.call('SISMEMBER', KEYS[2 + i], tag) == 1 then verdict = 0 end
    end
    if verdict == 1 then verdict = redis.call('SADD', KEYS[2 + young], tag) end
  end
  found[#found + 1] = verdict
end
return found
`)

var errReply = errors.New("replay: Redis answers what it was not asked")

// look gives the epoch that Redis is in and its floor, ms. A lead above 0 is from the later clock to the floor of a new epoch.
func (q *quick) look(ctx context.Context, now time.Time, lead time.Duration) (epoch string, floor int64, err error) {
	var random [12]byte
	rand.Read(random[:])
	ahead := ""
	if lead > 0 {
		ahead = strconv.FormatInt(lead.Milliseconds(), 10)
	}
	reply, err := looking.Run(ctx, q.client, q.keys, hex.EncodeToString(random[:]), now.UnixMilli(), ahead).StringSlice()
	if err != nil {
		return "", 0, err
	}
	if len(reply) != 2 || reply[0] == "" {
		return "", 0, errReply
	}
	if floor, err = strconv.ParseInt(reply[1], 10, 64); err != nil {
		return "", 0, fmt.Errorf("%w: %w", errReply, err)
	}
	return reply[0], floor, nil
}

// nonce is one to be taken.
type nonce struct {
	tag    string // of caller and nonce
	caller string // its tag, where PostgreSQL decides
	at     int64  // the request's time, ms
	turn   *turn  // by which the place that decides was found
}

// take says of each nonce whether it is new: nil, [registry.ErrReplayed] or [registry.ErrUnsure].
func (q *quick) take(ctx context.Context, all []nonce) []error {
	verdicts := make([]error, len(all))
	epoch := all[0].turn.epoch
	args := append(make([]any, 0, 2+2*len(all)), epoch, int64(generationSpan/time.Second))
	asked := make([]int, 0, len(all))
	for i := range all {
		verdicts[i] = registry.ErrUnsure
		if all[i].turn.epoch == epoch { // else the turn goes over just now
			args = append(args, all[i].tag, all[i].at)
			asked = append(asked, i)
		}
	}
	found, err := taking.Run(ctx, q.client, q.keys, args...).Int64Slice()
	if err != nil || len(found) != len(asked) {
		return verdicts
	}
	for j, i := range asked {
		switch found[j] {
		case 1:
			verdicts[i] = nil
		case 0:
			verdicts[i] = registry.ErrReplayed
		}
	}
	return verdicts
}
