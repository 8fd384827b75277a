package gateway

import (
	"cmp"
	"context"
	"sync"
	"time"

	"tongma/adapters"
	"tongma/gateway/freshness"
	"tongma/gateway/tracing"
	"tongma/gateway/upstream"
	"tongma/standard"
)

// flight is one question that is under way to a system. Whoever asks the same meanwhile waits for it. It belongs to none of
// them: its context is the gateway's, and the guards end it.
type flight struct {
	system *system
	key    *freshness.Key // nil: it is nobody else's
	fly    func(context.Context) finding
	demand *upstream.Demand // of all who wait for it
	done   chan struct{}
	found  finding // to be read after done

	trail *trail // nil: it is not followed
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

// join gives the flight that is under way for the key of f and says so, or starts f. Whoever joins waits until a time, and so much
// matters whether a place is found in the system's queue.
func (all *flights) join(f *flight, until time.Time, p upstream.Priority) (*flight, bool, error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.closed {
		return nil, false, ErrClosed
	}
	if f.key != nil {
		if running, ok := all.running[*f.key]; ok {
			running.demand.Raise(until, p)
			return running, true, nil
		}
		all.running[*f.key] = f
	}
	f.demand = upstream.NewDemand(until, p)
	f.done = make(chan struct{})
	f.system.enter() // whoever starts it is there too, so that this never fails
	ctx := f.demand.Context(all.ctx)
	if f.trail != nil {
		ctx = f.trail.begin(ctx)
	}
	all.start(func() {
		defer f.system.leave()
		f.found = f.fly(ctx)
		if f.trail != nil {
			f.trail.end(f)
		}
		if f.key != nil {
			all.mu.Lock()
			delete(all.running, *f.key)
			all.mu.Unlock()
		}
		close(f.done)
	})
	return f, false, nil
}

// trail is what traces need of a flight.
type trail struct {
	tracer  *tracing.Tracer
	from    context.Context // of whoever starts it, whose span is above; that may end before
	refresh bool            // nobody waits for it
	span    tracing.Span    // to be read once the flight is there to be joined
}

// begin begins the flight's span, and gives the context below it.
func (t *trail) begin(ctx context.Context) context.Context {
	ctx, t.span = t.tracer.Start(t.tracer.Below(ctx, t.from), tracing.Flight)
	return ctx
}

// end ends it, when the flight has landed.
func (t *trail) end(f *flight) {
	t.span.System(f.system.info.System)
	t.span.Outcome(f.found.outcome, f.found.reason)
	t.span.From(f.found.from)
	if t.refresh {
		t.span.Refresh()
	}
	t.span.End()
}

// joined gives the span of a caller that waits for the flight of another.
func (t *trail) joined(ctx context.Context) tracing.Span {
	_, span := t.tracer.Start(ctx, tracing.Joined)
	span.Link(t.span)
	return span
}

// start has a pilot fly: one that waits, or a new one.
func (all *flights) start(flight func()) {
	all.all.Add(1)
	select {
	case all.idle <- flight:
	default:
		go all.pilot(flight)
	}
}

// pilotWaits is for how long a pilot waits for its next flight.
const pilotWaits = time.Second

// pilot is a goroutine that flies, and then waits a while for another flight. A new goroutine for each would have to grow its
// stack each time, because adapters need more of it than a goroutine begins with.
func (all *flights) pilot(flight func()) {
	timer := time.NewTimer(pilotWaits)
	defer timer.Stop()
	for {
		flight()
		all.all.Done()
		timer.Reset(pilotWaits)
		select {
		case flight = <-all.idle:
		case <-timer.C:
			return
		case <-all.ctx.Done():
			return
		}
	}
}

// len is how many flights others may join.
func (all *flights) len() int {
	all.mu.Lock()
	defer all.mu.Unlock()
	return len(all.running)
}

// close lets no more flights start and waits for the others, until ctx ends: those that are left are cancelled then.
func (all *flights) close(ctx context.Context) error {
	all.mu.Lock()
	all.closed = true
	all.mu.Unlock()
	defer all.cancel()
	landed := make(chan struct{})
	go func() {
		all.all.Wait()
		close(landed)
	}()
	select {
	case <-landed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flightOf makes the flight that asks s. Only one that is to refresh what is remembered asks although there is something to serve.
func (g *Gateway) flightOf(ctx context.Context, s *system, q *adapters.Query, key *freshness.Key, refresh bool) *flight {
	f := &flight{system: s, key: key}
	if g.tracer != nil {
		f.trail = &trail{tracer: g.tracer, from: ctx, refresh: refresh}
	}
	own := *q
	q = &own
	f.fly = func(ctx context.Context) (found finding) {
		defer func() {
			if p := recover(); p != nil {
				g.panicked(s, p)
				found = because(s, standard.ReasonFault)
			}
		}()
		if key == nil {
			found, _ = g.fly(ctx, s, q)
			return found
		}
		least := freshness.Due
		if refresh {
			least = freshness.Fresh
		}
		if e, standing := g.memory.Get(*key, s.marks); standing >= least {
			return remembered(s, &e, standard.Cache)
		}
		if !refresh && g.shared != nil {
			if e, ok := g.fetch(ctx, s, q, *key); ok {
				return remembered(s, &e, standard.Cache)
			}
		}
		return g.flyAndRemember(ctx, s, q, *key)
	}
	return f
}

// flyAndRemember asks the system and keeps what may be served again. Its caller has just looked into memory once more, because an
// earlier flight may have landed since its starter looked: what that brought is remembered before its key is free.
func (g *Gateway) flyAndRemember(ctx context.Context, s *system, q *adapters.Query, key freshness.Key) finding {
	found, answered := g.fly(ctx, s, q)
	if !answered {
		return found
	}
	e := &freshness.Entry{
		Record: found.record, Reason: found.reason, ObservedAt: found.observedAt, ValidUntil: found.validUntil,
		Since: found.since, Began: found.began, Concerns: found.concerns,
	}
	g.memory.Put(key, e, &s.life, s.marks)
	if g.shared != nil {
		g.shared.Put(key, e, &s.life)
	}
	return found
}

// fetch takes over what another node remembers of key, if it may be served as it is.
func (g *Gateway) fetch(ctx context.Context, s *system, q *adapters.Query, key freshness.Key) (freshness.Entry, bool) {
	e, ok := g.shared.Get(ctx, key)
	if !ok {
		return e, false
	}
	e.Concerns = s.concerns(q, e.Record)
	g.memory.Put(key, &e, &s.life, s.marks)
	e, standing := g.memory.Get(key, s.marks)
	return e, standing >= freshness.Due
}

// fly asks the system, judges what it says, and says whether it was an answer of the system itself.
func (g *Gateway) fly(ctx context.Context, s *system, q *adapters.Query) (found finding, answered bool) {
	position := g.marks.Position()
	began, since := g.now(), g.uptime()
	result, err := s.Verify(ctx, q)
	found = judge(s, result, err, began, g.now())
	found.since, found.began = since, position
	found.concerns = s.concerns(q, found.record)
	if found.outcome == standard.Unavailable {
		s.trouble.tell(g.log, s, &found, err, g.uptime())
		return found, false
	}
	return found, !found.observedAt.IsZero()
}

// concerns says whom and what an answer to q is about. A scan is the same whether it came as text or as bytes.
func (s *system) concerns(q *adapters.Query, record *standard.Record) freshness.Concerns {
	return s.marks.Concerns(cmp.Or(q.Ticket.Scan, string(q.Ticket.Bytes)), q.Ticket.Document, record)
}
