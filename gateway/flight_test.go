package gateway

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tongma/adapters"
	"tongma/gateway/upstream"
	"tongma/standard"
)

// bubble runs f with a fake clock and ends the gateway that f makes before the bubble ends.
func bubble(t *testing.T, f func(t *testing.T, open func(Config, ...adapters.Dialect) *Gateway)) {
	synctest.Test(t, func(t *testing.T) {
		f(t, func(c Config, d ...adapters.Dialect) *Gateway { return open(t, c, d...) })
	})
}

func TestAThousandIdenticalScansAtOnceAreOneCall(t *testing.T) {
	bubble(t, func(t *testing.T, open func(Config, ...adapters.Dialect) *Gateway) {
		var asked atomic.Int32
		g := open(Config{}, system1("sui", func(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
			asked.Add(1)
			time.Sleep(100 * time.Millisecond)
			return green("sui")(ctx, q)
		}))
		ids := make([]string, 1000)
		var all sync.WaitGroup
		for i := range ids {
			all.Go(func() {
				v := verify(t, g, callFor(scanOf("sui", 1)))
				if v.Status != standard.Green {
					t.Errorf("%+v", v)
				}
				ids[i] = v.ID
			})
		}
		all.Wait()
		if asked.Load() != 1 {
			t.Errorf("the system was asked %d times", asked.Load())
		}
		seen := map[string]bool{}
		for _, id := range ids {
			seen[id] = true
		}
		if len(seen) != len(ids) {
			t.Errorf("%d different ids of %d", len(seen), len(ids))
		}
		if g.flights.len() != 0 {
			t.Error("a flight is still listed")
		}
	})
}

func TestDifferentScansAreDifferentCalls(t *testing.T) {
	var asked atomic.Int32
	g := open(t, Config{}, system1("sui", func(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
		asked.Add(1)
		return green("sui")(ctx, q)
	}))
	for i := range 20 {
		verify(t, g, callFor(scanOf("sui", i)))
	}
	if asked.Load() != 20 {
		t.Errorf("asked %d times for 20 scans", asked.Load())
	}
}

func TestACallerWhoLeavesTakesNothingFromTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T, open func(Config, ...adapters.Dialect) *Gateway) {
		var asked int
		g := open(Config{}, system1("sui", func(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
			asked++
			select {
			case <-time.After(time.Second):
				return green("sui")(ctx, q)
			case <-ctx.Done():
				return adapters.Result{}, ctx.Err()
			}
		}))
		leaving, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			v, err := g.Verify(leaving, callFor(scanOf("sui", 1)))
			if err != nil || reasonOf(v) != standard.ReasonPatience {
				t.Errorf("who left: %+v, %v", v, err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if v := verify(t, g, callFor(scanOf("sui", 1))); v.Status != standard.Green {
				t.Errorf("who stayed: %+v", v)
			}
		})
		synctest.Wait()
		leave()
		all.Wait()
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
	})
}

func TestWhatArrivesTooLateForItsCallerIsThereForTheNext(t *testing.T) {
	bubble(t, func(t *testing.T, open func(Config, ...adapters.Dialect) *Gateway) {
		g := open(Config{}, system1("sui", func(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
			began := time.Now()
			time.Sleep(300 * time.Millisecond)
			r, err := green("sui")(ctx, q)
			r.ObservedAt = began
			return r, err
		}))
		hasty := callFor(scanOf("sui", 1))
		hasty.Request.WaitMs = 100
		if v := verify(t, g, hasty); reasonOf(v) != standard.ReasonPatience {
			t.Errorf("%+v", v)
		}
		time.Sleep(time.Second)
		if v := verify(t, g, hasty); v.Status != standard.Green || v.Freshness.From != standard.Cache || v.Freshness.AgeMs != 1090 {
			t.Errorf("%+v %+v", v, v.Freshness)
		}
	})
}

func TestPatienceAndTimeoutAreToldApart(t *testing.T) {
	for _, c := range []struct {
		waitMs  int64
		timeout time.Duration
		reason  standard.ReasonCode
		after   time.Duration
	}{
		{0, 0, standard.ReasonTimeout, defaultLimits.Timeout},
		{1000, 0, standard.ReasonPatience, time.Second - answerTime},
		{0, 10 * time.Second, standard.ReasonPatience, defaultPatience - answerTime},
		{5000, 3 * time.Second, standard.ReasonTimeout, 3 * time.Second},
	} {
		bubble(t, func(t *testing.T, open func(Config, ...adapters.Dialect) *Gateway) {
			d := system1("sui", hangs)
			d.info.Limits.Timeout = c.timeout
			g := open(Config{}, d)
			call := callFor(scanOf("sui", 1))
			call.Request.WaitMs = c.waitMs
			begin := time.Now()
			v := verify(t, g, call)
			if took := time.Since(begin); v.Outcome != standard.Unavailable || reasonOf(v) != c.reason || took != c.after {
				t.Errorf("%+v: %s after %s", c, reasonOf(v), took)
			}
		})
	}
}

func TestOneHangingSystemCostsTheOthersNothing(t *testing.T) {
	bubble(t, func(t *testing.T, open func(Config, ...adapters.Dialect) *Gateway) {
		g := open(Config{}, system1("sui", hangs), system1("yue", func(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
			time.Sleep(20 * time.Millisecond)
			return green("yue")(ctx, q)
		}))
		var all sync.WaitGroup
		for i := range 2000 {
			all.Go(func() {
				// Some find no place in the queue, which is told at once.
				if _, err := g.Verify(t.Context(), callFor(scanOf("sui", i))); err != nil && !errors.As(err, new(*Overload)) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		for i := range 50 {
			begin := time.Now()
			if v := verify(t, g, callFor(scanOf("yue", i))); v.Status != standard.Green || time.Since(begin) != 20*time.Millisecond {
				t.Errorf("%s after %s", v.Outcome, time.Since(begin))
			}
		}
		all.Wait()
		begin := time.Now()
		v := verify(t, g, callFor(scanOf("sui", 5000)))
		if took := time.Since(begin); reasonOf(v) != standard.ReasonBreaker || v.Reason.RetryAfterMs == 0 || took > 50*time.Millisecond {
			t.Errorf("once the breaker is open: %s after %s", reasonOf(v), took)
		}
		if s := g.Systems(); s[0].Guard.Breaker != upstream.Open || s[1].Guard.Breaker != upstream.Closed {
			t.Errorf("breakers %s and %s", s[0].Guard.Breaker, s[1].Guard.Breaker)
		}
	})
}

func TestCloseWaitsForFlightsAndRefusesNewOnes(t *testing.T) {
	bubble(t, func(t *testing.T, open func(Config, ...adapters.Dialect) *Gateway) {
		g := open(Config{}, system1("sui", func(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
			time.Sleep(time.Second)
			return green("sui")(ctx, q)
		}))
		var all sync.WaitGroup
		all.Go(func() {
			if v := verify(t, g, callFor(scanOf("sui", 1))); v.Status != standard.Green {
				t.Errorf("under way: %+v", v)
			}
		})
		synctest.Wait()
		begin := time.Now()
		all.Go(func() {
			if err := g.Close(t.Context()); err != nil || time.Since(begin) != time.Second {
				t.Errorf("closed after %s: %v", time.Since(begin), err)
			}
		})
		synctest.Wait()
		if _, err := g.Verify(t.Context(), callFor(scanOf("sui", 2))); !errors.Is(err, ErrClosed) {
			t.Errorf("a new call: %v", err)
		}
		all.Wait()
	})
}

func TestCloseGivesUpWhenItsPatienceEnds(t *testing.T) {
	bubble(t, func(t *testing.T, open func(Config, ...adapters.Dialect) *Gateway) {
		g := open(Config{}, system1("sui", hangs))
		var all sync.WaitGroup
		all.Go(func() { verify(t, g, callFor(scanOf("sui", 1))) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if err := g.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		all.Wait()
		if time.Since(begin) != 100*time.Millisecond {
			t.Errorf("the flight went on for %s", time.Since(begin))
		}
	})
}
