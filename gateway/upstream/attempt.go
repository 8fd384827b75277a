package upstream

import (
	"context"
	"errors"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// Second is why an attempt besides a call's first was made.
type Second string

// The second attempts.
const (
	Retry Second = "retry" // the first reached nobody
	Hedge Second = "hedge" // the first had not been answered for a while
)

// budget is what second attempts may cost: each first attempt adds a share of one. So a system of which every call fails gets a
// tenth more calls, not twice as many.
type budget int

// What is added and taken, and what a system begins with and never exceeds.
const (
	firstAttempt  = 1
	secondAttempt = 10
	fullBudget    = budget(10 * secondAttempt)
)

func (b *budget) earn() { *b = min(*b+firstAttempt, fullBudget) }

// ask makes the attempts of one call within the system's own timeout. A call that tries an open breaker has one attempt.
func (g *Guarded) ask(ctx context.Context, q *adapters.Query, s slot) (adapters.Result, error) {
	call, cancel := context.WithDeadline(ctx, s.since.Add(g.limits.Timeout))
	defer cancel()
	result, err := g.attempts(call, q, g.repeats && !s.trial)
	if err != nil && ctx.Err() == nil && errors.Is(call.Err(), context.DeadlineExceeded) {
		return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonTimeout, What: "the system's own timeout has passed", Err: err}
	}
	return result, err
}

// attempts asks, and once more where the first attempt reached nobody: the connection was refused, or reset before anything was
// answered. Anything else has been answered in its way, and asking again would only add to the load of a sick backend.
func (g *Guarded) attempts(ctx context.Context, q *adapters.Query, repeats bool) (adapters.Result, error) {
	first := g.attempt
	if repeats && g.limits.Hedge > 0 {
		first = g.hedged
	}
	result, err := first(ctx, q)
	if repeats && g.limits.Retry > 0 && reasonOf(err) == standard.ReasonUnreachable && ctx.Err() == nil && g.spend(false) {
		g.second(Retry)
		return g.attempt(ctx, q)
	}
	return result, err
}

// attempt asks once.
func (g *Guarded) attempt(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	if g.watch.Took == nil {
		return g.adapter.Verify(ctx, q)
	}
	began := time.Now()
	result, err := g.adapter.Verify(ctx, q)
	if !errors.Is(ctx.Err(), context.Canceled) {
		g.watch.Took(time.Since(began))
	}
	return result, err
}

func (g *Guarded) second(why Second) {
	if g.watch.Second != nil {
		g.watch.Second(why)
	}
}

// spend takes what a second attempt costs, if the budget, the rate and the door allow one. One beside the first takes a slot too, and
// none that somebody waits for.
func (g *Guarded) spend(beside bool) bool {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	shut := g.closed || g.mode == ModeOpen || g.rest.holds(now) || g.State() != Closed
	if shut || g.budget < secondAttempt || beside && (g.queue.len() > 0 || !g.hasSlot()) || !g.hasTurn(now) {
		return false
	}
	g.budget -= secondAttempt
	if beside {
		g.underWay++
	}
	return true
}

// hedged asks, and beside that once more when there has been no answer for a while. The first good answer counts; the other attempt
// is cancelled, and what becomes of it is nobody's fault.
func (g *Guarded) hedged(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	first, cancelFirst := context.WithCancel(ctx)
	defer cancelFirst()
	beside := &beside{done: make(chan struct{})}
	var cancelBeside context.CancelFunc
	beside.ctx, cancelBeside = context.WithCancel(ctx)
	timer := time.AfterFunc(g.limits.Hedge, func() { g.runBeside(beside, q, cancelFirst) })
	never := false
	defer func() { // also when the first attempt panics
		cancelBeside()
		if !never && !timer.Stop() {
			<-beside.done
		}
	}()
	result, err := g.attempt(first, q)
	if err == nil {
		return result, nil
	}
	if never = timer.Stop(); never {
		return result, err
	}
	<-beside.done
	if beside.panicked != nil {
		panic(beside.panicked)
	}
	if beside.good {
		return beside.result, nil
	}
	return result, err
}

// beside is the attempt beside the first.
type beside struct {
	ctx      context.Context
	done     chan struct{} // closed when it is over, or was never made
	good     bool
	result   adapters.Result
	panicked any
}

// runBeside makes the second attempt, and cancels the first if that brings an answer.
func (g *Guarded) runBeside(b *beside, q *adapters.Query, cancelFirst context.CancelFunc) {
	defer close(b.done)
	if b.ctx.Err() != nil || !g.spend(true) {
		return
	}
	defer g.leaveBeside()
	defer func() { b.panicked = recover() }()
	g.second(Hedge)
	result, err := g.attempt(b.ctx, q)
	if err == nil {
		b.good, b.result = true, result
		cancelFirst()
	}
}

func (g *Guarded) leaveBeside() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.underWay--
	g.dispatch(time.Now())
}
