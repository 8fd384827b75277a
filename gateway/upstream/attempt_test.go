package upstream

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"

	"tongma/adapters"
	"tongma/standard"
)

func TestTimeoutIsTheSystemsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guarded(t, backend(hangs), GuardConfig{Limits: limits})
		began := time.Now()
		demand := NewDemand(began.Add(10*time.Millisecond), Batch) // what has been sent goes on
		_, err := g.Verify(demand.Context(t.Context()), &adapters.Query{})
		if reasonOf(err) != standard.ReasonTimeout || time.Since(began) != limits.Timeout {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

func TestSecondAttemptsStayWithinTheirBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls, retries atomic.Int32
		l := limits
		l.Retry = 1
		var g *Guarded
		g = guarded(t, backend(func(context.Context) (adapters.Result, error) {
			if n := calls.Add(1); n%5 == 0 || g.Condition().Breaker != Closed { // so that the breaker stays closed
				return well, nil
			}
			return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonUnreachable}
		}), GuardConfig{Limits: l, Watch: Watch{Second: func(s Second) {
			if s != Retry {
				t.Errorf("a %s", s)
			}
			retries.Add(1)
		}}})
		g.circuit = gobreakerThatNeverTrips()
		const first = 1000
		for range first {
			g.Verify(t.Context(), &adapters.Query{})
		}
		if n := int(retries.Load()); n < first/10 || n > first/10+10 {
			t.Errorf("%d second attempts beside %d first ones", n, first)
		}
		if int(calls.Load()) != first+int(retries.Load()) {
			t.Errorf("%d calls, %d second attempts told", calls.Load(), retries.Load())
		}
		if g.Condition().Retries != 0 {
			t.Errorf("%+v", g.Condition())
		}
	})
}

// slowFirst is a backend of which every first call takes long.
type slowFirst struct {
	calls, cancelled atomic.Int32
	slow             time.Duration
	second           func(context.Context) (adapters.Result, error)
}

func (b *slowFirst) Forms() []adapters.Form { return nil }

func (b *slowFirst) Verify(ctx context.Context, _ *adapters.Query) (adapters.Result, error) {
	if b.calls.Add(1) > 1 {
		return b.second(ctx)
	}
	select {
	case <-time.After(b.slow):
		return well, nil
	case <-ctx.Done():
		b.cancelled.Add(1)
		return adapters.Result{}, faultOf(ctx.Err(), standard.ReasonUnreachable)
	}
}

func TestTheFirstGoodAnswerOfTwoWinsAndTheOtherIsNobodysFault(t *testing.T) {
	const hedge, slow = 50 * time.Millisecond, 500 * time.Millisecond
	soon := func(context.Context) (adapters.Result, error) { time.Sleep(10 * time.Millisecond); return well, nil }
	for _, c := range []struct {
		name    string
		info    adapters.Info
		slow    time.Duration
		second  func(context.Context) (adapters.Result, error)
		calls   int32
		after   time.Duration
		took    []time.Duration
		problem standard.ReasonCode
	}{
		{"the second is faster", adapters.Info{}, slow, soon, 2, hedge + 10*time.Millisecond, []time.Duration{10 * time.Millisecond}, ""},
		{"the first is fast", adapters.Info{}, 20 * time.Millisecond, soon, 1, 20 * time.Millisecond, []time.Duration{20 * time.Millisecond}, ""},
		{"the second hangs", adapters.Info{}, slow, hangs, 2, slow, []time.Duration{slow}, ""},
		{"the second fails", adapters.Info{}, slow, fails(standard.ReasonFault), 2, slow, []time.Duration{0, slow}, ""},
		{"the second panics", adapters.Info{}, slow, func(context.Context) (adapters.Result, error) { panic("bug") }, 2, slow, []time.Duration{slow}, ""},
		{"both hang", adapters.Info{}, time.Hour, hangs, 2, limits.Timeout, []time.Duration{limits.Timeout - hedge, limits.Timeout}, standard.ReasonTimeout},
		{"each call is recorded", adapters.Info{Records: true}, slow, soon, 1, slow, []time.Duration{slow}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &slowFirst{slow: c.slow, second: c.second}
				var mu sync.Mutex
				var took []time.Duration
				l := limits
				l.Hedge = hedge
				g := Guard(b, c.info, GuardConfig{Limits: l, Watch: Watch{Took: func(d time.Duration) {
					mu.Lock()
					defer mu.Unlock()
					took = append(took, d)
				}}})
				defer g.Close()
				began := time.Now()
				r := ask(t, g)
				slices.Sort(took)
				if r != c.problem || time.Since(began) != c.after || b.calls.Load() != c.calls || !slices.Equal(took, c.took) {
					t.Errorf("%q after %s with %d calls that took %v", r, time.Since(began), b.calls.Load(), took)
				}
				counts := g.circuit.Counts()
				if failed := c.problem != ""; counts.Requests != 1 || (counts.TotalFailures == 1) != failed {
					t.Errorf("counted %+v", counts)
				}
				if now := g.Condition(); now.UnderWay != 0 {
					t.Errorf("%d slots are lost", now.UnderWay)
				}
			})
		})
	}
}

func TestAPanicOfEitherAttemptReachesTheCaller(t *testing.T) {
	for _, second := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var calls, left atomic.Int32
			l := limits
			l.Hedge = 10 * time.Millisecond
			g := guarded(t, backend(func(ctx context.Context) (adapters.Result, error) {
				defer left.Add(1)
				if isSecond := calls.Add(1) == 2; isSecond == second {
					time.Sleep(20 * time.Millisecond)
					panic("bug")
				}
				time.Sleep(15 * time.Millisecond)
				return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonFault}
			}), GuardConfig{Limits: l})
			func() {
				defer func() {
					if p := recover(); p != "bug" {
						t.Errorf("panic %v", p)
					}
				}()
				g.Verify(t.Context(), &adapters.Query{})
			}()
			if calls.Load() != 2 || left.Load() != 2 || g.Condition().UnderWay != 0 {
				t.Errorf("%d calls, %d have ended, %+v", calls.Load(), left.Load(), g.Condition())
			}
		})
	}
}

func TestNoSecondAttemptTakesASlotThatSomebodyNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newGate()
		l := limits
		l.Hedge = 10 * time.Millisecond
		g := guarded(t, b, GuardConfig{Limits: l})
		var a answers
		a.ask(g, l.Concurrency, nil)
		time.Sleep(20 * time.Millisecond)
		if n := b.calls.Load(); int(n) != l.Concurrency {
			t.Errorf("%d calls with %d slots", n, l.Concurrency)
		}
		close(b.answer)
		a.all.Wait()
	})
}

func TestNothingIsAskedTwiceOnceTheDoorIsShut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		l := limits
		l.Retry = 1
		var g *Guarded
		g = guarded(t, backend(func(context.Context) (adapters.Result, error) {
			calls.Add(1)
			g.Switch(ModeOpen)
			return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonUnreachable, Err: errors.New("refused")}
		}), GuardConfig{Limits: l})
		if r := ask(t, g); r != standard.ReasonUnreachable || calls.Load() != 1 {
			t.Errorf("%q, %d calls", r, calls.Load())
		}
	})
}

func TestRetryOnlyWhereNothingWasAnsweredAndNothingIsRecorded(t *testing.T) {
	for _, c := range []struct {
		reason  standard.ReasonCode
		retry   int
		records bool
		calls   int
	}{
		{standard.ReasonUnreachable, 1, false, 2},
		{standard.ReasonUnreachable, 0, false, 1},
		{standard.ReasonUnreachable, 1, true, 1},
		{standard.ReasonFault, 1, false, 1},
		{standard.ReasonTimeout, 1, false, 1},
		{standard.ReasonBusy, 1, false, 1},
	} {
		calls := 0
		l := limits
		l.Retry = c.retry
		ask(t, Guard(backend(func(ctx context.Context) (adapters.Result, error) {
			calls++
			return fails(c.reason)(ctx)
		}), adapters.Info{Records: c.records}, GuardConfig{Limits: l}))
		if calls != c.calls {
			t.Errorf("%+v: %d calls", c, calls)
		}
	}
}

// gobreakerThatNeverTrips counts and does nothing else.
func gobreakerThatNeverTrips() *gobreaker.CircuitBreaker[adapters.Result] {
	return gobreaker.NewCircuitBreaker[adapters.Result](gobreaker.Settings{ReadyToTrip: func(gobreaker.Counts) bool { return false }})
}
