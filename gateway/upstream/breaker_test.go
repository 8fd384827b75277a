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

// sickly is a backend that fails while it is sick, and counts.
type sickly struct {
	sick  atomic.Bool
	calls atomic.Int32
}

func (b *sickly) Forms() []adapters.Form { return nil }

func (b *sickly) Verify(context.Context, *adapters.Query) (adapters.Result, error) {
	b.calls.Add(1)
	if b.sick.Load() {
		return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonUnreachable}
	}
	return well, nil
}

// probed is a sickly backend that can be probed.
type probed struct {
	sickly
	probes atomic.Int32
	mu     sync.Mutex
	how    func(ctx context.Context) error // nil: as sick as the backend
	ended  []error
}

func (b *probed) Probe(ctx context.Context, place adapters.Place) error {
	b.probes.Add(1)
	if place.Site != "the node" {
		return errors.New("probed from nowhere")
	}
	b.mu.Lock()
	how := b.how
	b.mu.Unlock()
	if how != nil {
		return how(ctx)
	}
	if b.sick.Load() {
		return &adapters.Fault{Reason: standard.ReasonTimeout}
	}
	return nil
}

func (b *probed) answers(how func(ctx context.Context) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.how = how
}

// end hears how a probe has ended, and last gives how many have and the last of them.
func (b *probed) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = append(b.ended, err)
}

func (b *probed) last() (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ended), b.ended[len(b.ended)-1]
}

// watched records the states.
func watched(states *[]State) GuardConfig {
	return GuardConfig{Limits: limits, Place: adapters.Place{Site: "the node"}, Watch: Watch{State: func(s State) { *states = append(*states, s) }}}
}

// trip makes calls until the breaker opens.
func trip(t *testing.T, g *Guarded) {
	t.Helper()
	for range breakerRow {
		ask(t, g)
	}
	if g.State() != Open {
		t.Fatalf("after %d failures the breaker is %s", breakerRow, g.State())
	}
}

func TestBreakerOpensAfterFailuresInARowAndClosesAfterASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var states []State
		b := &sickly{}
		g := guarded(t, b, watched(&states))
		b.sick.Store(true)
		trip(t, g)
		_, err := g.Verify(t.Context(), &adapters.Query{})
		fault, _ := errors.AsType[*adapters.Fault](err)
		if fault == nil || fault.Reason != standard.ReasonBreaker || fault.RetryAfter < time.Second || fault.RetryAfter > 2*time.Second {
			t.Fatalf("while open: %#v", err)
		}
		if n := b.calls.Load(); n != breakerRow {
			t.Fatalf("the backend was asked %d times", n)
		}

		time.Sleep(time.Until(g.Condition().OpenUntil))
		synctest.Wait()
		if r := ask(t, g); r != standard.ReasonUnreachable || b.calls.Load() != breakerRow+1 {
			t.Fatalf("first try: %q, %d calls", r, b.calls.Load())
		}
		if r := ask(t, g); r != standard.ReasonBreaker {
			t.Fatalf("after a failed try: %q", r)
		}

		b.sick.Store(false)
		time.Sleep(time.Until(g.Condition().OpenUntil))
		synctest.Wait()
		for range 3 {
			if r := ask(t, g); r != "" {
				t.Fatalf("after recovery: %q", r)
			}
		}
		if want := []State{Open, HalfOpen, Open, HalfOpen, Closed}; !slices.Equal(states, want) {
			t.Fatalf("states %v, want %v", states, want)
		}
	})
}

func TestEachFailedTryDoublesTheTimeUpToABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &sickly{}
		g := guarded(t, b, GuardConfig{Limits: limits})
		b.sick.Store(true)
		trip(t, g)
		different := map[time.Duration]bool{}
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 30, 30} {
			want *= time.Second
			open := time.Until(g.Condition().OpenUntil)
			if off := float64(open-want) / float64(want); off < -spellJitter || off > spellJitter {
				t.Errorf("open for %s, want about %s", open, want)
			}
			if want == spellMost {
				different[open] = true
			}
			time.Sleep(open)
			ask(t, g)
		}
		if len(different) < 2 {
			t.Error("every node comes back at the same moment")
		}

		b.sick.Store(false)
		time.Sleep(time.Until(g.Condition().OpenUntil))
		synctest.Wait()
		ask(t, g)
		b.sick.Store(true)
		trip(t, g)
		if open := time.Until(g.Condition().OpenUntil); open < spellMost/2 {
			t.Errorf("after a moment's health it is open for %s", open)
		}

		b.sick.Store(false)
		time.Sleep(time.Until(g.Condition().OpenUntil))
		synctest.Wait()
		ask(t, g)
		time.Sleep(spellCalm)
		b.sick.Store(true)
		trip(t, g)
		if open := time.Until(g.Condition().OpenUntil); open > 2*spellLeast {
			t.Errorf("after a minute's health it is open for %s", open)
		}
	})
}

func TestWhereThereIsAProbeNoTravellerTriesASickSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var states []State
		b := &probed{}
		g := guarded(t, b, watched(&states))
		b.sick.Store(true)
		trip(t, g)
		for range 100 { // a hundred seconds
			time.Sleep(time.Second)
			synctest.Wait()
			if r := ask(t, g); r != standard.ReasonBreaker {
				t.Fatalf("a traveller was told %q", r)
			}
		}
		if n := b.calls.Load(); n != breakerRow {
			t.Errorf("%d travellers tried it", n-breakerRow)
		}
		if n := b.probes.Load(); n < 5 || n > 10 {
			t.Errorf("%d probes in a hundred seconds", n)
		}
		b.sick.Store(false)
		time.Sleep(2 * spellMost)
		synctest.Wait()
		if r := ask(t, g); r != "" || states[len(states)-1] != Closed {
			t.Errorf("a probe has succeeded: %q, %v", r, states)
		}
		probes := b.probes.Load()
		time.Sleep(time.Hour)
		synctest.Wait()
		if b.probes.Load() != probes {
			t.Error("a sound system is probed")
		}
	})
}

func TestAProbeIsBoundedAndTellsNothingIfTheBackendIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &probed{}
		c := GuardConfig{Limits: limits, Place: adapters.Place{Site: "the node"}, Watch: Watch{Probed: b.end}}
		c.Limits.Timeout = time.Minute
		g := guarded(t, b, c)
		b.sick.Store(true)
		trip(t, g)
		b.sick.Store(false)
		next := func() {
			time.Sleep(time.Until(g.Condition().OpenUntil))
			synctest.Wait()
		}

		b.answers(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		next()
		if g.State() != HalfOpen || ask(t, g) != standard.ReasonBreaker {
			t.Fatalf("while a probe is under way the breaker is %s", g.State())
		}
		time.Sleep(probeMost)
		synctest.Wait()
		if n, err := b.last(); g.State() != Open || n != 1 || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a probe that hangs: %s, %v", g.State(), err)
		}

		b.answers(func(context.Context) error { panic("bug") })
		next()
		if n, err := b.last(); g.State() != Open || n != 2 || !errors.Is(err, errPanicked) {
			t.Fatalf("a probe that panics: %s, %v", g.State(), err)
		}

		b.answers(func(context.Context) error {
			return &adapters.Fault{Reason: standard.ReasonBusy, RetryAfter: 10 * time.Minute}
		})
		next()
		if r := ask(t, g); g.State() != Open || r != standard.ReasonBusy {
			t.Fatalf("a busy backend: %s, %q", g.State(), r)
		}
		b.answers(nil)
		time.Sleep(9 * time.Minute)
		if n, _ := b.last(); n != 3 {
			t.Error("it was probed while it wanted to be left alone")
		}
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if r := ask(t, g); r != "" {
			t.Errorf("afterwards %q", r)
		}
	})
}

func TestForcedOpenNotEvenAProbeAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &probed{}
		g := guarded(t, b, GuardConfig{Limits: limits, Place: adapters.Place{Site: "the node"}})
		b.sick.Store(true)
		trip(t, g)
		g.Switch(ModeOpen)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := b.probes.Load(); n != 0 {
			t.Errorf("%d probes", n)
		}
		g.Switch(ModeAuto)
		synctest.Wait()
		if n := b.probes.Load(); n != 1 || g.State() != Open {
			t.Errorf("back in auto: %d probes, the breaker is %s", n, g.State())
		}
	})
}

func TestAProbeWaitsWhereTheSystemAsksToBeLeftAloneMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &probed{}
		g := guarded(t, b, GuardConfig{Limits: limits, Place: adapters.Place{Site: "the node"}})
		b.sick.Store(true)
		trip(t, g)
		g.mu.Lock()
		g.underWay++ // a call from before the trip
		g.mu.Unlock()
		g.leave(slot{since: time.Now()}, &adapters.Fault{Reason: standard.ReasonBusy, RetryAfter: time.Minute})
		time.Sleep(59 * time.Second)
		if n := b.probes.Load(); n != 0 {
			t.Errorf("%d probes", n)
		}
		time.Sleep(2 * time.Second)
		if n := b.probes.Load(); n != 1 {
			t.Errorf("afterwards %d probes", n)
		}
	})
}

func TestWarmingBeginsWithAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &probed{}
		c := GuardConfig{Limits: limits, Place: adapters.Place{Site: "the node"}}
		c.Limits.Concurrency = 64
		g := guarded(t, b, c)
		g.Switch(ModeOpen)
		b.sick.Store(true)
		g.Warm()
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if r := ask(t, g); r != standard.ReasonBreaker || b.calls.Load() != 0 || b.probes.Load() != 1 {
			t.Errorf("a sick system: %q, %d calls, %d probes", r, b.calls.Load(), b.probes.Load())
		}
		b.sick.Store(false)
		g.Warm()
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if r := ask(t, g); r != "" || b.probes.Load() != 2 || g.Condition().Limit != 1 {
			t.Errorf("a sound one: %q, %d probes, %+v", r, b.probes.Load(), g.Condition())
		}
	})
}

func TestHalfOpenLetsOneCallThroughWhereThereIsNoProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newGate()
		g := guarded(t, b, GuardConfig{Limits: limits})
		var a answers
		for range 2 {
			a.ask(g, limits.Concurrency, nil)
			a.all.Wait()
		}
		if g.State() != Open {
			t.Fatalf("a hanging system leaves the breaker %s", g.State())
		}
		time.Sleep(time.Until(g.Condition().OpenUntil))
		synctest.Wait()
		calls := b.calls.Load()
		var second answers
		second.ask(g, 50, nil)
		if n := b.calls.Load() - calls; n != 1 || second.count(standard.ReasonBreaker) != 49 {
			t.Errorf("%d calls reached the backend, %d were answered at once", n, second.count(standard.ReasonBreaker))
		}
		b.answer <- nil
		second.all.Wait()
		if g.State() != Closed {
			t.Errorf("after a good answer the breaker is %s", g.State())
		}
	})
}

func TestATryThatTellsNothingIsFollowedByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reason := standard.ReasonUnreachable
		g := guarded(t, backend(func(context.Context) (adapters.Result, error) {
			return adapters.Result{}, &adapters.Fault{Reason: reason}
		}), GuardConfig{Limits: limits})
		trip(t, g)
		reason = standard.ReasonBusy
		for range 5 {
			time.Sleep(time.Until(g.Condition().OpenUntil))
			synctest.Wait()
			if r := ask(t, g); r != standard.ReasonBusy || g.State() != Open {
				t.Fatalf("%q, the breaker is %s", r, g.State())
			}
			if open := time.Until(g.Condition().OpenUntil); open > 2*spellLeast {
				t.Fatalf("then it is open for %s", open)
			}
		}
	})
}

// A call may have been let in a moment before the breaker opened. It must not become the one that tries.
func TestACallFromBeforeTheTripTriesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &sickly{}
		g := guarded(t, b, GuardConfig{Limits: limits})
		b.sick.Store(true)
		trip(t, g)
		b.sick.Store(false)
		time.Sleep(time.Hour)
		synctest.Wait()
		g.mu.Lock()
		g.underWay++
		g.mu.Unlock()
		if _, err := g.call(t.Context(), &adapters.Query{}, slot{since: time.Now()}); reasonOf(err) != standard.ReasonBreaker || b.calls.Load() != breakerRow {
			t.Errorf("%v, %d calls", err, b.calls.Load())
		}
		if g.State() != Open || g.Condition().UnderWay != 0 {
			t.Errorf("%+v", g.Condition())
		}
		if r := ask(t, g); r != "" {
			t.Errorf("and nobody else can try: %q", r)
		}
	})
}

func TestWhoQueuedIsTurnedAwayOnceTheSystemIsKnownToBeIll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guarded(t, backend(hangs), GuardConfig{Limits: adapters.Limits{Timeout: time.Second, Concurrency: breakerRow}})
		var a answers
		a.ask(g, 3*breakerRow, NewDemand(time.Now().Add(time.Minute), Checkpoint))
		time.Sleep(time.Second)
		synctest.Wait()
		// The first failures may have let others through; the fifth has shut the door.
		if now := g.Condition(); now.Queued != 0 || now.Breaker != Open || a.count(standard.ReasonBreaker) <= breakerRow {
			t.Errorf("%+v, %v", now, a.got)
		}
		a.all.Wait()
	})
}

func TestWhenASystemIsSick(t *testing.T) {
	for _, c := range []struct {
		good, failed, row uint32
		concurrency       int
		sick              bool
	}{
		{0, 4, 4, 64, false},
		{0, 5, 5, 64, true},
		{10, 5, 5, 64, true},
		{11, 9, 1, 64, false},
		{10, 10, 1, 64, true},
		{1000, 7, 7, 64, false},
		{1000, 8, 8, 64, true},
		{1000, 31, 31, 256, false},
		{1000, 5, 5, 4, true},
		{100, 99, 3, 64, false},
		{100, 100, 3, 64, true},
	} {
		counts := gobreaker.Counts{TotalSuccesses: c.good, TotalFailures: c.failed, ConsecutiveFailures: c.row}
		if got := isSick(counts, c.concurrency); got != c.sick {
			t.Errorf("%+v: %t", c, got)
		}
	}
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
