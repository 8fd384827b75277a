package gateway

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tongma/adapters"
	"tongma/gateway/freshness"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
)

// ledger keeps entries in memory, takes its time, and fails as told.
type ledger struct {
	mu      sync.Mutex
	entries []proof.Entry
	persons []Person
	takes   time.Duration
	during  func() // what happens meanwhile
	err     error
}

func (l *ledger) Name() string { return "node-1" }

func (l *ledger) Append(_ context.Context, e *proof.Entry, about Person) error {
	time.Sleep(l.takes)
	if l.during != nil {
		l.during()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	l.entries = append(l.entries, *e)
	l.persons = append(l.persons, about)
	return nil
}

func openKeeping(t *testing.T, l *ledger, says says) *Gateway {
	t.Helper()
	return open(t, Config{Evidence: l}, system1("sui", says))
}

func TestWhatIsAnsweredIsKeptBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{takes: time.Second}
		g := openKeeping(t, l, func(context.Context, *adapters.Query) (adapters.Result, error) {
			r := record("sui", standard.Green)
			r.Holder.IDNumber = "000000194507219983"
			return adapters.Result{Outcome: standard.Verified, Record: r, ObservedAt: time.Now()}, nil
		})
		call := callFor(scanOf("sui", 1))
		call.Request.Place, call.Request.Purpose = standard.Place{Region: "310000", Site: "gate 4"}, "entry"
		begin := time.Now()
		v := verify(t, g, call)
		if time.Since(begin) < time.Second {
			t.Error("the answer has left before it was kept")
		}
		if v.Evidence == nil || *v.Evidence != (standard.Evidence{Log: "node-1", Entry: v.ID}) {
			t.Errorf("the answer says of its evidence %+v", v.Evidence)
		}
		text, _ := v.AppendJSON(nil)
		at, _ := time.Parse(time.RFC3339, "2000-01-01T08:00:00+08:00") // when the bubble begins
		want := proof.Entry{
			Kind: proof.Verification, ID: v.ID, At: standard.Millis(at),
			Party: call.Caller.ID, Roles: call.Caller.Roles, Purpose: "entry", Region: "310000", Site: "gate 4",
			System: "sui", Outcome: standard.Verified, Status: standard.Green, Action: standard.Pass, Rule: "default/green@1",
			From: standard.Live, ObservedAt: standard.Millis(at), Answer: sm.Sum(text),
		}
		if len(l.entries) != 1 || l.entries[0] != want {
			t.Errorf("kept\n%+v\nwant\n%+v", l.entries, want)
		}
		if want := (Person{Document: standard.Document{Type: "01", Number: "000000194507219983"}, System: "sui"}); l.persons[0] != want {
			t.Errorf("about %+v, want %+v", l.persons[0], want)
		}
	})
}

// What is told while an answer waits for the disk is told before the answer.
func TestANoticeWhileAnAnswerIsBeingKeptHasItAskedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status, told := standard.Green, uint64(0)
		l := &ledger{takes: 5 * time.Millisecond}
		g := openKeeping(t, l, func(context.Context, *adapters.Query) (adapters.Result, error) {
			return adapters.Result{Outcome: standard.Verified, Record: record("sui", status), ObservedAt: time.Now()}, nil
		})
		l.during = func() {
			if told == 0 {
				status, told = standard.Red, 1
				if _, err := g.Tell(t.Context(), &freshness.Notice{System: "sui", Seq: told, Changes: []freshness.Change{{All: true}}}); err != nil {
					t.Error(err)
				}
			}
		}
		if v := verify(t, g, callFor(scanOf("sui", 1))); v.Status != standard.Red {
			t.Errorf("after a notice: %s, %s", v.Status, v.Decision.Action)
		}
		if len(l.entries) != 2 || l.entries[0].ID == l.entries[1].ID {
			t.Errorf("kept %+v", l.entries)
		}
		l.during = func() { // one notice after the other: the caller's patience ends it
			told++
			if _, err := g.Tell(t.Context(), &freshness.Notice{System: "sui", Seq: told, Changes: []freshness.Change{{All: true}}}); err != nil {
				t.Error(err)
			}
		}
		begin := time.Now()
		call := callFor(scanOf("sui", 2))
		call.Request.WaitMs = 200
		if v := verify(t, g, call); v.Outcome != standard.Unavailable || v.Reason.Code != standard.ReasonPatience || time.Since(begin) > 200*time.Millisecond {
			t.Errorf("with notices without end: %s after %s", v.Outcome, time.Since(begin))
		}
	})
}

func TestEveryAnswerIsKept(t *testing.T) {
	l := &ledger{}
	g := openKeeping(t, l, func(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
		return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonUnreachable}
	})
	verify(t, g, callFor("nobody's"))
	verify(t, g, callFor(scanOf("sui", 1)))
	if len(l.entries) != 2 {
		t.Fatalf("%d entries", len(l.entries))
	}
	if e := l.entries[0]; e.Outcome != standard.Unrecognised || e.Reason != standard.ReasonUnclaimed || e.System != "" || !e.ObservedAt.IsZero() {
		t.Errorf("of what nobody claims: %+v", e)
	}
	if e := l.entries[1]; e.Outcome != standard.Unavailable || e.Reason != standard.ReasonUnreachable || e.System != "sui" || e.Action != standard.Manual {
		t.Errorf("of a system that is down: %+v", e)
	}
}

func TestWhatCannotBeKeptIsNotAnswered(t *testing.T) {
	broken := errors.New("no room")
	l := &ledger{err: broken}
	g := openKeeping(t, l, green("sui"))
	ask := func() (*standard.Verification, error) { return g.Verify(t.Context(), referring("c", "r1", 1)) }
	if v, err := ask(); v != nil || !errors.Is(err, ErrEvidence) || !errors.Is(err, broken) {
		t.Errorf("%+v, %v", v, err)
	}
	l.err = nil
	if v, err := ask(); err != nil || v.Evidence == nil {
		t.Errorf("the same reference, when there is room again: %+v, %v", v, err)
	}
}

func TestARepeatedReferenceIsOneEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{takes: 20 * time.Millisecond}
		g := openKeeping(t, l, green("sui"))
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { verify(t, g, referring("c", "r1", 1)) })
		}
		all.Wait()
		verify(t, g, referring("c", "r1", 1))
		if len(l.entries) != 1 {
			t.Errorf("%d entries for one answer", len(l.entries))
		}
	})
}

func TestAWholeNumberAloneNamesAPerson(t *testing.T) {
	l := &ledger{}
	p := newPost()
	p.dialect.says = func(context.Context, *adapters.Query) (adapters.Result, error) {
		r := record("sui", standard.Green)
		r.Holder.IDNumber, r.Subject = "000000********0000", "their own"
		return adapters.Result{Outcome: standard.Verified, Record: r, ObservedAt: time.Now()}, nil
	}
	g, err := New(Config{Evidence: l, Backends: []Backend{{Dialect: p, Endpoint: "http://127.0.0.1:1", Life: freshness.Life{}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close(t.Context())
	verify(t, g, callFor(scanOf("sui", 1)))
	if want := (Person{System: "sui", Subject: "their own"}); l.persons[0] != want {
		t.Errorf("of a masked number: %+v", l.persons[0])
	}
}
