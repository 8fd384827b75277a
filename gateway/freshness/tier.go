package freshness

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	maxPuts   = 1024    // answers that wait to be stored; more are dropped
	maxBatch  = 64      // answers that are stored at once
	maxAnswer = 1 << 20 // bytes of a sealed answer; a longer one stays here
	// maxAhead is by how much the clock of the node that has fetched an answer may be ahead of ours.
	maxAhead = time.Second
)

// put is an answer that waits to be stored.
type put struct {
	key   Key
	entry *Entry
	lasts time.Duration // the age from which on nobody may serve it; 0: nobody may, and what was stored before it is dropped
}

// Get gives the answer that some node has stored for key, within 50 ms and only while marks are sure. Its concerns are left to the
// caller to work out, and so is whether a mark has overtaken it: [Cache.Put] and then [Cache.Get] do that. Anything that cannot be
// opened, or was observed in the future, is no answer.
func (s *Shared) Get(ctx context.Context, key Key) (Entry, bool) {
	era := s.era.Load()
	if era == nil || !s.marks.Sure() || !s.gate.enter() {
		s.meters.skipped.Inc()
		return Entry{}, false
	}
	within, cancel := context.WithTimeout(ctx, getTime)
	defer cancel()
	sealed, left, err := s.lookUp(within, s.nameOf(key))
	s.gate.leave(err == nil || isReply(err) || ctx.Err() != nil)
	switch {
	case errors.Is(err, redis.Nil):
		s.meters.misses.Inc()
		return Entry{}, false
	case err != nil:
		s.meters.errors.Inc()
		return Entry{}, false
	}
	e, err := s.openAnswer(sealed, key, era, left)
	switch {
	case err != nil:
		s.meters.rejected.Inc()
		return Entry{}, false
	case e.Began < era.floor:
		s.meters.misses.Inc()
		return Entry{}, false
	}
	s.meters.hits.Inc()
	return e, true
}

// lookUp gives what Redis has under a name, and for how long it will have it. That is asked first: if another node stores an answer
// between the two, the older one's time counts for the younger.
func (s *Shared) lookUp(ctx context.Context, name string) (sealed []byte, left time.Duration, err error) {
	pipe := s.client.Pipeline()
	ttl, got := pipe.PTTL(ctx, name), pipe.Get(ctx, name)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, 0, err
	}
	sealed, err = got.Bytes()
	return sealed, ttl.Val(), err
}

// Put has e stored for the other nodes, for as long as life lets any of them serve it; if it lets none, what was stored for the key is
// dropped. It never waits; what there is no room for is dropped. E must not be changed afterwards.
func (s *Shared) Put(key Key, e *Entry, life *Life) {
	if s.era.Load() == nil {
		s.meters.dropped.Inc()
		return
	}
	select {
	case s.puts <- put{key, e, life.spanOf(e).resort}:
	default:
		s.meters.dropped.Inc()
	}
}

// write stores what was put until ctx ends, as much at once as waits.
func (s *Shared) write(ctx context.Context) {
	batch := make([]put, 0, maxBatch)
	for {
		batch = batch[:0]
		select {
		case p := <-s.puts:
			batch = append(batch, p)
		case <-ctx.Done():
			return
		}
	more:
		for len(batch) < maxBatch {
			select {
			case p := <-s.puts:
				batch = append(batch, p)
			default:
				break more
			}
		}
		s.store(ctx, batch)
	}
}

func (s *Shared) store(ctx context.Context, batch []put) {
	era := s.era.Load()
	if era == nil || !s.gate.enter() {
		s.meters.dropped.Add(float64(len(batch)))
		return
	}
	pipe := s.client.Pipeline()
	for i := range batch {
		p := &batch[i]
		if p.lasts <= 0 {
			pipe.Del(ctx, s.nameOf(p.key))
			continue
		}
		left := p.lasts - (s.marks.uptime() - p.entry.Since) // whatever the clock says
		if left < time.Millisecond || p.entry.Began < era.floor {
			continue
		}
		sealed, err := s.sealAnswer(p.key, p.entry, p.lasts, era)
		if err == nil && len(sealed) <= maxAnswer {
			pipe.Set(ctx, s.nameOf(p.key), sealed, left.Truncate(time.Millisecond))
		}
	}
	if pipe.Len() == 0 {
		s.gate.leave(true)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, putTime)
	defer cancel()
	commands, err := pipe.Exec(ctx)
	s.gate.leave(err == nil || isReply(err))
	for _, c := range commands {
		if c.Err() != nil {
			s.meters.failed.Inc()
		} else {
			s.meters.stored.Inc()
		}
	}
}

// isReply says whether Redis itself has said no, as it does when it is full: it can still be read.
func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

func (s *Shared) nameOf(key Key) string {
	return s.prefix + ":a:" + base64.RawURLEncoding.EncodeToString(key[:])
}

func placeOf(e *era, key Key) string { return e.epoch + "\n" + string(key[:]) }

// sealAnswer writes an answer as it is kept in Redis: behind what it began at and how long it lasts.
func (s *Shared) sealAnswer(key Key, e *Entry, lasts time.Duration, era *era) ([]byte, error) {
	plain := binary.AppendUvarint(nil, uint64(e.Began))
	plain = binary.AppendVarint(plain, lasts.Milliseconds())
	return s.answers.sealed(append(plain, e.text()...), placeOf(era, key))
}

var errFuture = errors.New("freshness: an answer from the future")

// openAnswer reads an answer that Redis will have for some time yet. Its age is what the two nodes' clocks say, and not less than what
// Redis says has passed: a clock that was ahead by minutes when the answer was fetched would make it young again after them.
func (s *Shared) openAnswer(sealed []byte, key Key, era *era, left time.Duration) (Entry, error) {
	plain, err := s.answers.opened(sealed, placeOf(era, key))
	if err != nil {
		return Entry{}, err
	}
	in := reader{rest: string(plain)}
	e := Entry{Began: Position(in.uvarint())}
	lasts := time.Duration(in.number()) * time.Millisecond
	if err := e.read(in.rest); err != nil {
		return Entry{}, err
	}
	age := s.now().Sub(e.ObservedAt)
	if age < -maxAhead {
		return Entry{}, errFuture
	}
	e.Since = s.marks.uptime() - max(age, lasts-left, 0)
	return e, nil
}

// gate keeps callers from a Redis that does not answer: after some failures in a row nobody asks it for about a second, then one does.
type gate struct {
	mu       sync.Mutex
	failures int
	shut     time.Time // until when
	trying   bool
}

const gateFailures = 3

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failures < gateFailures {
		return true
	}
	if g.trying || time.Now().Before(g.shut) {
		return false
	}
	g.trying = true
	return true
}

func (g *gate) leave(answered bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.trying = false
	if answered {
		g.failures = 0
		return
	}
	g.failures++
	if g.failures >= gateFailures {
		g.shut = time.Now().Add(jittered(time.Second))
	}
}

// jittered is d, give or take a half.
func jittered(d time.Duration) time.Duration { return d/2 + rand.N(d) }
