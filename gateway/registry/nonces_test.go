package registry

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a clock that a test moves.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ms.Store(1_700_000_000_000)
	return c
}

func (c *clock) now() time.Time        { return time.UnixMilli(c.ms.Load()) }
func (c *clock) pass(by time.Duration) { c.ms.Add(by.Milliseconds()) }

// uptime is what the clock says: as it was never set, all its time has passed.
func (c *clock) uptime() time.Duration { return time.Duration(c.ms.Load()) * time.Millisecond }

func newTestNonces(t testing.TB, c *clock) *Nonces {
	t.Helper()
	n, err := OpenNonces(filepath.Join(t.TempDir(), "marks.json"))
	if err != nil {
		t.Fatal(err)
	}
	n.uptime = c.uptime
	return n
}

func TestANonceIsNeverAcceptedTwiceWithin360Seconds(t *testing.T) {
	for start := time.Duration(0); start < generationSpan; start += 7 * time.Second {
		c := newClock()
		c.pass(start)
		n := newTestNonces(t, c)
		if err := n.Take("gate", "0123456789abcdef", c.now()); err != nil {
			t.Fatal(err)
		}
		for passed := time.Duration(0); passed <= 360*time.Second; passed += 5 * time.Second {
			if err := n.Take("gate", "0123456789abcdef", c.now()); !errors.Is(err, ErrReplayed) {
				t.Fatalf("%v later, begun at +%v: %v, want ErrReplayed", passed, start, err)
			}
			c.pass(5 * time.Second)
		}
	}
}

func TestNoncesAreForgottenInTheEnd(t *testing.T) {
	c := newClock()
	n := newTestNonces(t, c)
	for i := range 50 {
		for j := range 100 {
			if err := n.Take("gate", fmt.Sprintf("nonce-%d-%d", i, j), c.now()); err != nil {
				t.Fatal(err)
			}
		}
		c.pass(generationSpan)
	}
	if got := n.of("gate").count; got > 100*generations {
		t.Errorf("%d nonces are kept of 100 each two minutes", got)
	}
	c.pass(24 * time.Hour)
	if err := n.Take("gate", "nonce-49-0", c.now()); err != nil {
		t.Errorf("a day later: %v", err)
	}
	if got := n.of("gate").count; got != 1 {
		t.Errorf("%d nonces are kept, want 1", got)
	}
}

// A clock that is set back makes times new that have been. What is forgotten by then must not be accepted again.
func TestAForgottenNonceIsNotAcceptedThoughTheClockIsSetBack(t *testing.T) {
	c := newClock()
	n := newTestNonces(t, c)
	early, late := c.now(), c.now().Add(time.Minute)
	if err := errors.Join(n.Take("gate", "0123456789abcdef", late), n.Take("gate", "fedcba9876543210", early)); err != nil {
		t.Fatal(err)
	}
	c.pass(time.Hour)
	for _, at := range []time.Time{early, late} {
		for _, nonce := range []string{"0123456789abcdef", "fedcba9876543210"} {
			if err := n.Take("gate", nonce, at); !errors.Is(err, ErrReplayed) {
				t.Errorf("the request of %v again: %v, want ErrReplayed", at, err)
			}
		}
	}
	if err := n.Take("gate", "0123456789abcdef", late.Add(time.Millisecond)); err != nil {
		t.Errorf("a later request: %v", err)
	}
	if err := n.Take("officer", "0123456789abcdef", early); err != nil {
		t.Errorf("another caller: %v", err)
	}
}

func TestCallersDoNotShareNonces(t *testing.T) {
	c := newClock()
	n := newTestNonces(t, c)
	for _, caller := range []string{"gate", "officer"} {
		if err := n.Take(caller, "0123456789abcdef", c.now()); err != nil {
			t.Errorf("%s: %v", caller, err)
		}
	}
}

func TestAFullStoreRefusesAndForgetsNothing(t *testing.T) {
	c := newClock()
	n := newTestNonces(t, c)
	n.limit = 3
	for i, want := range []error{nil, nil, nil, ErrFull, ErrFull} {
		if err := n.Take("gate", fmt.Sprintf("nonce-%d", i), c.now()); !errors.Is(err, want) {
			t.Errorf("nonce %d: %v, want %v", i, err, want)
		}
	}
	if err := n.Take("gate", "nonce-0", c.now()); !errors.Is(err, ErrReplayed) {
		t.Errorf("the first nonce again: %v, want ErrReplayed", err)
	}
	if err := n.Take("officer", "nonce-0", c.now()); err != nil {
		t.Errorf("another caller: %v", err)
	}
}

func TestOneOfManyEqualRequestsPasses(t *testing.T) {
	c := newClock()
	n := newTestNonces(t, c)
	var passed atomic.Int32
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if n.Take("gate", "0123456789abcdef", c.now()) == nil {
				passed.Add(1)
			}
		})
	}
	wg.Wait()
	if passed.Load() != 1 {
		t.Errorf("%d passed", passed.Load())
	}
}

func TestARequestPassesOnlyWhenItsMarkIsStored(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	n, err := OpenNonces(filepath.Join(dir, "marks.json"))
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1_700_000_000_001)
	if err := n.Take("gate", "nonce-0", at); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := n.Take("gate", "nonce-1", at.Add(time.Second)); err != nil {
		t.Errorf("under the stored mark: %v", err)
	}
	if err := n.Take("gate", "nonce-2", at.Add(5*time.Second)); err == nil {
		t.Error("above the stored mark it passed though the disk failed")
	}
}

func BenchmarkTake(b *testing.B) {
	c := newClock()
	n := newTestNonces(b, c)
	nonces := make([]string, b.N)
	for i := range nonces {
		nonces[i] = fmt.Sprintf("%022d", i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, nonce := range nonces {
		if n.Take("gate", nonce, c.now()) != nil {
			b.Fatal("refused")
		}
	}
}
