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

// guarded guards a backend and closes its guards at the end of the test.
func guarded(t *testing.T, a adapters.Adapter, c GuardConfig) *Guarded {
	t.Helper()
	g := Guard(a, adapters.Info{}, c)
	t.Cleanup(g.Close)
	return g
}

// gate is a backend that answers when it is told to.
type gate struct {
	calls    atomic.Int32
	underWay atomic.Int32
	answer   chan error
}

func newGate() *gate { return &gate{answer: make(chan error)} }

func (b *gate) Forms() []adapters.Form { return nil }

func (b *gate) Verify(ctx context.Context, _ *adapters.Query) (adapters.Result, error) {
	b.calls.Add(1)
	b.underWay.Add(1)
	defer b.underWay.Add(-1)
	select {
	case err := <-b.answer:
		return well, err
	case <-ctx.Done():
		return adapters.Result{}, faultOf(ctx.Err(), standard.ReasonUnreachable)
	}
}

// answers collects what became of calls that were made beside each other.
type answers struct {
	mu  sync.Mutex
	all sync.WaitGroup
	got []standard.ReasonCode
}

func (a *answers) ask(g *Guarded, n int, d *Demand) {
	ctx := context.Background()
	if d != nil {
		ctx = d.Context(ctx)
	}
	for range n {
		a.all.Go(func() {
			_, err := g.Verify(ctx, &adapters.Query{})
			a.mu.Lock()
			defer a.mu.Unlock()
			a.got = append(a.got, reasonOf(err))
		})
	}
	synctest.Wait()
}

func (a *answers) count(reason standard.ReasonCode) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, r := range a.got {
		if r == reason {
			n++
		}
	}
	return n
}

func TestForcedOpenNobodyAsksAndWhoIsUnderWayEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newGate()
		g := guarded(t, b, GuardConfig{Limits: limits})
		var a answers
		a.ask(g, limits.Concurrency+3, nil)
		g.Switch(ModeOpen)
		synctest.Wait()
		if n := a.count(standard.ReasonSuspended); n != 3 {
			t.Errorf("%d of 3 who waited were turned away", n)
		}
		a.ask(g, 1, nil)
		if n := a.count(standard.ReasonSuspended); n != 4 || b.calls.Load() != int32(limits.Concurrency) {
			t.Errorf("%d turned away, %d calls", n, b.calls.Load())
		}
		close(b.answer)
		a.all.Wait()
		if n := a.count(""); n != limits.Concurrency {
			t.Errorf("%d of those under way were answered", n)
		}
		g.Switch(ModeAuto)
		if r := ask(t, g); r != "" {
			t.Errorf("back in auto: %q", r)
		}
	})
}

func TestADrainedSystemAnswersThoseWhoAreInAndNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newGate()
		g := guarded(t, b, GuardConfig{Limits: limits})
		var a answers
		a.ask(g, limits.Concurrency+3, nil)
		g.Switch(ModeDrain)
		if r := ask(t, g); r != standard.ReasonSuspended {
			t.Errorf("a newcomer: %q", r)
		}
		close(b.answer)
		a.all.Wait()
		if n := a.count(""); n != limits.Concurrency+3 {
			t.Errorf("%d answered", n)
		}
	})
}

func TestASystemThatAsksForItIsLeftAlone(t *testing.T) {
	for _, c := range []struct {
		reason    standard.ReasonCode
		asks, has time.Duration
	}{
		{standard.ReasonBusy, 3 * time.Second, 3 * time.Second},
		{standard.ReasonQuota, 10 * time.Minute, 10 * time.Minute},
		{standard.ReasonQuota, 24 * time.Hour, restMost},
		{standard.ReasonBusy, 0, 0},
		{standard.ReasonFault, time.Minute, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newGate()
			g := guarded(t, b, GuardConfig{Limits: limits})
			var a answers
			a.ask(g, limits.Concurrency+2, nil)
			b.answer <- &adapters.Fault{Reason: c.reason, RetryAfter: c.asks}
			synctest.Wait()
			if c.has == 0 {
				if g.Condition().RestReason != "" || a.count(c.reason) != 1 {
					t.Errorf("%+v: it is left alone: %+v, %v", c, g.Condition(), a.got)
				}
				close(b.answer)
				a.all.Wait()
				return
			}
			if a.count(c.reason) != 3 {
				t.Errorf("%+v: of those who waited were told %v", c, a.got)
			}
			const later = time.Second
			time.Sleep(later / 2) // those under way have not timed out
			calls := b.calls.Load()
			_, err := g.Verify(t.Context(), &adapters.Query{})
			fault, _ := errors.AsType[*adapters.Fault](err)
			if fault == nil || fault.Reason != c.reason || fault.RetryAfter != c.has-later/2 || b.calls.Load() != calls {
				t.Errorf("%+v: %v, %d calls more", c, err, b.calls.Load()-calls)
			}
			if now := g.Condition(); now.RestReason != c.reason || time.Until(now.RestUntil) != c.has-later/2 {
				t.Errorf("%+v: condition %+v", c, now)
			}
			close(b.answer)
			a.all.Wait()
			time.Sleep(c.has)
			if r := ask(t, g); r != "" {
				t.Errorf("%+v: afterwards %q", c, r)
			}
		})
	}
}

func TestABusySystemIsAskedLessAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits
		l.Concurrency = 100
		g := guarded(t, fails(standard.ReasonBusy), GuardConfig{Limits: l})
		before := g.Condition().Limit
		for range 30 {
			ask(t, g)
			time.Sleep(time.Millisecond)
		}
		if now := g.Condition().Limit; now >= before || now < 1 {
			t.Errorf("a limit of %d after %d", now, before)
		}
	})
}

func TestWarmingBeginsWithOneCallAtATimeAndForgetsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits
		l.Concurrency = 32
		g := guarded(t, backend(func(context.Context) (adapters.Result, error) {
			time.Sleep(10 * time.Millisecond)
			return well, nil
		}), GuardConfig{Limits: l})
		g.Switch(ModeOpen)
		g.heed(time.Now(), &adapters.Fault{Reason: standard.ReasonQuota, RetryAfter: time.Hour})
		g.Warm()
		var grown []int
		var a answers
		for range 40 {
			a.ask(g, 64, nil)
			if now := g.Condition(); len(grown) == 0 || grown[len(grown)-1] != now.Limit {
				grown = append(grown, now.Limit)
			}
			a.all.Wait()
		}
		if n := a.count(""); n != 40*64 {
			t.Errorf("%d answered", n)
		}
		if len(grown) < 4 || grown[0] != 1 || !slices.IsSorted(grown) || grown[len(grown)-1] != 32 {
			t.Errorf("limits %v", grown)
		}
	})
}

func TestAPanicReleasesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		g := guarded(t, backend(func(context.Context) (adapters.Result, error) {
			if broken {
				panic("bug")
			}
			return well, nil
		}), GuardConfig{Limits: limits})
		panicking := func() (p any) {
			defer func() { p = recover() }()
			g.Verify(t.Context(), &adapters.Query{})
			return nil
		}
		for range breakerRow {
			if panicking() != "bug" {
				t.Fatal("the panic is lost")
			}
		}
		if now := g.Condition(); now.UnderWay != 0 || now.Breaker != Open {
			t.Errorf("condition %+v", now)
		}
		time.Sleep(2 * spellLeast)
		if panicking() != "bug" || g.State() != Open {
			t.Errorf("a try that panics leaves the breaker %s", g.State())
		}
		broken = false
		time.Sleep(3 * spellLeast)
		if r := ask(t, g); r != "" || g.State() != Closed || g.Condition().UnderWay != 0 {
			t.Errorf("%q, condition %+v", r, g.Condition())
		}
	})
}

func TestAClosedGuardAsksNobodyAndKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newGate()
		g := Guard(b, adapters.Info{}, GuardConfig{Limits: limits})
		var a answers
		a.ask(g, limits.Concurrency+3, nil)
		g.Close()
		synctest.Wait()
		if n := a.count(standard.ReasonSuspended); n != 3 || ask(t, g) != standard.ReasonSuspended {
			t.Errorf("%v", a.got)
		}
		g.Warm()
		g.Switch(ModeAuto)
		if r := ask(t, g); r != standard.ReasonSuspended {
			t.Errorf("opened again: %q", r)
		}
		close(b.answer)
		a.all.Wait()
	})
}

func TestARefusalCostsOneAllocation(t *testing.T) {
	g := guarded(t, fails(standard.ReasonUnreachable), GuardConfig{Limits: limits})
	for range breakerRow {
		ask(t, g)
	}
	q := &adapters.Query{}
	if n := testing.AllocsPerRun(100, func() { g.Verify(t.Context(), q) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestAConditionTellsHowTheGuardsStand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guarded(t, fails(standard.ReasonUnreachable), GuardConfig{Limits: limits})
		if now := g.Condition(); now != (Condition{Limit: 4, Retries: 10}) {
			t.Errorf("%+v", now)
		}
		for range breakerRow {
			ask(t, g)
		}
		if now := g.Condition(); !now.OpenUntil.After(time.Now()) || now.Breaker != Open {
			t.Errorf("%+v", now)
		}
	})
}
