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
		g := open(Config{}, system1("sui", green("sui")))
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
