package upstream

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tongma/adapters"
	"tongma/standard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend is an adapter whose answer is a function.
type backend func(ctx context.Context) (adapters.Result, error)

func (b backend) Forms() []adapters.Form { return nil }

func (b backend) Verify(ctx context.Context, _ *adapters.Query) (adapters.Result, error) {
	return b(ctx)
}

var (
	well   = adapters.Result{Outcome: standard.NotFound, Reason: standard.ReasonNoHolder}
	limits = adapters.Limits{Timeout: time.Second, Concurrency: 4, Body: 1 << 16}
)

func ok(context.Context) (adapters.Result, error) { return well, nil }

func fails(reason standard.ReasonCode) backend {
	return func(context.Context) (adapters.Result, error) {
		return adapters.Result{}, &adapters.Fault{Reason: reason}
	}
}

// hangs until its context ends, as Host.Send does.
func hangs(ctx context.Context) (adapters.Result, error) {
	<-ctx.Done()
	return adapters.Result{}, faultOf(ctx.Err(), standard.ReasonUnreachable)
}

func ask(t *testing.T, a adapters.Adapter) standard.ReasonCode {
	t.Helper()
	result, err := a.Verify(t.Context(), &adapters.Query{})
	if err == nil && result != well {
		t.Fatalf("result %+v", result)
	}
	return reasonOf(err)
}

// expiring is a backend whose scans all say themselves that they have expired.
type expiring struct{ backend }

func (expiring) Screen(*adapters.Query) (adapters.Result, bool) {
	return adapters.Result{Outcome: standard.Expired, Reason: standard.ReasonScanExpired}, true
}

func TestAnExpiredScanIsExpiredHoweverSickItsSystemIs(t *testing.T) {
	a := Guard(expiring{func(context.Context) (adapters.Result, error) {
		t.Error("the backend was asked")
		return well, nil
	}}, adapters.Info{}, GuardConfig{Limits: limits})
	result, err := a.Verify(t.Context(), &adapters.Query{})
	if err != nil || result.Outcome != standard.Expired {
		t.Errorf("result %+v, error %v", result, err)
	}
}

func TestBreakerOpensAfterFailuresInARowAndClosesAfterASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		sick := true
		var states []State
		a := Guard(backend(func(ctx context.Context) (adapters.Result, error) {
			calls++
			if sick {
				return fails(standard.ReasonUnreachable)(ctx)
			}
			return well, nil
		}), adapters.Info{}, GuardConfig{Limits: limits, Watch: Watch{State: func(s State) { states = append(states, s) }}})

		for range breakerRow {
			if r := ask(t, a); r != standard.ReasonUnreachable {
				t.Fatalf("reason %q", r)
			}
		}
		_, err := a.Verify(t.Context(), &adapters.Query{})
		var fault *adapters.Fault
		if !errors.As(err, &fault) || fault.Reason != standard.ReasonBreaker || fault.RetryAfter != breakerOpenFor {
			t.Fatalf("while open: %#v", err)
		}
		if calls != breakerRow {
			t.Fatalf("the backend was asked %d times", calls)
		}

		time.Sleep(breakerOpenFor + time.Millisecond)
		if r := ask(t, a); r != standard.ReasonUnreachable || calls != breakerRow+1 {
			t.Fatalf("first probe: %q, %d calls", r, calls)
		}
		if r := ask(t, a); r != standard.ReasonBreaker {
			t.Fatalf("after a failed probe: %q", r)
		}

		sick = false
		time.Sleep(breakerOpenFor + time.Millisecond)
		for range 3 {
			if r := ask(t, a); r != "" {
				t.Fatalf("after recovery: %q", r)
			}
		}
		want := []State{Open, HalfOpen, Open, HalfOpen, Closed}
		if len(states) != len(want) {
			t.Fatalf("states %v", states)
		}
		for i := range want {
			if states[i] != want[i] {
				t.Fatalf("states %v, want %v", states, want)
			}
		}
	})
}

func TestBreakerOpensWhenHalfOfManyCallsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n int
		a := Guard(backend(func(ctx context.Context) (adapters.Result, error) {
			n++
			if n%2 == 0 {
				return fails(standard.ReasonFault)(ctx)
			}
			return well, nil
		}), adapters.Info{}, GuardConfig{Limits: limits})
		for range breakerVolume {
			ask(t, a)
			time.Sleep(10 * time.Millisecond)
		}
		if r := ask(t, a); r != standard.ReasonBreaker {
			t.Errorf("reason %q", r)
		}
	})
}

func TestBreakerDoesNotCountWhatIsNotTheBackendsIllness(t *testing.T) {
	for _, reason := range []standard.ReasonCode{standard.ReasonBusy, standard.ReasonQuota, standard.ReasonUnset} {
		a := Guard(fails(reason), adapters.Info{}, GuardConfig{Limits: limits})
		for range 10 * breakerVolume {
			if r := ask(t, a); r != reason {
				t.Fatalf("%s became %s", reason, r)
			}
		}
	}
	unaskable := Guard(backend(func(context.Context) (adapters.Result, error) {
		return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonFault, Blameless: true}
	}), adapters.Info{}, GuardConfig{Limits: limits})
	for range 10 * breakerVolume {
		if r := ask(t, unaskable); r != standard.ReasonFault {
			t.Fatalf("scans of which no request can be made became %s", r)
		}
	}
	left, cancel := context.WithCancel(t.Context())
	cancel()
	a := Guard(backend(func(ctx context.Context) (adapters.Result, error) { return adapters.Result{}, ctx.Err() }), adapters.Info{}, GuardConfig{Limits: limits})
	for range 10 * breakerVolume {
		if _, err := a.Verify(left, &adapters.Query{}); !errors.Is(err, context.Canceled) {
			t.Fatalf("a caller who left: %v", err)
		}
	}
}

func TestHalfOpenLetsOneCallThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var under, most atomic.Int32
		a := Guard(backend(func(ctx context.Context) (adapters.Result, error) {
			most.Store(max(most.Load(), under.Add(1)))
			defer under.Add(-1)
			return hangs(ctx)
		}), adapters.Info{}, GuardConfig{Limits: limits})
		for range breakerRow {
			ask(t, a)
		}
		most.Store(0)
		time.Sleep(breakerOpenFor + time.Millisecond)
		begin := time.Now()
		var atOnce atomic.Int32
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				ask(t, a)
				if time.Since(begin) < 50*time.Millisecond {
					atOnce.Add(1)
				}
			})
		}
		all.Wait()
		if most.Load() != breakerProbes || atOnce.Load() != 50-breakerProbes {
			t.Errorf("%d calls reached the backend, %d callers were answered at once", most.Load(), atOnce.Load())
		}
	})
}

func TestBulkheadBoundsCallsAndQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var under, most atomic.Int32
		release := make(chan struct{})
		a := newBulkhead(backend(func(ctx context.Context) (adapters.Result, error) {
			most.Store(max(most.Load(), under.Add(1)))
			defer under.Add(-1)
			<-release
			return well, nil
		}), limits)
		var refused atomic.Int32
		var all sync.WaitGroup
		const callers = 100
		for range callers {
			all.Go(func() {
				if ask(t, a) == standard.ReasonOverload {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		if want := int32(callers - limits.Concurrency*(1+queuePerSlot)); refused.Load() != want {
			t.Errorf("%d refused at once, want %d", refused.Load(), want)
		}
		close(release)
		all.Wait()
		if most.Load() != int32(limits.Concurrency) {
			t.Errorf("%d calls at once", most.Load())
		}
		if a.waiting.Load() != 0 || len(a.slots) != 0 {
			t.Error("somebody is still counted")
		}
	})
}

func TestWhoQueuedIsTurnedAwayOnceTheSystemIsKnownToBeIll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := Guard(backend(hangs), adapters.Info{}, GuardConfig{Limits: adapters.Limits{Timeout: time.Second, Concurrency: breakerRow}})
		begin := time.Now()
		var all sync.WaitGroup
		for range 3 * breakerRow {
			all.Go(func() { ask(t, a) })
		}
		all.Wait()
		if took := time.Since(begin); took > limits.Timeout {
			t.Errorf("the queue of a hanging system took %s to empty", took)
		}
	})
}

func TestABulkheadSlotIsFreeAgainAfterAPanic(t *testing.T) {
	a := newBulkhead(backend(func(context.Context) (adapters.Result, error) { panic("bug") }), limits)
	for range limits.Concurrency + 1 {
		func() {
			defer func() { recover() }()
			a.Verify(t.Context(), &adapters.Query{})
		}()
	}
	if len(a.slots) != 0 {
		t.Errorf("%d slots are lost", len(a.slots))
	}
}

func TestRateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		a := newRate(backend(func(ctx context.Context) (adapters.Result, error) {
			calls.Add(1)
			return well, nil
		}), adapters.Limits{Rate: 50, Timeout: time.Second})
		var refused atomic.Int32
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				if ask(t, a) == standard.ReasonOverload {
					refused.Add(1)
				}
			})
		}
		all.Wait()
		if n := calls.Load(); n < 50 || n > 56 {
			t.Errorf("%d calls in a second at 50 a second", n)
		}
		if calls.Load()+refused.Load() != 200 {
			t.Errorf("%d called, %d refused", calls.Load(), refused.Load())
		}
	})
}

func TestTimeoutIsTheSystemsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if r := ask(t, &timeout{backend(hangs), time.Second}); r != standard.ReasonTimeout || time.Since(begin) != time.Second {
			t.Errorf("%q after %s", r, time.Since(begin))
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
