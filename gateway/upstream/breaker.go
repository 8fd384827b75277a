package upstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sony/gobreaker/v2"

	"tongma/adapters"
	"tongma/standard"
)

// When the breaker opens. It opens when half of at least twenty calls within ten seconds failed, which is what a flapping backend
// shows, or after failures in a row, which is what a hanging one shows. With few calls five in a row are enough. With many it takes
// an eighth of what may be under way at once, because a slow backend that misses its time in every fifth call has five in a row
// every minute.
const (
	breakerWindow = 10 * time.Second
	breakerBucket = time.Second
	breakerVolume = 20
	breakerRatio  = 0.5
	breakerRow    = 5
	breakerShare  = 8
)

// For how long it stays open. Each failed try doubles the spell, so that a system that is down for an hour is asked twice a
// minute; and each is longer or shorter by up to a quarter, so that the nodes of a nation do not come back at the same moment.
const (
	spellLeast  = time.Second
	spellMost   = 30 * time.Second
	spellJitter = 0.25
	spellCalm   = time.Minute // closed for so long, it begins with the shortest spell again
)

// probeMost bounds how long a probe may take, besides the system's own timeout.
const probeMost = 5 * time.Second

// spell is a time in which the breaker is open.
type spell struct {
	length time.Duration // of the last one, without jitter
	until  time.Time     // when the system is tried next
	closed time.Time     // when the breaker last closed
}

// newCircuit makes what counts successes and failures. When it has tripped, the guards decide alone when the system is tried
// again, because gobreaker's own time neither grows nor varies; so that is as short as can be.
//
// Failures are no connection, no answer in time, and answers that cannot be understood. A busy system, a spent quota, callers who
// left and scans of which no request can be made are neither failure nor success.
func newCircuit(concurrency int, changed func(string, gobreaker.State, gobreaker.State)) *gobreaker.CircuitBreaker[adapters.Result] {
	return gobreaker.NewCircuitBreaker[adapters.Result](gobreaker.Settings{
		MaxRequests:   1,
		Interval:      breakerWindow,
		BucketPeriod:  breakerBucket,
		Timeout:       time.Nanosecond,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return isSick(c, concurrency) },
		IsExcluded:    isExcluded,
		OnStateChange: changed,
	})
}

// errShut says that the breaker opened between a call's admission and its first byte.
var errShut = errors.New("the breaker has opened")

func isShut(err error) bool {
	return errors.Is(err, errShut) || errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests)
}

// State is the breaker's state at this moment.
func (g *Guarded) State() State { return State(g.state.Load()) }

func (g *Guarded) change(to State) {
	if State(g.state.Swap(int32(to))) != to && g.watch.State != nil {
		g.watch.State(to)
	}
}

// tripped hears from the circuit. What follows a trip is decided by tries, not by the circuit.
func (g *Guarded) tripped(_ string, _, to gobreaker.State) {
	if to != gobreaker.StateOpen {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.State() == Closed {
		g.openLonger(time.Now())
	}
}

// openLonger opens the breaker for twice as long as the last time.
func (g *Guarded) openLonger(now time.Time) {
	if g.State() == Closed && now.Sub(g.spell.closed) >= spellCalm {
		g.spell.length = 0
	}
	g.spell.length = min(max(2*g.spell.length, spellLeast), spellMost)
	g.open(now, g.spell.length)
}

// open opens the breaker for about that long. Who waits is turned away.
func (g *Guarded) open(now time.Time, length time.Duration) {
	g.spell.until = now.Add(jittered(length))
	g.change(Open)
	g.flush(g.inPeace(now))
	g.plan(now)
}

func jittered(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 + spellJitter*(2*rand.Float64()-1)))
}

// plan has the next probe made when it is due, if there is one to make.
func (g *Guarded) plan(now time.Time) {
	if g.prober == nil || g.closed || g.State() != Open {
		return
	}
	due := g.spell.until
	if g.rest.until.After(due) {
		due = g.rest.until
	}
	if g.next == nil {
		g.next = time.AfterFunc(due.Sub(now), g.try)
		return
	}
	g.next.Reset(due.Sub(now))
}

// try makes a probe, unless something has come between.
func (g *Guarded) try() {
	g.mu.Lock()
	now := time.Now()
	if g.closed || g.mode != ModeAuto || g.State() != Open {
		g.mu.Unlock()
		return
	}
	if now.Before(g.spell.until) || g.rest.holds(now) {
		g.plan(now)
		g.mu.Unlock()
		return
	}
	g.change(HalfOpen)
	g.probes.Add(1)
	g.mu.Unlock()
	defer g.probes.Done()

	err := g.probe()
	if g.watch.Probed != nil {
		g.watch.Probed(err)
	}
	now = time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.heed(now, err)
	g.tried(now, err)
}

// probe asks the backend about a scan that nobody has. Nobody stands above it, so a panic ends here.
func (g *Guarded) probe() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %T", errPanicked, p)
		}
	}()
	ctx, cancel := context.WithTimeout(g.ctx, min(g.limits.Timeout, probeMost))
	defer cancel()
	_, err = g.circuit.Execute(func() (adapters.Result, error) { return adapters.Result{}, g.prober.Probe(ctx, g.place) })
	return err
}

// tried closes the breaker if the system works, and opens it for longer if it does not. What tells neither is tried again soon.
func (g *Guarded) tried(now time.Time, outcome error) {
	switch {
	case outcome == nil:
		g.spell.closed = now
		g.limit.restart(now, min(g.limit.now, g.limit.least))
		g.change(Closed)
	case isShut(outcome), isExcluded(outcome):
		g.open(now, spellLeast)
	default:
		g.openLonger(now)
	}
}

// inPeace is the answer while the breaker is open. Its time is at least a second: while a try is under way nobody knows.
func (g *Guarded) inPeace(now time.Time) *adapters.Fault {
	return &adapters.Fault{Reason: standard.ReasonBreaker, RetryAfter: max(g.spell.until.Sub(now), time.Second)}
}

func (g *Guarded) inPeaceNow() *adapters.Fault {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inPeace(time.Now())
}

func isSick(c gobreaker.Counts, concurrency int) bool {
	judged := int(c.TotalSuccesses + c.TotalFailures)
	if judged < breakerVolume {
		return c.ConsecutiveFailures >= breakerRow
	}
	row := max(breakerRow, concurrency/breakerShare)
	return int(c.ConsecutiveFailures) >= row || float64(c.TotalFailures) >= breakerRatio*float64(judged)
}

func isExcluded(err error) bool {
	if err == nil {
		return false
	}
	if fault, ok := errors.AsType[*adapters.Fault](err); ok && fault != nil && fault.Blameless {
		return true
	}
	if errors.Is(err, errShut) || errors.Is(err, context.Canceled) {
		return true
	}
	switch reasonOf(err) {
	case standard.ReasonBusy, standard.ReasonQuota, standard.ReasonUnset, standard.ReasonPatience:
		return true
	}
	return false
}

// reasonOf gives the reason of a fault, "" for a nil error, and ReasonFault for an error of any other kind.
func reasonOf(err error) standard.ReasonCode {
	if err == nil {
		return ""
	}
	if fault, ok := errors.AsType[*adapters.Fault](err); ok && fault != nil {
		return fault.Reason
	}
	return standard.ReasonFault
}
