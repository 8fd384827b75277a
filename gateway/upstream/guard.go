package upstream

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"

	"tongma/adapters"
	"tongma/gateway/tracing"
	"tongma/standard"
)

// Watch hears what the guards see. Its functions may be nil, must not block, and must not call the guards.
type Watch struct {
	State   func(State)               // the breaker has changed
	Took    func(time.Duration)       // what an attempt at the backend took, unless it was cancelled
	Waited  func(time.Duration)       // what a call spent in the queue, whatever became of it
	Refused func(standard.ReasonCode) // a call was answered without asking the backend
	Second  func(Second)              // an attempt besides a call's first begins
	Probed  func(error)               // a probe has ended; nil: the system works
}

// GuardConfig is what the guards of one system need to know.
type GuardConfig struct {
	Limits adapters.Limits // those in force, with nothing left to default; a Rate, Retry or Hedge of 0 or less is none
	Place  adapters.Place  // where a probe says that it is
	Watch  Watch
	Tracer *tracing.Tracer // nil: no traces
}

// Guarded is an adapter behind its guards. It is safe for concurrent use.
type Guarded struct {
	adapter  adapters.Adapter
	screener adapters.Screener // nil: no answer without a call
	prober   adapters.Prober   // nil: a traveller tries whether the system has recovered
	repeats  bool              // a second attempt does no harm
	limits   adapters.Limits
	place    adapters.Place
	watch    Watch
	tracer   *tracing.Tracer

	ctx    context.Context // of probes
	cancel context.CancelFunc
	probes sync.WaitGroup

	// circuit counts. It is never asked while mu is held, because it tells of its trips while it holds its own lock.
	circuit *gobreaker.CircuitBreaker[adapters.Result]
	state   atomic.Int32 // a State, written under mu

	mu       sync.Mutex
	mode     Mode
	closed   bool
	rest     rest
	spell    spell
	limit    limit
	budget   budget
	bucket   *rate.Limiter // nil: no rate
	queue    queue
	underWay int
	turn     *time.Timer // wakes the queue when the rate allows the next call; nil: not needed yet
	next     *time.Timer // the next probe; nil: none was needed yet
}

var _ adapters.Adapter = (*Guarded)(nil)

// burst is the share of a second's calls that may be made at once.
const burst = 0.1

// Guard wraps a in the guards that info and the limits ask for. [Guarded.Close] ends what they run.
func Guard(a adapters.Adapter, info adapters.Info, c GuardConfig) *Guarded {
	g := &Guarded{
		adapter: a,
		repeats: !info.Records,
		limits:  c.Limits,
		place:   c.Place,
		watch:   c.Watch,
		tracer:  c.Tracer,
		limit:   newLimit(c.Limits.Concurrency),
		budget:  fullBudget,
		queue:   queue{most: c.Limits.Concurrency * queuePerSlot},
	}
	g.screener, _ = a.(adapters.Screener)
	g.prober, _ = a.(adapters.Prober)
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.circuit = newCircuit(c.Limits.Concurrency, g.tripped)
	if c.Limits.Rate > 0 {
		g.bucket = rate.NewLimiter(rate.Limit(c.Limits.Rate), int(math.Ceil(c.Limits.Rate*burst)))
	}
	return g
}

// Forms says what the system's scans look like.
func (g *Guarded) Forms() []adapters.Form { return g.adapter.Forms() }

// Verify asks the backend as far as the guards let it. Every refusal is an [adapters.Fault]. What the scan alone tells is answered
// before any guard is asked: an expired scan is expired however sick its system is.
func (g *Guarded) Verify(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	if g.screener != nil {
		if result, ok := g.screener.Screen(q); ok {
			return result, nil
		}
	}
	ctx, span := g.tracer.Start(ctx, tracing.Guard)
	defer span.End()
	var began time.Time
	if span.On() {
		began = time.Now()
	}
	s, fault := g.enter(ctx)
	if fault != nil {
		span.Reason(fault.Reason)
		span.Fail()
		return adapters.Result{}, g.refused(fault)
	}
	if span.On() {
		span.Queued(s.since.Sub(began))
	}
	return g.call(ctx, q, s)
}

// refused tells of a call that is answered without asking.
func (g *Guarded) refused(fault *adapters.Fault) error {
	if g.watch.Refused != nil {
		g.watch.Refused(fault.Reason)
	}
	return fault
}

// slot is the right to send a call. Whoever holds one gives it back with leave.
type slot struct {
	since time.Time
	trial bool // the call tries whether a system works again
}

// enter comes back when the call may be sent, or with the reason why it may not.
func (g *Guarded) enter(ctx context.Context) (slot, *adapters.Fault) {
	now := time.Now()
	g.mu.Lock()
	trial, fault := g.door(now)
	if fault != nil {
		g.mu.Unlock()
		return slot{}, fault
	}
	if trial || g.queue.len() == 0 && g.hasSlot() && g.hasTurn(now) {
		g.underWay++
		g.budget.earn()
		g.mu.Unlock()
		return slot{now, trial}, nil
	}
	w, fault := g.join(demandOf(ctx), now)
	g.mu.Unlock()
	if fault != nil {
		return slot{}, fault
	}
	fault = g.wait(ctx, w)
	served := time.Now()
	if g.watch.Waited != nil {
		g.watch.Waited(served.Sub(now))
	}
	return slot{since: served}, fault
}

// What is said at the door where no guard decides.
var (
	errClosed  = &adapters.Fault{Reason: standard.ReasonSuspended, What: "the system is being taken out of service"}
	errForced  = &adapters.Fault{Reason: standard.ReasonSuspended, What: "an operator has forced the breaker open"}
	errDrained = &adapters.Fault{Reason: standard.ReasonSuspended, What: "an operator drains the system"}
)

// door answers at once while nobody may ask, and says whether the call is the one that tries an open breaker.
func (g *Guarded) door(now time.Time) (bool, *adapters.Fault) {
	switch {
	case g.closed:
		return false, errClosed
	case g.mode == ModeOpen:
		return false, errForced
	case g.mode == ModeDrain:
		return false, errDrained
	case g.rest.holds(now):
		return false, g.rest.fault(now)
	case g.State() == Closed:
		return false, nil
	case g.prober == nil && g.State() == Open && !now.Before(g.spell.until):
		g.change(HalfOpen)
		return true, nil
	}
	return false, g.inPeace(now)
}

// errPanicked stands for an answer that never came because the adapter panicked.
var errPanicked = errors.New("the adapter panicked")

// call asks the backend and lets the guards learn from what becomes of it.
func (g *Guarded) call(ctx context.Context, q *adapters.Query, s slot) (adapters.Result, error) {
	outcome := errPanicked
	defer func() { g.leave(s, outcome) }()
	result, err := g.circuit.Execute(func() (adapters.Result, error) {
		if !s.trial && g.State() != Closed {
			return adapters.Result{}, errShut
		}
		return g.ask(ctx, q, s)
	})
	outcome = err
	if isShut(err) {
		return adapters.Result{}, g.refused(g.inPeaceNow())
	}
	return result, err
}

// leave gives a slot back and learns from what became of the call.
func (g *Guarded) leave(s slot, outcome error) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit.learn(now, now.Sub(s.since), outcome, g.underWay)
	g.underWay--
	g.heed(now, outcome)
	if s.trial {
		g.tried(now, outcome)
	}
	g.dispatch(now)
}

// Switch does what an operator wants. Going back to [ModeAuto] keeps what the guards know: a breaker that was open still is.
func (g *Guarded) Switch(m Mode) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.mode = m
	switch m {
	case ModeOpen:
		g.flush(errForced)
	case ModeAuto:
		g.plan(time.Now())
	}
}

// Warm goes back to [ModeAuto] slowly, and forgets for how long the system wanted to be left alone. Where there is a probe, the
// system must pass it first. Then calls go out one at a time, and more at once as they are answered.
func (g *Guarded) Warm() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	now := time.Now()
	g.mode, g.rest = ModeAuto, rest{}
	g.limit.restart(now, 1)
	if g.State() == Open || g.State() == Closed && g.prober != nil {
		g.open(now, 0)
	}
}

// Condition tells how the guards stand.
func (g *Guarded) Condition() Condition {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	c := Condition{
		Mode: g.mode, Breaker: g.State(), Probe: g.prober != nil,
		Limit: g.limit.slots(), UnderWay: g.underWay, Queued: g.queue.len(), Retries: int(g.budget / secondAttempt),
	}
	if c.Breaker == Open {
		c.OpenUntil = g.spell.until
	}
	if g.rest.holds(now) {
		c.RestUntil, c.RestReason = g.rest.until, g.rest.reason
	}
	return c
}

// Close turns away who waits and ends what the guards run. Calls that are under way come to their end; later ones are refused.
func (g *Guarded) Close() {
	g.mu.Lock()
	g.closed = true
	g.flush(errClosed)
	for _, t := range []*time.Timer{g.turn, g.next} {
		if t != nil {
			t.Stop()
		}
	}
	g.mu.Unlock()
	g.cancel()
	g.probes.Wait()
}
