package upstream

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"tongma/adapters"
	"tongma/standard"
)

// queuePerSlot is how many calls may wait for each one that is under way. A system that answers within an eighth of its
// timeout can serve the whole queue before anybody in it gives up.
const queuePerSlot = 8

// bulkhead bounds how many calls are under way at once, and how many wait, and for how long. A hanging backend so holds a fixed
// number of goroutines and connections and not one more.
type bulkhead struct {
	adapters.Adapter
	slots   chan struct{}
	waiting atomic.Int64
	longest int64
	wait    time.Duration
}

func newBulkhead(a adapters.Adapter, limits adapters.Limits) *bulkhead {
	return &bulkhead{
		Adapter: a,
		slots:   make(chan struct{}, limits.Concurrency),
		longest: int64(limits.Concurrency) * queuePerSlot,
		wait:    limits.Timeout,
	}
}

func (g *bulkhead) Verify(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	if !g.enter(ctx) {
		return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonOverload, What: "no free slot", Err: ctx.Err()}
	}
	defer func() { <-g.slots }()
	return g.Adapter.Verify(ctx, q)
}

func (g *bulkhead) enter(ctx context.Context) bool {
	select {
	case g.slots <- struct{}{}:
		return true
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > g.longest {
		return false
	}
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// limiter keeps to the rate that a system allows. A short burst passes at once; who would wait longer than the system's
// timeout is turned away, which bounds the queue.
type limiter struct {
	adapters.Adapter
	bucket *rate.Limiter
	wait   time.Duration
}

// burst is the share of a second's calls that may be made at once.
const burst = 0.1

func newRate(a adapters.Adapter, limits adapters.Limits) *limiter {
	return &limiter{a, rate.NewLimiter(rate.Limit(limits.Rate), int(math.Ceil(limits.Rate*burst))), limits.Timeout}
}

func (g *limiter) Verify(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	if !g.enter(ctx) {
		return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonOverload, What: "more calls than the system's rate allows", Err: ctx.Err()}
	}
	return g.Adapter.Verify(ctx, q)
}

// enter waits for the call's turn, if that comes in time.
func (g *limiter) enter(ctx context.Context) bool {
	if g.bucket.Allow() {
		return true
	}
	wait, cancel := context.WithTimeout(ctx, g.wait)
	defer cancel()
	return g.bucket.Wait(wait) == nil
}
