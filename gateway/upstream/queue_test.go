package upstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tongma/adapters"
	"tongma/standard"
)

func TestSlotsAndQueueAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newGate()
		g := guarded(t, b, GuardConfig{Limits: limits})
		var a answers
		const callers = 100
		a.ask(g, callers, nil)
		if want := callers - limits.Concurrency*(1+queuePerSlot); a.count(standard.ReasonOverload) != want {
			t.Errorf("%d refused at once, want %d", a.count(standard.ReasonOverload), want)
		}
		if now := g.Condition(); now.UnderWay != limits.Concurrency || now.Queued != limits.Concurrency*queuePerSlot || int(b.underWay.Load()) != limits.Concurrency {
			t.Errorf("%+v", now)
		}
		close(b.answer)
		a.all.Wait()
		if now := g.Condition(); now.UnderWay != 0 || now.Queued != 0 || a.count("") != limits.Concurrency*(1+queuePerSlot) {
			t.Errorf("%+v, %d answered", now, a.count(""))
		}
	})
}

func TestInAFullQueueTheMoreUrgentTakesTheLastPlaceOfTheLessUrgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newGate()
		l := adapters.Limits{Timeout: time.Minute, Concurrency: 1}
		g := guarded(t, b, GuardConfig{Limits: l})
		later := time.Now().Add(time.Minute)
		var under, refresh, batch, person answers
		under.ask(g, 1, nil)
		refresh.ask(g, 3, NewDemand(later, Refresh))
		batch.ask(g, queuePerSlot-3, NewDemand(later, Batch))
		person.ask(g, 5, NewDemand(later, Checkpoint))
		if refresh.count(standard.ReasonOverload) != 3 || batch.count(standard.ReasonOverload) != 2 || len(person.got) != 0 {
			t.Errorf("displaced: %v, %v, %v", refresh.got, batch.got, person.got)
		}
		var equal answers
		equal.ask(g, 1, NewDemand(later, Batch))
		if equal.count(standard.ReasonOverload) != 1 || g.Condition().Queued != queuePerSlot {
			t.Errorf("an equal took a place: %v, %+v", batch.got, g.Condition())
		}
		for range 1 + 5 {
			b.answer <- nil
			synctest.Wait()
		}
		if person.count("") != 5 || batch.count("") != 0 {
			t.Errorf("the more urgent were not first: %v, %v", person.got, batch.got)
		}
		close(b.answer)
		batch.all.Wait()
		if batch.count("") != 3 {
			t.Errorf("%v", batch.got)
		}
	})
}

func TestWhoWouldBeServedTooLateIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const takes = 100 * time.Millisecond
		l := adapters.Limits{Timeout: time.Minute, Concurrency: 2}
		g := guarded(t, backend(func(context.Context) (adapters.Result, error) { time.Sleep(takes); return well, nil }), GuardConfig{Limits: l})
		for range 50 {
			ask(t, g) // so that it is known what a call takes
		}
		var patient answers
		patient.ask(g, 2+6, nil) // six wait, each two for a tenth of a second
		began := time.Now()
		_, err := g.Verify(NewDemand(began.Add(3*takes), Checkpoint).Context(t.Context()), &adapters.Query{})
		fault, _ := errors.AsType[*adapters.Fault](err)
		if fault == nil || fault.Reason != standard.ReasonOverload || fault.RetryAfter < time.Second || time.Since(began) != 0 {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		_, err = g.Verify(NewDemand(began.Add(4*takes+1), Checkpoint).Context(t.Context()), &adapters.Query{})
		if err != nil || time.Since(began) != 5*takes {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		patient.all.Wait()
	})
}

func TestWhoeverWaitsLeavesWhenTheDemandEndsAndNotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newGate()
		var waited []time.Duration
		g := guarded(t, b, GuardConfig{Limits: adapters.Limits{Timeout: time.Minute, Concurrency: 1}, Watch: Watch{
			Waited: func(d time.Duration) { waited = append(waited, d) },
		}})
		began := time.Now()
		var under, a answers
		under.ask(g, 1, nil)
		d := NewDemand(began.Add(time.Second), Batch)
		a.ask(g, 1, d)
		time.Sleep(time.Second / 2)
		d.Raise(began.Add(3*time.Second), Refresh) // longer, and no less urgent
		d.Raise(began.Add(2*time.Second), Refresh)
		a.all.Wait()
		if a.count(standard.ReasonOverload) != 1 || !slices.Equal(waited, []time.Duration{3 * time.Second}) {
			t.Errorf("%v after %v", a.got, waited)
		}
		left, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		began = time.Now()
		if _, err := g.Verify(left, &adapters.Query{}); !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		close(b.answer)
		under.all.Wait()
		if now := g.Condition(); now.Queued != 0 || now.UnderWay != 0 {
			t.Errorf("%+v", now)
		}
	})
}

func TestWhatIsRaisedInTheQueueIsServedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newGate()
		g := guarded(t, b, GuardConfig{Limits: adapters.Limits{Timeout: time.Minute, Concurrency: 1}})
		later := time.Now().Add(time.Minute)
		var under, raised, batch answers
		under.ask(g, 1, nil)
		batch.ask(g, 3, NewDemand(later, Batch))
		d := NewDemand(later, Refresh)
		raised.ask(g, 1, d)
		d.Raise(later, Checkpoint)
		b.answer <- nil
		synctest.Wait()
		b.answer <- nil
		synctest.Wait()
		if raised.count("") != 1 || len(batch.got) != 0 {
			t.Errorf("raised %v, others %v", raised.got, batch.got)
		}
		close(b.answer)
		batch.all.Wait()
	})
}

func TestRateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		g := guarded(t, backend(func(context.Context) (adapters.Result, error) {
			calls.Add(1)
			return well, nil
		}), GuardConfig{Limits: adapters.Limits{Rate: 50, Timeout: time.Second, Concurrency: 100}})
		began := time.Now()
		var a answers
		a.ask(g, 200, nil)
		if calls.Load() != 5 {
			t.Errorf("a burst of %d", calls.Load())
		}
		refused := a.count(standard.ReasonOverload)
		a.all.Wait()
		if n := calls.Load(); n < 50 || n > 56 || time.Since(began) > time.Second {
			t.Errorf("%d calls in %s at 50 a second", n, time.Since(began))
		}
		if int(calls.Load())+refused != 200 {
			t.Errorf("%d called, %d refused at once, %d in the end", calls.Load(), refused, a.count(standard.ReasonOverload))
		}
	})
}

// The order of the queue against a list in which one looks for the right place.
func TestQueueKeepsUrgencyAndThenOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var model []*waiter
		now := time.Unix(0, 0)
		best := func() *waiter {
			return slices.MinFunc(model, func(a, b *waiter) int {
				if a.lane != b.lane {
					return int(b.lane - a.lane)
				}
				return a.since.Compare(b.since)
			})
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				now = now.Add(time.Second)
				w := &waiter{since: now, lane: rapid.Custom(priority).Draw(t, "lane")}
				q.push(w)
				model = append(model, w)
			},
			"serve": func(t *rapid.T) {
				if len(model) == 0 {
					t.Skip()
				}
				w := q.first()
				if w != best() {
					t.Fatalf("served %+v before %+v", w, best())
				}
				q.remove(w)
				model = slices.DeleteFunc(model, func(o *waiter) bool { return o == w })
			},
			"leave": func(t *rapid.T) {
				if len(model) == 0 {
					t.Skip()
				}
				w := rapid.SampledFrom(model).Draw(t, "who")
				q.remove(w)
				model = slices.DeleteFunc(model, func(o *waiter) bool { return o == w })
			},
			"raise": func(t *rapid.T) {
				if len(model) == 0 {
					t.Skip()
				}
				w := rapid.SampledFrom(model).Draw(t, "who")
				q.raise(w, max(w.lane, rapid.Custom(priority).Draw(t, "lane")))
			},
			"": func(t *rapid.T) {
				if q.len() != len(model) {
					t.Fatalf("%d wait, not %d", q.len(), len(model))
				}
				last := q.last()
				for p := Refresh; p <= Checkpoint; p++ {
					n := 0
					for _, w := range model {
						if w.lane >= p {
							n++
						}
						if last.lane > w.lane || last.lane == w.lane && w.since.After(last.since) {
							t.Fatalf("%+v is not the last: %+v", last, w)
						}
					}
					if q.before(p) != n {
						t.Fatalf("%d before %d, not %d", q.before(p), p, n)
					}
				}
			},
		})
	})
}

func priority(t *rapid.T) Priority {
	return Priority(rapid.IntRange(int(Refresh), int(Checkpoint)).Draw(t, "priority"))
}

// visit is one call of a plan.
type visit struct {
	At, Takes, Patience, RaisedAfter, LeavesAfter time.Duration
	Priority, Raised                              Priority
	Panics                                        bool
	Answer                                        standard.ReasonCode
}

func visits(t *rapid.T) visit {
	span := func(name string, from, to int) time.Duration {
		return time.Duration(rapid.IntRange(from, to).Draw(t, name)) * time.Millisecond
	}
	return visit{
		At: span("at", 0, 300), Takes: span("takes", 0, 60), Patience: span("patience", 1, 200),
		RaisedAfter: span("raised after", 0, 100), LeavesAfter: span("leaves after", 1, 2000),
		Priority: priority(t), Raised: priority(t),
		Panics: rapid.IntRange(0, 30).Draw(t, "panics") == 0,
		Answer: rapid.SampledFrom([]standard.ReasonCode{"", "", "", "", "", "", standard.ReasonBusy, standard.ReasonUnreachable, standard.ReasonFault}).Draw(t, "answer"),
	}
}

type visitKey struct{}

// Whatever comes, at most so many are under way and in the queue, nobody waits beyond the demand, and no slot is lost.
func TestWhateverComesNoSlotIsLostAndNobodyWaitsTooLong(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := adapters.Limits{
			Timeout: 40 * time.Millisecond, Concurrency: rapid.IntRange(1, 6).Draw(rt, "concurrency"),
			Rate: float64(rapid.SampledFrom([]int{0, 100, 1000}).Draw(rt, "rate")), Retry: 1,
			Hedge: rapid.SampledFrom([]time.Duration{0, 10 * time.Millisecond}).Draw(rt, "hedge"),
		}
		plan := rapid.SliceOfN(rapid.Custom(visits), 1, 150).Draw(rt, "plan")
		var broken []string
		synctest.Test(t, func(*testing.T) { broken = play(l, plan) })
		if len(broken) > 0 {
			rt.Fatalf("%s", broken)
		}
	})
}

// play makes the calls of a plan and gives the promises that were broken.
func play(l adapters.Limits, plan []visit) (broken []string) {
	var mu sync.Mutex
	tell := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		broken = append(broken, fmt.Sprintf(format, args...))
	}
	var underWay atomic.Int32
	var g *Guarded
	g = Guard(backend(func(ctx context.Context) (adapters.Result, error) {
		v := ctx.Value(visitKey{}).(*visit)
		if n := underWay.Add(1); int(n) > l.Concurrency {
			tell("%d under way, %d allowed", n, l.Concurrency)
		}
		defer underWay.Add(-1)
		if now := g.Condition(); now.Queued > l.Concurrency*queuePerSlot {
			tell("%d in the queue", now.Queued)
		}
		select {
		case <-time.After(v.Takes):
		case <-ctx.Done():
			return adapters.Result{}, faultOf(ctx.Err(), standard.ReasonUnreachable)
		}
		if v.Panics {
			panic("bug")
		}
		if v.Answer != "" {
			return adapters.Result{}, &adapters.Fault{Reason: v.Answer, RetryAfter: v.Takes}
		}
		return well, nil
	}), adapters.Info{}, GuardConfig{Limits: l})
	var all sync.WaitGroup
	for i := range plan {
		v := &plan[i]
		all.Go(func() {
			defer func() { recover() }()
			time.Sleep(v.At)
			began := time.Now()
			until := began.Add(v.Patience)
			d := NewDemand(until, v.Priority)
			if v.Raised > v.Priority {
				until = until.Add(v.RaisedAfter)
				defer time.AfterFunc(v.RaisedAfter, func() { d.Raise(until, v.Raised) }).Stop()
			}
			ctx, cancel := context.WithTimeout(context.WithValue(d.Context(context.Background()), visitKey{}, v), v.LeavesAfter)
			defer cancel()
			g.Verify(ctx, &adapters.Query{})
			if took, may := time.Since(began), time.Until(until)+time.Since(began)+l.Timeout; took > min(may, v.LeavesAfter) {
				tell("a call ended after %s, and may take %s: %+v", took, may, *v)
			}
		})
	}
	all.Wait()
	if now := g.Condition(); now.UnderWay != 0 || now.Queued != 0 {
		tell("in the end: %+v", now)
	}
	g.Close()
	return broken
}
