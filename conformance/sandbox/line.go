package sandbox

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// MaxCapacity bounds what [Sandbox.SetCapacity] takes, in requests a second.
const MaxCapacity = 1_000_000

// SetCapacity makes a system answer at most so many requests a second; 0 is as many as it can. The others wait in line, as they do
// before a real backend that is asked too much. Who gives up has taken its turn all the same. A request that would have to wait longer
// than 30 s gets the system's busy answer at once. A verification may be several requests.
func (s *Sandbox) SetCapacity(system string, perSecond int) error {
	b, ok := s.backends[system]
	if !ok {
		return fmt.Errorf("no system %q: there are %v", system, systems)
	}
	if perSecond < 0 || perSecond > MaxCapacity {
		return fmt.Errorf("a capacity is 0 (no bound) to %d requests a second", MaxCapacity)
	}
	b.line.set(perSecond)
	return nil
}

// Capacity is what [Sandbox.SetCapacity] has set, 0 if nothing.
func (s *Sandbox) Capacity(system string) int {
	if b, ok := s.backends[system]; ok {
		return b.line.capacity()
	}
	return 0
}

// maxLine is how long a request may have to wait for its turn.
const maxLine = 30 * time.Second

// line is where requests wait for their turn. The zero value lets everybody through.
type line struct {
	mu        sync.Mutex
	perSecond int
	free      time.Time // when the next turn is
}

// set begins a new line; who waits in the old one keeps their turn.
func (l *line) set(perSecond int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.perSecond, l.free = perSecond, time.Time{}
}

func (l *line) capacity() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.perSecond
}

// wait returns when it is the caller's turn, or has gone. It says false, at once, if the line is too long.
func (l *line) wait(ctx context.Context, now time.Time) bool {
	turn, ok := l.take(now)
	if !ok {
		return false
	}
	if turn.After(now) {
		timer := time.NewTimer(turn.Sub(now))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return true
}

// take gives the next turn.
func (l *line) take(now time.Time) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.perSecond == 0 {
		return now, true
	}
	if l.free.Before(now) {
		l.free = now
	}
	turn := l.free
	if turn.Sub(now) > maxLine {
		return time.Time{}, false
	}
	l.free = turn.Add(time.Second / time.Duration(l.perSecond))
	return turn, true
}
