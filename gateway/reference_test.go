package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tongma/adapters"
	"tongma/gateway/freshness"
	"tongma/standard"
)

// referring is a call with a reference and a body that is told by one byte.
func referring(caller, reference string, body byte) Call {
	c := callFor(scanOf("sui", int(body)))
	c.Caller.ID, c.Request.Reference, c.BodySum = caller, reference, [32]byte{body}
	return c
}

func isReferenceRefusal(err error) bool {
	e, ok := errors.AsType[*standard.Error](err)
	return ok && e.Kind == standard.KindReference
}

func TestTheSameReferenceGetsTheSameAnswerForAMinute(t *testing.T) {
	bubble(t, func(t *testing.T, open func(Config, ...adapters.Dialect) *Gateway) {
		p := newPost()
		p.status = standard.Yellow // lives longer than a reference
		g := open(Config{}, p)
		first := verify(t, g, referring("c", "r1", 1))
		time.Sleep(referenceLife - time.Millisecond)
		if again := verify(t, g, referring("c", "r1", 1)); again != first {
			t.Errorf("another answer: %+v", again)
		}
		if _, err := g.Verify(t.Context(), referring("c", "r1", 2)); !isReferenceRefusal(err) {
			t.Errorf("another body: %v", err)
		}
		if other := verify(t, g, referring("d", "r1", 2)); other.ID == first.ID {
			t.Error("another caller got this one's answer")
		}
		if other := verify(t, g, referring("c", "r2", 2)); other.ID == first.ID {
			t.Error("another reference got this one's answer")
		}
		time.Sleep(time.Millisecond)
		if later := verify(t, g, referring("c", "r1", 2)); later.ID == first.ID {
			t.Error("remembered for longer than a minute")
		}
		time.Sleep(referenceLife)
		verify(t, g, referring("c", "r9", 2))
		if n := g.references.entries.Len(); n != 1 {
			t.Errorf("%d references are kept", n)
		}
	})
}

func TestARepetitionWaitsForTheFirstAndABrokenConnectionLosesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, open func(Config, ...adapters.Dialect) *Gateway) {
		g := open(Config{}, system1("sui", func(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
			time.Sleep(time.Second)
			return green("sui")(ctx, q)
		}))
		broken, hangUp := context.WithCancel(t.Context())
		var all sync.WaitGroup
		ids := make([]string, 2)
		all.Go(func() {
			v, err := g.Verify(broken, referring("c", "r", 1))
			if err != nil {
				t.Error(err)
				return
			}
			if v.Status != standard.Green {
				t.Errorf("the broken connection ended the verification: %+v", v)
			}
			ids[0] = v.ID
		})
		synctest.Wait()
		hangUp()
		all.Go(func() { ids[1] = verify(t, g, referring("c", "r", 1)).ID })
		all.Go(func() {
			impatient := referring("c", "r", 1)
			impatient.Request.WaitMs = 100
			if v := verify(t, g, impatient); reasonOf(v) != standard.ReasonPatience {
				t.Errorf("impatient: %+v", v)
			}
		})
		all.Wait()
		if ids[0] == "" || ids[0] != ids[1] {
			t.Errorf("ids %q", ids)
		}
	})
}

func TestARefusedRequestFreesItsReference(t *testing.T) {
	g := open(t, Config{}, system1("sui", green("sui")))
	wrong := referring("c", "r", 1)
	wrong.Request.System = "nowhere"
	if _, err := g.Verify(t.Context(), wrong); err == nil || isReferenceRefusal(err) {
		t.Fatal(err)
	}
	verify(t, g, referring("c", "r", 2))
}

func TestReferencesAreBounded(t *testing.T) {
	g := open(t, Config{References: 10}, system1("sui", green("sui")))
	for i := range 50 {
		verify(t, g, referring("c", fmt.Sprint(i), 1))
	}
	if n := g.references.entries.Len(); n != 10 {
		t.Errorf("%d references are kept", n)
	}
}

func TestARepeatedReferenceServesNoGreenThatMemoryWouldNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost()
		g, err := New(Config{Backends: []Backend{{Dialect: p, Endpoint: "http://127.0.0.1:1", Heartbeat: 10 * time.Second}}})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close(t.Context())
		heartbeat := func(seq uint64) { g.Tell(t.Context(), &freshness.Notice{System: "sui", Seq: seq}) }
		ask := func() *standard.Verification { return verify(t, g, referring("c", "r1", 1)) }
		heartbeat(1)
		first := ask()
		if again := ask(); again != first {
			t.Errorf("another answer: %+v", again)
		}
		p.set(func() { p.status = standard.Red })
		time.Sleep(11 * time.Second) // its platform is silent: a notice may have been missed
		if later := ask(); later.Status != standard.Red {
			t.Errorf("a green is served from memory although a notice may have been missed: %+v", later)
		}
	})
}

func TestARepeatedReferenceServesAGreenNoLongerThanMemoryWould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost()
		g := openPost(t, p, freshness.Life{Freshness: adapters.Freshness{Green: 10 * time.Second}})
		first := verify(t, g, referring("c", "r1", 1))
		p.set(func() { p.status = standard.Red })
		time.Sleep(10*time.Second - time.Millisecond)
		if again := verify(t, g, referring("c", "r1", 1)); again != first {
			t.Errorf("another answer: %+v", again)
		}
		time.Sleep(time.Millisecond)
		if later := verify(t, g, referring("c", "r1", 1)); later.Status != standard.Red {
			t.Errorf("a green lives longer by its reference than in memory: %+v", later)
		}
	})
}

func TestARepeatedReferenceIsNoLongerGreenWhenItsScanHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t, Config{}, system1("sui", func(context.Context, *adapters.Query) (adapters.Result, error) {
			now := time.Now()
			return adapters.Result{Outcome: standard.Verified, Record: record("sui", standard.Green), ObservedAt: now, ValidUntil: now.Truncate(time.Minute).Add(time.Minute)}, nil
		}))
		time.Sleep(30 * time.Second)
		first := verify(t, g, referring("c", "r1", 1))
		time.Sleep(31 * time.Second)
		if again := verify(t, g, referring("c", "r1", 1)); again.ID == first.ID {
			t.Errorf("what was valid until %v is still %s", first.Freshness.ValidUntil, again.Status)
		}
	})
}
