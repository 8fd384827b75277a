package upstream

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"tongma/adapters"
	"tongma/standard"
)

// When the breaker opens and for how long. It opens after five failures in a row, which is what a hanging backend with few
// callers shows, or when half of at least twenty calls within ten seconds failed, which is what a flapping one with many shows.
// Then a single caller every three seconds bears the risk of asking a backend that may still hang.
const (
	breakerWindow  = 10 * time.Second
	breakerBucket  = time.Second
	breakerVolume  = 20
	breakerRatio   = 0.5
	breakerRow     = 5
	breakerOpenFor = 3 * time.Second
	breakerProbes  = 1
)

// breaker leaves a failing system in peace, so that its callers are answered at once and it can recover. Failures are
// no connection, no answer in time, and answers that cannot be understood. A busy system, a spent quota, callers who left
// and scans of which no request can be made are neither failure nor success.
type breaker struct {
	adapters.Adapter
	circuit *gobreaker.CircuitBreaker[adapters.Result]
	opened  atomic.Int64 // when it last opened, nanoseconds of the Unix time
}

func newBreaker(a adapters.Adapter, onState func(State)) *breaker {
	g := &breaker{Adapter: a}
	g.circuit = gobreaker.NewCircuitBreaker[adapters.Result](gobreaker.Settings{
		MaxRequests:  breakerProbes,
		Interval:     breakerWindow,
		BucketPeriod: breakerBucket,
		Timeout:      breakerOpenFor,
		ReadyToTrip:  readyToTrip,
		IsExcluded:   isExcluded,
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				g.opened.Store(time.Now().UnixNano())
			}
			if onState != nil {
				onState(stateOf(to))
			}
		},
	})
	return g
}

func (g *breaker) Verify(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	result, err := g.circuit.Execute(func() (adapters.Result, error) { return g.Adapter.Verify(ctx, q) })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return adapters.Result{}, g.inPeace()
	}
	return result, err
}

// door turns callers away while the breaker is open, before they queue. The breaker itself stands behind the queue, so that
// whoever queued while the system was falling ill is turned away too as soon as it is known to be.
type door struct {
	adapters.Adapter
	breaker *breaker
}

func (g *door) Verify(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	if g.breaker.circuit.State() == gobreaker.StateOpen {
		return adapters.Result{}, g.breaker.inPeace()
	}
	return g.Adapter.Verify(ctx, q)
}

func (g *breaker) inPeace() *adapters.Fault {
	return &adapters.Fault{Reason: standard.ReasonBreaker, RetryAfter: g.retryAfter()}
}

// retryAfter is how long the system will still be left in peace, at least a second: while a probe is under way nobody knows.
func (g *breaker) retryAfter() time.Duration {
	left := breakerOpenFor - time.Since(time.Unix(0, g.opened.Load()))
	return max(left, time.Second)
}

func readyToTrip(c gobreaker.Counts) bool {
	if c.ConsecutiveFailures >= breakerRow {
		return true
	}
	judged := c.TotalSuccesses + c.TotalFailures
	return judged >= breakerVolume && float64(c.TotalFailures) >= breakerRatio*float64(judged)
}

func isExcluded(err error) bool {
	if fault, ok := errors.AsType[*adapters.Fault](err); ok && fault != nil && fault.Blameless || errors.Is(err, context.Canceled) {
		return true
	}
	switch reasonOf(err) {
	case standard.ReasonBusy, standard.ReasonQuota, standard.ReasonUnset, standard.ReasonPatience:
		return true
	}
	return false
}

func stateOf(s gobreaker.State) State {
	switch s {
	case gobreaker.StateOpen:
		return Open
	case gobreaker.StateHalfOpen:
		return HalfOpen
	}
	return Closed
}
