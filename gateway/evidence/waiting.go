package evidence

import (
	"context"
	"fmt"
	"sync"
	"time"

	"tongma/gateway/events"
	"tongma/standard/proof"
)

const (
	// longestWait is how long an entry waits for its row to be durable before its answer is refused.
	longestWait = time.Second
	// maxWaiting bounds the entries that wait. Behind a disk that syncs in 10 ms that is more than 400,000 a second.
	maxWaiting = proof.MaxEntries
)

// ErrUnavailable is the error of whatever cannot be kept at present: the store is gone or full, another node has the log, too many entries
// wait, or [Log.Close] was called. What was to be answered must not be.
var ErrUnavailable error = events.Err("evidence: nothing can be kept at present")

var (
	errFull   = fmt.Errorf("%w: %w", ErrUnavailable, events.Err("too many entries wait"))
	errLate   = fmt.Errorf("%w: %w", ErrUnavailable, events.Err("the store takes too long"))
	errStore  = fmt.Errorf("%w: %w", ErrUnavailable, events.Err("the store does not take it"))
	errLost   = fmt.Errorf("%w: %w", ErrUnavailable, events.Err("another node has the log"))
	errClosed = fmt.Errorf("%w: %w", ErrUnavailable, events.Err("the gateway is stopping"))
)

// group is entries that become durable together.
type group struct {
	entries  [][]byte
	left     int               // entries whose callers have gone, which are nil
	requests []*SubjectRequest // whose entries are among them
	born     time.Time
	done     chan struct{} // closed when err holds
	err      error
	watch    *time.Timer
	settled  bool
}

// settle tells all who wait for g what became of it.
func (g *group) settle(err error) {
	if g.settled {
		return
	}
	g.settled = true
	g.err = err
	g.watch.Stop()
	close(g.done)
}

// waiting is the group that forms while another one is written.
type waiting struct {
	mu     sync.Mutex
	open   *group // nil: nothing waits
	busy   *group // is being written; nil: none
	refuse error  // what is wrong, while nothing is taken
	closed bool
	idle   chan struct{} // closed when nothing waits any more, after close

	wait time.Duration
	late func(entries int) // is told of entries that have waited too long
}

// add puts an entry into the group that waits. It says where, and whether that group is new.
func (w *waiting) add(entry []byte, request *SubjectRequest) (g *group, at int, first bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return nil, 0, false, errClosed
	case w.refuse != nil:
		return nil, 0, false, w.refuse
	case w.open == nil:
		w.open, first = w.form(), true
	case len(w.open.entries) >= maxWaiting:
		return nil, 0, false, errFull
	}
	g = w.open
	g.entries = append(g.entries, entry)
	if request != nil {
		g.requests = append(g.requests, request)
	}
	return g, len(g.entries) - 1, first, nil
}

func (w *waiting) form() *group {
	g := &group{done: make(chan struct{}), born: time.Now()}
	g.watch = time.AfterFunc(w.wait, func() { w.giveUp(g) })
	return g
}

// giveUp refuses the entries of a group that takes too long.
func (w *waiting) giveUp(g *group) {
	if entries := w.refuseLate(g); entries > 0 {
		w.late(entries)
	}
}

// refuseLate does so and says how many there are. A group that has not been begun will never be written; while one that has been is, nothing else is taken.
func (w *waiting) refuseLate(g *group) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if g.settled {
		return 0
	}
	if g == w.open {
		w.open = nil
	} else {
		w.refuse = errLate
	}
	g.settle(errLate)
	w.tellIdle()
	return len(g.entries) - g.left
}

// leave takes an entry back whose caller has gone, unless it is being written.
func (w *waiting) leave(g *group, at int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if g == w.open {
		g.entries[at] = nil
		g.left++
	}
}

// take gives the group that waits to the writer; nil if there is none.
func (w *waiting) take() *group {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.open
	w.open = nil
	if g == nil || g.left == len(g.entries) {
		if g != nil {
			g.settle(nil) // nobody is there to hear it
		}
		w.tellIdle()
		return nil
	}
	g.drop()
	w.busy = g
	return g
}

// drop takes those entries out whose callers have gone.
func (g *group) drop() {
	if g.left == 0 {
		return
	}
	n := 0
	for _, e := range g.entries {
		if e != nil {
			g.entries[n] = e
			n++
		}
	}
	g.entries, g.left = g.entries[:n], 0
}

// written tells those who wait for the group that was taken what became of it.
func (w *waiting) written(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy.settle(err)
	w.busy = nil
	w.tellIdle()
}

// stop refuses everything from now on, and what waits.
func (w *waiting) stop(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = why
	if w.open != nil {
		w.open.settle(why)
		w.open = nil
	}
	w.tellIdle()
}

// resume takes entries again, and says whether it did not before.
func (w *waiting) resume() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	refused := w.refuse != nil
	w.refuse = nil
	return refused
}

// refusal is why nothing is taken; nil while entries are.
func (w *waiting) refusal() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refuse
}

// close takes nothing any more, and waits until all is written.
func (w *waiting) close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	if w.idle == nil {
		w.idle = make(chan struct{})
		w.tellIdle()
	}
	idle := w.idle
	w.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		w.stop(errClosed)
		return fmt.Errorf("evidence: %w while entries were being written", ctx.Err())
	}
}

// tellIdle tells close, once, when nothing waits.
func (w *waiting) tellIdle() {
	if w.idle == nil || w.open != nil || w.busy != nil {
		return
	}
	select {
	case <-w.idle:
	default:
		close(w.idle)
	}
}

// count is how many entries wait, those that are being written included.
func (w *waiting) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, g := range []*group{w.open, w.busy} {
		if g != nil {
			n += len(g.entries) - g.left
		}
	}
	return n
}

// oldest is how long the oldest entry waits.
func (w *waiting) oldest() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.busy != nil:
		return time.Since(w.busy.born)
	case w.open != nil:
		return time.Since(w.open.born)
	}
	return 0
}
