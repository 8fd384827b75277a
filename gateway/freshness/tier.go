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
	until time.Time // when nobody may serve it any more
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
	sealed, err := s.client.Get(within, s.nameOf(key)).Bytes()
	s.gate.leave(err == nil || isReply(err) || ctx.Err() != nil)
	switch {
	case errors.Is(err, redis.Nil):
		s.meters.misses.Inc()
		return Entry{}, false
	case err != nil:
		s.meters.errors.Inc()
		return Entry{}, false
	}
	e, err := s.openAnswer(sealed, key, era)
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

// Put has e stored for the other nodes, for as long as life lets any of them serve it. It never waits; what there is no room for is
// dropped. E must not be changed afterwards.
func (s *Shared) Put(key Key, e *Entry, life *Life) {
	lasts := life.spanOf(e).resort
	if lasts <= 0 {
		return
	}
	if s.era.Load() == nil {
		s.meters.dropped.Inc()
		return
	}
	select {
	case s.puts <- put{key, e, e.ObservedAt.Add(lasts)}:
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
		lasts := p.until.Sub(s.now())
		if lasts < time.Millisecond || p.entry.Began < era.floor {
			continue
		}
		sealed, err := s.sealAnswer(p.key, p.entry, era)
		if err == nil && len(sealed) <= maxAnswer {
			pipe.Set(ctx, s.nameOf(p.key), sealed, lasts.Truncate(time.Millisecond))
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

// sealAnswer writes an answer as it is kept in Redis: behind what it began at.
func (s *Shared) sealAnswer(key Key, e *Entry, era *era) ([]byte, error) {
	plain := binary.AppendUvarint(nil, uint64(e.Began))
	return s.answers.sealed(append(plain, e.text()...), placeOf(era, key))
}

var errFuture = errors.New("freshness: an answer from the future")

func (s *Shared) openAnswer(sealed []byte, key Key, era *era) (Entry, error) {
	plain, err := s.answers.opened(sealed, placeOf(era, key))
	if err != nil {
		return Entry{}, err
	}
	in := reader{rest: string(plain)}
	e := Entry{Began: Position(in.uvarint())}
	if err := e.read(in.rest); err != nil {
		return Entry{}, err
	}
	age := s.now().Sub(e.ObservedAt)
	if age < -maxAhead {
		return Entry{}, errFuture
	}
	e.Since = s.marks.uptime() - max(age, 0)
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
