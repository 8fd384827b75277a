package gateway

import (
	"context"
	"sync"
	"time"

	"tongma/adapters"
	"tongma/gateway/freshness"
	"tongma/standard"
)

// flight is one question that is under way to a system. Whoever asks the same meanwhile waits for it. It belongs to none of
// them: its context is the gateway's, and the guards end it.
type flight struct {
	done  chan struct{}
	found finding // to be read after done
}

// flights holds what is under way. Each system's bulkhead bounds how many there are: who finds no place there lands at once.
type flights struct {
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup
	idle   chan func() // to a pilot that has landed and waits for its next flight

	mu      sync.Mutex
	running map[freshness.Key]*flight
	closed  bool
}

func newFlights() *flights {
	ctx, cancel := context.WithCancel(context.Background())
	return &flights{ctx: ctx, cancel: cancel, idle: make(chan func()), running: map[freshness.Key]*flight{}}
}

// join gives the flight that is under way for key and says so, or starts one. A flight without a key is nobody else's.
func (f *flights) join(key freshness.Key, keyed bool, fly func(context.Context) finding) (*flight, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, false, ErrClosed
	}
	if keyed {
		if running, ok := f.running[key]; ok {
			return running, true, nil
		}
	}
	started := &flight{done: make(chan struct{})}
	if keyed {
		f.running[key] = started
	}
	f.start(func() {
		started.found = fly(f.ctx)
		if keyed {
			f.mu.Lock()
			delete(f.running, key)
			f.mu.Unlock()
		}
		close(started.done)
	})
	return started, false, nil
}

// start has a pilot fly: one that waits, or a new one.
func (f *flights) start(flight func()) {
	f.all.Add(1)
	select {
	case f.idle <- flight:
	default:
		go f.pilot(flight)
	}
}

// pilotWaits is for how long a pilot waits for its next flight.
const pilotWaits = time.Second

// pilot is a goroutine that flies, and then waits a while for another flight. A new goroutine for each would have to grow its
// stack each time, because adapters need more of it than a goroutine begins with.
func (f *flights) pilot(flight func()) {
	timer := time.NewTimer(pilotWaits)
	defer timer.Stop()
	for {
		flight()
		f.all.Done()
		timer.Reset(pilotWaits)
		select {
		case flight = <-f.idle:
		case <-timer.C:
			return
		case <-f.ctx.Done():
			return
		}
	}
}

// len is how many flights others may join.
func (f *flights) len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.running)
}

// close lets no more flights start and waits for the others, until ctx ends: those that are left are cancelled then.
func (f *flights) close(ctx context.Context) error {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	defer f.cancel()
	landed := make(chan struct{})
	go func() {
		f.all.Wait()
		close(landed)
	}()
	select {
	case <-landed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fly asks the system, judges what it says, and remembers what may be served again. It begins with another look into the
// memory, because an earlier flight may have landed since its starter looked: what that brought is remembered before its key is
// free. A panic of the adapter is a fault like any other.
func (g *Gateway) fly(ctx context.Context, s *system, q *adapters.Query, key freshness.Key, keyed bool) (found finding) {
	began := g.now()
	defer func() {
		if p := recover(); p != nil {
			g.panicked(s, p)
			found = because(s, standard.ReasonFault)
		}
	}()
	if keyed {
		if e, ok := g.cache.Get(key, began); ok {
			return remembered(s, e)
		}
	}
	result, err := s.Verify(ctx, q)
	found = judge(s, result, err, began, g.now())
	if found.outcome == standard.Unavailable {
		s.trouble.tell(g.log, s, &found, err, g.now())
	}
	if keyed && found.outcome == standard.Verified {
		g.cache.Put(key, freshness.Entry{Record: found.record, ObservedAt: found.observedAt, ValidUntil: found.validUntil}, s.info.Freshness)
	}
	return found
}
