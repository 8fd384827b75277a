package evidence

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tongma/standard/proof"
)

func newWaiting(late *int) *waiting {
	return &waiting{wait: longestWait, late: func(n int) { *late += n }}
}

func put(t *testing.T, w *waiting) (*group, int) {
	t.Helper()
	g, at, _, err := w.add([]byte{1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g, at
}

func TestWhatComesWhileAGroupIsWrittenFormsTheNext(t *testing.T) {
	late := 0
	w := newWaiting(&late)
	first, _ := put(t, w)
	if w.take() != first {
		t.Fatal("another group was taken")
	}
	second, _ := put(t, w)
	third, _ := put(t, w)
	if second != third || second == first || w.count() != 3 {
		t.Errorf("%d wait", w.count())
	}
	w.written(nil)
	<-first.done
	select {
	case <-second.done:
		t.Error("a group is acknowledged that was not written")
	default:
	}
	if got := w.take(); got != second || len(got.entries) != 2 {
		t.Errorf("took %v", got)
	}
	w.written(errStore)
	if <-second.done; !errors.Is(second.err, ErrUnavailable) {
		t.Errorf("%v", second.err)
	}
	if w.take() != nil || w.count() != 0 || w.oldest() != 0 {
		t.Error("something is left")
	}
}

func TestAnEntryWhoseCallerHasGoneIsNotWritten(t *testing.T) {
	late := 0
	w := newWaiting(&late)
	g, a := put(t, w)
	put(t, w)
	w.leave(g, a)
	if got := w.take(); len(got.entries) != 1 || got.entries[0] == nil {
		t.Errorf("%d entries", len(got.entries))
	}
	w.leave(g, 0) // too late: it is being written
	if g.entries[0] == nil {
		t.Error("an entry was taken back while it was written")
	}
	w.written(nil)
	g, a = put(t, w)
	w.leave(g, a)
	if w.take() != nil {
		t.Error("a group without entries is written")
	}
}

func TestNobodyWaitsLongerThanTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := 0
		w := newWaiting(&late)
		busy, _ := put(t, w)
		w.take()
		time.Sleep(longestWait / 2)
		next, _ := put(t, w)
		time.Sleep(longestWait/2 + 1)
		<-busy.done
		synctest.Wait()
		if !errors.Is(busy.err, errLate) || late != 1 {
			t.Errorf("%v, %d", busy.err, late)
		}
		if _, _, _, err := w.add(nil, nil); !errors.Is(err, errLate) {
			t.Errorf("while the store takes too long: %v", err)
		}
		time.Sleep(longestWait)
		<-next.done
		synctest.Wait()
		if !errors.Is(next.err, errLate) || w.open != nil || late != 2 {
			t.Errorf("%v, %v, %d", next.err, w.open, late)
		}
		w.written(nil) // too late for those who waited
		if !errors.Is(busy.err, errLate) {
			t.Error("a group has two results")
		}
		w.resume()
		put(t, w)
		w.take()
		w.written(nil)
	})
}

func TestNoMoreWaitThanOneGroupMayHave(t *testing.T) {
	late := 0
	w := newWaiting(&late)
	for range proof.MaxEntries {
		put(t, w)
	}
	if _, _, _, err := w.add(nil, nil); !errors.Is(err, errFull) {
		t.Errorf("%v, want errFull", err)
	}
	w.take()
	w.written(nil)
}

func TestCloseWaitsForWhatIsWrittenAndTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := 0
		w := newWaiting(&late)
		put(t, w)
		w.take()
		g, _ := put(t, w)
		closed := make(chan error)
		go func() { closed <- w.close(t.Context()) }()
		synctest.Wait()
		if _, _, _, err := w.add(nil, nil); !errors.Is(err, errClosed) {
			t.Errorf("%v, want errClosed", err)
		}
		w.written(nil)
		if w.take() != g {
			t.Error("what waited is not written")
		}
		w.written(nil)
		if err := <-closed; err != nil {
			t.Error(err)
		}
		slow := newWaiting(&late)
		put(t, slow)
		slow.take()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := slow.close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want DeadlineExceeded", err)
		}
		slow.written(nil)

		stuck := newWaiting(&late) // nobody takes what waits
		put(t, stuck)
		err := stuck.close(t.Context())
		synctest.Wait()
		if err != nil || late != 1 {
			t.Errorf("%v, %d late", err, late)
		}
	})
}
