package gateway

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tongma/adapters"
	"tongma/gateway/freshness"
	"tongma/gateway/upstream"
	"tongma/standard"
	"tongma/standard/wire"
)

// post is a system whose one holder has a status that a test changes, and which takes its time.
type post struct {
	*dialect
	mu     sync.Mutex
	status standard.Status
	fault  standard.ReasonCode // "": none
	takes  time.Duration
	asked  int
	most   int // at once
	now    int
}

func newPost() *post {
	p := &post{status: standard.Green}
	p.dialect = system1("sui", p.answer)
	return p
}

func (p *post) answer(ctx context.Context, _ *adapters.Query) (adapters.Result, error) {
	p.mu.Lock()
	began, status, fault, takes := time.Now(), p.status, p.fault, p.takes
	p.asked++
	p.now++
	p.most = max(p.most, p.now)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.now--
		p.mu.Unlock()
	}()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonTimeout}
	}
	switch {
	case fault == standard.ReasonNoHolder:
		return adapters.Result{Outcome: standard.NotFound, Reason: fault, ObservedAt: began}, nil
	case fault != "":
		return adapters.Result{}, &adapters.Fault{Reason: fault}
	}
	return adapters.Result{Outcome: standard.Verified, Record: record("sui", status), ObservedAt: began}, nil
}

func (p *post) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *post) times() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// post opens a gateway for p alone.
func openPost(t *testing.T, p *post, life freshness.Life) *Gateway {
	t.Helper()
	g, err := New(Config{Backends: []Backend{{Dialect: p, Endpoint: "http://127.0.0.1:1", Life: life}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close(context.Background()) })
	return g
}

func TestADueAnswerIsServedAtOnceAndAskedForAnewOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost()
		g := openPost(t, p, freshness.Life{})
		verify(t, g, callFor(scanOf("sui", 1)))
		time.Sleep(25 * time.Second)
		p.set(func() { p.takes = time.Second })
		for range 50 {
			begin := time.Now()
			if v := verify(t, g, callFor(scanOf("sui", 1))); v.Freshness.From != standard.Cache || v.Decision.Action != standard.Pass || time.Since(begin) != 0 {
				t.Fatalf("%+v after %v", v.Freshness, time.Since(begin))
			}
		}
		time.Sleep(10 * time.Second) // beyond the life of the first answer
		if v := verify(t, g, callFor(scanOf("sui", 1))); v.Freshness.From != standard.Cache || v.Freshness.AgeMs != 10_000 || p.times() != 2 {
			t.Errorf("%+v, asked %d times", v.Freshness, p.times())
		}
		synctest.Wait()
	})
}

func TestAYellowIsServedStaleWhileItIsAskedForAnewAndAGreenNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost()
		p.status = standard.Yellow
		g := openPost(t, p, freshness.Life{Freshness: adapters.Freshness{Green: 9 * time.Second, Yellow: 9 * time.Second}, Revalidate: 30 * time.Second})
		verify(t, g, callFor(scanOf("sui", 1)))
		time.Sleep(20 * time.Second)
		p.set(func() { p.takes, p.status = time.Second, standard.Green })
		begin := time.Now()
		if v := verify(t, g, callFor(scanOf("sui", 1))); v.Freshness.From != standard.Stale || v.Status != standard.Yellow || v.Decision.Action != standard.Manual || time.Since(begin) != 0 {
			t.Errorf("%s %+v after %v", v.Status, v.Freshness, time.Since(begin))
		}
		time.Sleep(2 * time.Second)
		if v := verify(t, g, callFor(scanOf("sui", 1))); v.Freshness.From != standard.Cache || v.Status != standard.Green || p.times() != 2 {
			t.Errorf("%s %+v, asked %d times", v.Status, v.Freshness, p.times())
		}
		time.Sleep(20 * time.Second)
		begin = time.Now()
		if v := verify(t, g, callFor(scanOf("sui", 1))); v.Freshness.From != standard.Live || time.Since(begin) != time.Second {
			t.Errorf("a green past its life: %+v after %v", v.Freshness, time.Since(begin))
		}
	})
}

func TestWhereNobodyCanBeAskedAStaleAnswerStandsInAndItsGreenPassesNobody(t *testing.T) {
	for _, fault := range []standard.ReasonCode{standard.ReasonUnreachable, standard.ReasonFault, standard.ReasonBusy, standard.ReasonTimeout} {
		synctest.Test(t, func(t *testing.T) {
			p := newPost()
			g := openPost(t, p, freshness.Life{IfError: time.Minute})
			verify(t, g, callFor(scanOf("sui", 1)))
			p.set(func() { p.fault = fault })
			time.Sleep(40 * time.Second)
			v := verify(t, g, callFor(scanOf("sui", 1)))
			if v.Outcome != standard.Verified || v.Status != standard.Green || v.Freshness.From != standard.Stale || v.Freshness.AgeMs != 40_000 ||
				v.Decision.Action != standard.Manual || v.Decision.Rule != "default/stale@1" {
				t.Errorf("%s: %+v %+v", fault, v, v.Freshness)
			}
			if v := verify(t, g, callFor(scanOf("sui", 2))); v.Outcome != standard.Unavailable {
				t.Errorf("%s: nothing was remembered of another code: %s", fault, v.Outcome)
			}
			time.Sleep(51 * time.Second)
			if v := verify(t, g, callFor(scanOf("sui", 1))); v.Outcome != standard.Unavailable {
				t.Errorf("%s: beyond the last resort: %s", fault, v.Outcome)
			}
		})
	}
}

func TestWhereASystemHangsAStaleAnswerStandsInWhenPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost()
		g := openPost(t, p, freshness.Life{})
		verify(t, g, callFor(scanOf("sui", 1)))
		p.set(func() { p.takes = time.Hour })
		time.Sleep(40 * time.Second)
		call := callFor(scanOf("sui", 1))
		call.Request.WaitMs = 300
		begin := time.Now()
		if v := verify(t, g, call); v.Freshness == nil || v.Freshness.From != standard.Stale || time.Since(begin) > 300*time.Millisecond {
			t.Errorf("%s after %v", v.Outcome, time.Since(begin))
		}
	})
}

func TestAnAnswerWithoutARecordIsRememberedShortly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost()
		p.fault = standard.ReasonNoHolder
		g := openPost(t, p, freshness.Life{})
		verify(t, g, callFor(scanOf("sui", 1)))
		time.Sleep(2 * time.Second)
		v := verify(t, g, callFor(scanOf("sui", 1)))
		if p.times() != 1 || v.Outcome != standard.NotFound || reasonOf(v) != standard.ReasonNoHolder || v.Freshness == nil || v.Freshness.From != standard.Cache ||
			v.Freshness.AgeMs != 2000 || v.Decision.Action != standard.Manual {
			t.Errorf("asked %d times: %+v %+v", p.times(), v, v.Freshness)
		}
		time.Sleep(4 * time.Second)
		p.set(func() { p.fault = "" })
		if v := verify(t, g, callFor(scanOf("sui", 1))); v.Status != standard.Green {
			t.Errorf("once he is known: %s", v.Outcome)
		}
	})
}

func TestAClockThatIsSetMakesNoAnswerYounger(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var offset atomic.Int64
			p := newPost()
			g, err := New(Config{
				Now:      func() time.Time { return time.Now().Add(time.Duration(offset.Load())) },
				Backends: []Backend{{Dialect: p, Endpoint: "http://127.0.0.1:1", Life: freshness.Life{IfError: -1}}},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close(context.Background())
			verify(t, g, callFor(scanOf("sui", 1)))
			offset.Store(int64(jump))
			if v := verify(t, g, callFor(scanOf("sui", 1))); v.Freshness.From != standard.Cache || v.Freshness.AgeMs != 0 {
				t.Errorf("%v: %+v", jump, v.Freshness)
			}
			time.Sleep(31 * time.Second)
			begin := time.Now()
			if v := verify(t, g, callFor(scanOf("sui", 1))); v.Freshness.From != standard.Live || time.Since(begin) != 0 {
				t.Errorf("%v: a green of 31 s: %+v", jump, v.Freshness)
			}
		})
	}
}

func TestWhatWasAskedBeforeANoticeIsServedToNobodyAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost()
		p.takes = time.Second
		g := openPost(t, p, freshness.Life{})
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 50 * time.Millisecond) // half of them before the notice
				if v := verify(t, g, callFor(scanOf("sui", 1))); v.Status != standard.Red {
					t.Errorf("caller %d: %s %s", i, v.Outcome, v.Status)
				}
			})
		}
		time.Sleep(510 * time.Millisecond)
		p.set(func() { p.status = standard.Red })
		if _, err := g.Tell(t.Context(), &freshness.Notice{System: "sui", Seq: 1, Changes: []freshness.Change{{Document: "000000199001010000"}}}); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		if p.asked != 2 || p.most != 1 {
			t.Errorf("asked %d times, %d at once", p.asked, p.most)
		}
	})
}

func TestARepeatedReferenceIsAskedAnewAfterANotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost()
		g := openPost(t, p, freshness.Life{})
		call := func() *standard.Verification {
			c := callFor(scanOf("sui", 1))
			c.Request.Reference = "r1"
			return verify(t, g, c)
		}
		first := call()
		if again := call(); again.ID != first.ID {
			t.Error("the same reference has two answers")
		}
		p.set(func() { p.status = standard.Red })
		g.Tell(t.Context(), &freshness.Notice{System: "sui", Seq: 1, Changes: []freshness.Change{{All: true}}})
		if after := call(); after.Status != standard.Red || after.ID == first.ID {
			t.Errorf("after the notice: %s", after.Status)
		}
		if p.times() != 2 {
			t.Errorf("asked %d times", p.times())
		}
	})
}

func TestNoPlaceInTheQueueIsARefusalUnlessSomethingIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost()
		p.info.Limits.Concurrency = 1
		g := openPost(t, p, freshness.Life{})
		verify(t, g, callFor(scanOf("sui", 1)))
		time.Sleep(40 * time.Second)
		p.set(func() { p.takes = time.Second })
		var refused, stale atomic.Int32
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				scan := scanOf("sui", 1000+i)
				if i >= 50 {
					time.Sleep(time.Millisecond)
					scan = scanOf("sui", 1)
				}
				begin := time.Now()
				v, err := g.Verify(t.Context(), callFor(scan))
				switch {
				case errors.As(err, new(*Overload)):
					if refused.Add(1); time.Since(begin) > 50*time.Millisecond {
						t.Errorf("refused after %v", time.Since(begin))
					}
				case err != nil:
					t.Error(err)
				case v.Freshness != nil && v.Freshness.From == standard.Stale:
					stale.Add(1)
				}
			})
		}
		all.Wait()
		if refused.Load() == 0 || stale.Load() != 50 {
			t.Errorf("%d refused, %d stale", refused.Load(), stale.Load())
		}
	})
}

func TestASwapLeavesCallsWithTheSystemThatTheyBeganWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, next := newPost(), newPost()
		old.takes, next.status = time.Second, standard.Red
		old.info.Digest, next.info.Digest = "1", "2"
		kept := system1("yue", green("yue"))
		backend := func(d adapters.Dialect) Backend { return Backend{Dialect: d, Endpoint: "http://127.0.0.1:1"} }
		g, err := New(Config{Backends: []Backend{backend(old), backend(kept)}})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close(context.Background())
		if err := g.Operate(t.Context(), "yue", wire.ActionOpen); err != nil {
			t.Fatal(err)
		}
		before := make(chan *standard.Verification)
		go func() { before <- verify(t, g, callFor(scanOf("sui", 1))) }()
		time.Sleep(500 * time.Millisecond)
		was, _ := g.system("sui")
		if err := g.Swap([]Backend{backend(next), backend(kept)}); err != nil {
			t.Fatal(err)
		}
		if was.users.Load() == 0 {
			t.Error("it is closed while it is being asked")
		}
		if v := verify(t, g, callFor(scanOf("sui", 2))); v.Status != standard.Red {
			t.Errorf("after the swap: %s", v.Status)
		}
		if v := <-before; v.Status != standard.Green {
			t.Errorf("from before the swap: %s %s", v.Outcome, reasonOf(v))
		}
		synctest.Wait()
		if was.users.Load() != 0 {
			t.Errorf("the old system has %d users left", was.users.Load())
		}
		if s := g.Systems(); s[1].Guard.Mode != upstream.ModeOpen {
			t.Errorf("an operator's will is lost: %s", s[1].Guard.Mode)
		}
		if err := g.Swap([]Backend{backend(next), backend(next)}); err == nil {
			t.Error("two of one id are taken")
		}
		if v := verify(t, g, callFor(scanOf("sui", 3))); v.Status != standard.Red {
			t.Errorf("after a swap that failed: %s", v.Outcome)
		}
		if err := g.Swap([]Backend{backend(kept)}); err != nil {
			t.Fatal(err)
		}
		if v := verify(t, g, callFor(scanOf("sui", 4))); v.Outcome != standard.Unrecognised {
			t.Errorf("a system that is gone: %s", v.Outcome)
		}
	})
}

func TestOperatorsSwitchASystemAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost()
		g := openPost(t, p, freshness.Life{})
		for _, action := range []wire.Action{wire.ActionOpen, wire.ActionDrain} {
			if err := g.Operate(t.Context(), "sui", action); err != nil {
				t.Fatal(err)
			}
			if v := verify(t, g, callFor(scanOf("sui", 1))); reasonOf(v) != standard.ReasonSuspended {
				t.Errorf("%s: %s", action, reasonOf(v))
			}
		}
		if n := testutil.ToFloat64(g.meters.refused.WithLabelValues("sui", string(standard.ReasonSuspended))); n != 2 {
			t.Errorf("%v refusals are counted", n)
		}
		for _, action := range []wire.Action{wire.ActionWarm, wire.ActionAuto} {
			g.Operate(t.Context(), "sui", action)
			if v := verify(t, g, callFor(scanOf("sui", 1))); v.Status != standard.Green {
				t.Errorf("%s: %s", action, reasonOf(v))
			}
		}
		var e *standard.Error
		if err := g.Operate(t.Context(), "nobody", wire.ActionOpen); !errors.As(err, &e) || e.Kind != standard.KindSystem {
			t.Errorf("%v", err)
		}
		if err := g.Operate(t.Context(), "sui", "burn"); !errors.As(err, &e) || e.Kind != standard.KindField {
			t.Errorf("%v", err)
		}
	})
}

func TestWhatIsForgottenIsAskedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost()
		g := openPost(t, p, freshness.Life{})
		verify(t, g, callFor(scanOf("sui", 1)))
		p.set(func() { p.status = standard.Red }) // it had the wrong table
		if err := g.Operate(t.Context(), "sui", wire.ActionForget); err != nil {
			t.Fatal(err)
		}
		if v := verify(t, g, callFor(scanOf("sui", 1))); v.Status != standard.Red {
			t.Errorf("what was to be forgotten is served: %s %s", v.Status, v.Freshness.From)
		}
		if s := g.Systems(); s[0].Guard.Mode != upstream.ModeAuto {
			t.Errorf("it is %s", s[0].Guard.Mode)
		}
		var e *standard.Error
		if err := g.Operate(t.Context(), "nobody", wire.ActionForget); !errors.As(err, &e) || e.Kind != standard.KindSystem {
			t.Errorf("%v", err)
		}
	})
}

func TestAnotherBackendsAnswersAreOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost()
		backend := Backend{Dialect: p, Endpoint: "http://127.0.0.1:1", Endpoints: map[string]string{"token": "http://127.0.0.1:2"}}
		p.info.Endpoints = []string{"token"}
		g, err := New(Config{Backends: []Backend{backend}})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close(context.Background())
		swap := func(change func(*Backend)) standard.From {
			b := backend
			change(&b)
			if err := g.Swap([]Backend{b}); err != nil {
				t.Fatal(err)
			}
			return verify(t, g, callFor(scanOf("sui", 1))).Freshness.From
		}
		verify(t, g, callFor(scanOf("sui", 1)))
		if from := swap(func(b *Backend) { b.Limits.Concurrency = 7 }); from != standard.Cache {
			t.Errorf("the same backend with another limit: %s", from)
		}
		if from := swap(func(b *Backend) { b.Endpoint = "http://127.0.0.1:3" }); from != standard.Live {
			t.Errorf("another endpoint: %s", from)
		}
		if from := swap(func(b *Backend) { b.Endpoints = map[string]string{"token": "http://127.0.0.1:4"} }); from != standard.Live {
			t.Errorf("another further endpoint: %s", from)
		}
	})
}

func TestABreakerIsShownAsItIsAfterASwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, next := newPost(), newPost()
		p.fault, next.info.Digest = standard.ReasonUnreachable, "2"
		registry := prometheus.NewRegistry()
		backend := func(p *post) []Backend { return []Backend{{Dialect: p, Endpoint: "http://127.0.0.1:1"}} }
		g, err := New(Config{Backends: backend(p), Metrics: registry})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close(context.Background())
		shown := func(state string) {
			t.Helper()
			want := "# HELP tongma_breaker_state Breaker of a system: 0 closed, 1 half open, 2 open.\n# TYPE tongma_breaker_state gauge\n" +
				`tongma_breaker_state{system="sui"} ` + state + "\n"
			if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "tongma_breaker_state"); err != nil {
				t.Error(err)
			}
		}
		for i := range 10 {
			verify(t, g, callFor(scanOf("sui", i)))
		}
		shown("2")
		if err := g.Swap(backend(next)); err != nil {
			t.Fatal(err)
		}
		shown("0")
	})
}
