package upstream

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// line is a backend that answers so many calls a second; the others wait in line.
type line struct {
	perSecond int
	takes     time.Duration // besides the waiting

	mu   sync.Mutex
	next time.Time
}

func (l *line) Forms() []adapters.Form { return nil }

func (l *line) Verify(ctx context.Context, _ *adapters.Query) (adapters.Result, error) {
	l.mu.Lock()
	now := time.Now()
	if l.next.Before(now) {
		l.next = now
	}
	l.next = l.next.Add(time.Second / time.Duration(l.perSecond))
	in := l.next.Sub(now) + l.takes
	l.mu.Unlock()
	select {
	case <-time.After(in):
		return well, nil
	case <-ctx.Done():
		return adapters.Result{}, faultOf(ctx.Err(), standard.ReasonUnreachable)
	}
}

func (l *line) set(perSecond int, takes time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.perSecond, l.takes = perSecond, takes
}

// load is what became of calls that came at a steady rate.
type load struct {
	mu          sync.Mutex
	good        int // answered within the caller's patience
	refused     map[standard.ReasonCode]int
	slowRefusal time.Duration // the longest time that a refusal for overload took
}

// offer makes so many calls a second, each with that much patience, and waits for their ends.
func offer(a adapters.Adapter, perSecond int, during, patience time.Duration) *load {
	l := &load{refused: map[standard.ReasonCode]int{}}
	var all sync.WaitGroup
	for range int(during.Seconds() * float64(perSecond)) {
		all.Go(func() {
			began := time.Now()
			demand := NewDemand(began.Add(patience), Checkpoint)
			_, err := a.Verify(demand.Context(context.Background()), &adapters.Query{})
			l.tell(time.Since(began), patience, reasonOf(err))
		})
		time.Sleep(time.Second / time.Duration(perSecond))
	}
	all.Wait()
	return l
}

func (l *load) tell(took, patience time.Duration, reason standard.ReasonCode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if reason == "" && took <= patience {
		l.good++
	} else {
		l.refused[reason]++
	}
	if reason == standard.ReasonOverload {
		l.slowRefusal = max(l.slowRefusal, took)
	}
}

// thrashing is a backend that answers within takes while it has at most bears calls, and takes ever longer with more.
type thrashing struct {
	takes    time.Duration
	bears    float64
	mu       sync.Mutex
	underWay int
}

func (b *thrashing) Forms() []adapters.Form { return nil }

func (b *thrashing) Verify(ctx context.Context, _ *adapters.Query) (adapters.Result, error) {
	b.mu.Lock()
	b.underWay++
	crowd := max(float64(b.underWay)/b.bears, 1)
	in := time.Duration(float64(b.takes) * crowd * crowd)
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.underWay--
		b.mu.Unlock()
	}()
	select {
	case <-time.After(in):
		return well, nil
	case <-ctx.Done():
		return adapters.Result{}, faultOf(ctx.Err(), standard.ReasonUnreachable)
	}
}

func TestABackendThatThrashesIsAskedLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := Guard(&thrashing{takes: 10 * time.Millisecond, bears: 24}, adapters.Info{}, GuardConfig{Limits: adapters.Limits{Timeout: 2 * time.Second, Concurrency: 128}})
		defer g.Close()
		const seconds = 10 // without a limit that adapts: 128 at once, each 284 ms, 450 a second; best are 24 at once, 2,400 a second
		l := offer(g, 5_000, seconds*time.Second, 2500*time.Millisecond)
		t.Logf("%d good, %v, %+v", l.good, l.refused, g.Condition())
		if l.good < 1800*seconds {
			t.Errorf("%d good answers a second", l.good/seconds)
		}
	})
}

func TestABackendThatBecomesSlowByItselfIsNotSqueezed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := &line{perSecond: 1e6, takes: 10 * time.Millisecond}
		g := Guard(backend, adapters.Info{}, GuardConfig{Limits: adapters.Limits{Timeout: 2 * time.Second, Concurrency: 64}})
		defer g.Close()
		offer(g, 5_000, 2*time.Second, 2500*time.Millisecond)
		backend.set(1e6, 200*time.Millisecond)
		const seconds = 10 // 64 at once, each 200 ms: 320 a second
		l := offer(g, 1_000, seconds*time.Second, 2500*time.Millisecond)
		t.Logf("%d good, %v, %+v", l.good, l.refused, g.Condition())
		if l.good < 280*seconds {
			t.Errorf("%d good answers a second", l.good/seconds)
		}
	})
}

func TestASlowAndUnsteadyBackendHasAllThatIsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := Guard(backend(func(ctx context.Context) (adapters.Result, error) {
			select {
			case <-time.After(time.Second + rand.N(4500*time.Millisecond)): // every ninth too late
				return well, nil
			case <-ctx.Done():
				return adapters.Result{}, faultOf(ctx.Err(), standard.ReasonUnreachable)
			}
		}), adapters.Info{}, GuardConfig{Limits: adapters.Limits{Timeout: 5 * time.Second, Concurrency: 256}})
		defer g.Close()
		offer(g, 200, time.Minute, 10*time.Second)
		least := g.Condition().Limit
		for range 20 {
			offer(g, 200, 10*time.Second, 10*time.Second)
			least = min(least, g.Condition().Limit)
		}
		t.Logf("%+v", g.Condition())
		if least < 200 {
			t.Errorf("a limit of %d", least)
		}
	})
}

func TestATenfoldOverloadStillGetsWhatTheBackendCanGive(t *testing.T) {
	for _, c := range []struct {
		name  string
		takes time.Duration
	}{{"a fast backend", 0}, {"a usual one", 20 * time.Millisecond}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				backend := &line{perSecond: 1000, takes: c.takes}
				g := Guard(backend, adapters.Info{}, GuardConfig{Limits: adapters.Limits{Timeout: 2 * time.Second, Concurrency: 64}})
				defer g.Close()
				const seconds = 10
				l := offer(g, 10_000, seconds*time.Second, 2500*time.Millisecond)
				t.Logf("%d good, %v, slowest refusal %s, %+v", l.good, l.refused, l.slowRefusal, g.Condition())
				if l.good < 900*seconds {
					t.Errorf("%d good answers a second", l.good/seconds)
				}
				if l.slowRefusal > 50*time.Millisecond {
					t.Errorf("a refusal took %s", l.slowRefusal)
				}
				if n := l.refused[standard.ReasonOverload]; n+l.good != 10_000*seconds {
					t.Errorf("refused otherwise: %v", l.refused)
				}
			})
		})
	}
}
