package freshness

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tongma/gateway/events"
)

// follower hears the notices of all nodes in their order. It is the only one that marks at positions of the stream.
type follower struct {
	*Shared
	epoch  string
	joined bool     // n is known
	n      uint64   // number of the last notice
	last   Position // of it
	// behind says that something may have been missed: the next notice that can be placed after all marks marks everything.
	behind bool
	live   bool // what is heard now has just been told

	down     error // what was told last, nil if all is well
	pause    pause // between attempts to reach Redis
	renewals pause // between new epochs, so that a Redis that always lies costs little
}

const (
	maxRead = 64 // notices that are read at once
	block   = 250 * time.Millisecond
	// heardFor is for how long nothing can have been missed after Redis was asked: a notice reaches every node within this time, or the
	// node knows that it may have missed it.
	heardFor = time.Second
	// maxLead is by how much the last notice may be ahead of our clock where there is no notice that proves it.
	maxLead = 24 * time.Hour
)

// What the follower tells of, when Redis is there and yet not to be trusted.
const (
	errUnsound  = events.Err("the notices in Redis do not fit what was heard before")
	errUnopened = events.Err("a notice in Redis cannot be opened")
	errWaiting  = events.Err("the notices in Redis do not fit again: waiting before they are begun anew")
)

// follow runs until ctx ends.
func (s *Shared) follow(ctx context.Context) {
	f := &follower{Shared: s, behind: true, pause: pause{least: 50 * time.Millisecond, most: time.Second},
		renewals: pause{least: 100 * time.Millisecond, most: 10 * time.Second}}
	for ctx.Err() == nil {
		caught, err := f.round(ctx)
		f.report(err, caught)
		switch {
		case err != nil:
			f.pause.wait(ctx)
		case caught:
			f.pause.reset()
			f.sleep(ctx)
		}
	}
}

// report says once what has begun or ended, and that a configuration is wrong even if Redis was gone before.
func (f *follower) report(err error, caught bool) {
	switch {
	case err != nil && !errors.Is(err, context.Canceled):
		if f.down == nil || errors.Is(err, errSecret) && !errors.Is(f.down, errSecret) {
			events.NoticesMayBeMissed.Tell(f.log, slog.Any("err", err))
		}
		f.down = err
	case caught && f.down != nil:
		events.NoticesFollowed.Tell(f.log)
		f.down = nil
	}
}

// sleep waits until there is a notice, or it is time to look again.
func (f *follower) sleep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, block+roundTime)
	defer cancel()
	err := f.feed.XRead(ctx, &redis.XReadArgs{Streams: []string{f.stream, f.last.id()}, Count: 1, Block: block}).Err()
	if err != nil && !errors.Is(err, redis.Nil) {
		f.pause.wait(ctx)
	}
}

// round reads what has been added, together with the state, and says whether nothing is left.
func (f *follower) round(ctx context.Context) (caught bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	asked := f.marks.uptime()
	from := "-"
	if f.last > 0 {
		from = "(" + f.last.id()
	}
	entries, st, err := f.read(ctx, from)
	if err != nil {
		return false, err
	}
	switch {
	case !st.sound:
		return false, f.renew(ctx, st, errUnsound)
	case !strings.HasPrefix(st.epoch, f.check):
		return false, errSecret
	case st.epoch != f.epoch:
		f.join(st)
		return false, nil
	}
	for _, m := range entries {
		if err := f.hear(m); err != nil {
			return false, f.renew(ctx, st, err)
		}
	}
	if len(entries) == maxRead {
		return false, nil
	}
	return f.settle(ctx, st, asked)
}

// reading gives the notices from a position on, and the state, as they are in one moment. It is a script because a Redis that is full
// takes no transactions, not even such as only read.
//
//	KEYS  stream, state
//	ARGV  1 from  2 most notices
var reading = redis.NewScript(`
return {redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2]), redis.call('HMGET', KEYS[2], 'epoch', 'n', 'id')}
`)

func (f *follower) read(ctx context.Context, from string) ([]redis.XMessage, state, error) {
	reply, err := reading.Run(ctx, f.feed, []string{f.stream, f.state}, from, maxRead).Slice()
	if err != nil {
		return nil, state{}, err
	}
	if len(reply) != 2 {
		return nil, state{}, nil
	}
	entries, _ := reply[0].([]any)
	messages := make([]redis.XMessage, len(entries))
	for i := range entries {
		messages[i] = messageOf(entries[i])
	}
	fields, _ := reply[1].([]any)
	return messages, stateOf(fields), nil
}

// messageOf takes an entry of a stream out of a reply: its ID, and a list of names and values. What is not there is empty.
func messageOf(entry any) redis.XMessage {
	m := redis.XMessage{Values: map[string]any{}}
	parts, _ := entry.([]any)
	if len(parts) != 2 {
		return m
	}
	m.ID, _ = parts[0].(string)
	fields, _ := parts[1].([]any)
	for pair := range slices.Chunk(fields, 2) {
		if name, ok := pair[0].(string); ok && len(pair) == 2 {
			m.Values[name] = pair[1]
		}
	}
	return m
}

// join goes over to the epoch of st: what it has had so far is heard, as far back as anything is remembered, and then what comes.
func (f *follower) join(st state) {
	f.meters.gap(gapEpoch, f.epoch != "")
	f.epoch, f.joined, f.n, f.last, f.behind, f.live = st.epoch, false, 0, 0, true, false
	if before := positionAt(time.UnixMilli(f.marks.life().Milliseconds())); st.last > before {
		f.last = st.last - before
	}
}

// hear marks one notice. Its error says that it is not what it should be, so that nothing in the stream can be trusted.
func (f *follower) hear(m redis.XMessage) error {
	at, ok := positionOf(m.ID)
	epoch, _ := m.Values["e"].(string)
	number, _ := m.Values["n"].(string)
	payload, _ := m.Values["p"].(string)
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || !ok || epoch != f.epoch {
		return errUnopened
	}
	packed, err := f.notices.opened([]byte(payload), noticePlace(epoch, n, at))
	if err != nil {
		return errUnopened
	}
	notice, err := unpackNotice(packed)
	if err != nil {
		return errUnopened
	}
	if at <= f.last || f.joined && n <= f.n {
		return errUnsound
	}
	if f.joined && n != f.n+1 {
		f.meters.gap(gapMissed, true)
		f.behind = true
	}
	f.joined, f.n, f.last = true, n, at
	f.place(at, notice)
	if f.live {
		f.meters.lag.Observe(max(f.now().Sub(at.time()), 0).Seconds())
	}
	return nil
}

// place marks a notice at its position, if that is later than all marks here. It is not if this node has marked something on its own
// meanwhile, or heard more in an epoch that is gone: everything is marked then as soon as there is a later position.
func (f *follower) place(at Position, n *Notice) {
	f.order.Lock()
	defer f.order.Unlock()
	switch {
	case at <= f.marks.Position():
		f.behind = true
		return
	case f.behind:
		f.marks.ApplyAll(at)
		f.behind = false
		f.era.Store(&era{f.epoch, at})
	case f.era.Load() == nil:
		f.era.Store(&era{f.epoch, at})
	}
	if n.System == "" {
		f.marks.pass(at)
	} else {
		f.marks.Apply(at, n)
		if n.Seq > 0 && f.live && f.marks.Sure() { // its platform told it just now
			f.marks.Heard(n.System)
		}
	}
	f.placed = state{epoch: f.epoch, number: strconv.FormatUint(f.n, 10), n: f.n, last: at}
	close(f.moved)
	f.moved = make(chan struct{})
}

// pass moves the clock to a notice that is of no system.
func (m *Marks) pass(at Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reach(at)
}

// settle compares the state with what was heard, after all that there was to read. If everything has its place, nothing up to the
// time asked has been missed.
func (f *follower) settle(ctx context.Context, st state, asked time.Duration) (bool, error) {
	switch {
	case f.joined && (st.n != f.n || st.last != f.last):
		return false, f.renew(ctx, st, errUnsound)
	case !f.joined && st.last > positionAt(f.now().Add(maxLead)):
		return false, f.renew(ctx, st, errUnsound)
	case !f.joined || f.behind: // nothing that was heard has a place after all marks here: a notice that says nothing will
		_, err := f.add(ctx, st, st.epoch, &Notice{}, 0)
		return false, err
	case f.era.Load() == nil: // only answers wait for one
		f.add(ctx, st, st.epoch, &Notice{}, 0)
	}
	f.live = true
	f.renewals.rest()
	if left := heardFor - (f.marks.uptime() - asked); left > 0 {
		f.marks.Caught(left)
	}
	return true, nil
}

// renew begins a new epoch, which has every node mark everything, because of what st is not. Nodes that find the same at once begin
// one together: the first.
func (f *follower) renew(ctx context.Context, st state, why error) error {
	f.behind = true
	f.marks.Doubt()
	if !f.renewals.over() {
		return errWaiting
	}
	if f.epoch == "" && st == (state{}) { // nobody has been here, and this node remembers nothing
		events.NoticesBegun.Tell(f.log)
	} else {
		f.meters.gap(gapUnsound, true)
		events.NoticesAnew.Tell(f.log, slog.Any("err", why))
	}
	_, err := f.add(ctx, st, f.newEpoch(), &Notice{}, 0)
	return err
}

// pause is the time between attempts: each longer than the one before, and never the same on two nodes.
type pause struct {
	least, most time.Duration
	next        time.Duration
	until       time.Time
}

func (p *pause) reset() { p.next = 0 }

func (p *pause) step() time.Duration {
	p.next = min(max(p.next*2, p.least), p.most)
	return jittered(p.next)
}

func (p *pause) wait(ctx context.Context) {
	timer := time.NewTimer(p.step())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// over says whether the next attempt may be made, and begins the pause after it.
func (p *pause) over() bool {
	now := time.Now()
	if now.Before(p.until) {
		return false
	}
	p.until = now.Add(p.step())
	return true
}

// rest has the pauses begin short again once the last one is long over.
func (p *pause) rest() {
	if p.next > 0 && time.Since(p.until) > p.most {
		p.reset()
	}
}
