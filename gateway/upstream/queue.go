package upstream

import (
	"container/list"
	"context"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// queuePerSlot is how many calls may wait for each one that may be under way.
const queuePerSlot = 8

// queue holds the calls that wait for a system, the most urgent first and among equals the first that came. First come, first
// served keeps the promise that admission makes: whoever is let in is expected to be served in time, and whoever is not is told
// so at once. Serving the last who came first would have those who were let in wait for their whole patience before they are
// refused. A queue has no lock of its own.
type queue struct {
	lanes [Checkpoint + 1]list.List // of *waiter
	most  int
}

// waiter is a call in the queue.
type waiter struct {
	demand *Demand
	since  time.Time
	until  time.Time // where there is no demand
	lane   Priority
	place  *list.Element   // nil: it has left the queue
	fault  *adapters.Fault // why it was turned away; nil: it has a slot
	left   chan struct{}   // closed when it has been given a slot or turned away
}

func (q *queue) len() int {
	n := 0
	for i := range q.lanes {
		n += q.lanes[i].Len()
	}
	return n
}

// before is how many would be served before a newcomer.
func (q *queue) before(p Priority) int {
	n := 0
	for i := p; i <= Checkpoint; i++ {
		n += q.lanes[i].Len()
	}
	return n
}

// push puts a waiter behind those of its lane who came before it.
func (q *queue) push(w *waiter) {
	lane := &q.lanes[w.lane]
	for e := lane.Back(); e != nil; e = e.Prev() {
		if !e.Value.(*waiter).since.After(w.since) {
			w.place = lane.InsertAfter(w, e)
			return
		}
	}
	w.place = lane.PushFront(w)
}

func (q *queue) remove(w *waiter) {
	q.lanes[w.lane].Remove(w.place)
	w.place = nil
}

// first is who is served next, nil if nobody waits.
func (q *queue) first() *waiter {
	for p := Checkpoint; p >= Refresh; p-- {
		if e := q.lanes[p].Front(); e != nil {
			return e.Value.(*waiter)
		}
	}
	return nil
}

// last is who came last among the least urgent, nil if nobody waits.
func (q *queue) last() *waiter {
	for i := range q.lanes {
		if e := q.lanes[i].Back(); e != nil {
			return e.Value.(*waiter)
		}
	}
	return nil
}

// raise gives a waiter a better lane.
func (q *queue) raise(w *waiter, p Priority) {
	q.remove(w)
	w.lane = p
	q.push(w)
}

// ends is until when anybody waits for the call.
func (w *waiter) ends() time.Time {
	if w.demand == nil {
		return w.until
	}
	until, _ := w.demand.now()
	return until
}

// join puts a call into the queue, unless it would be served too late or nobody less urgent can make room for it.
func (g *Guarded) join(d *Demand, now time.Time) (*waiter, *adapters.Fault) {
	_, p := d.now()
	w := &waiter{demand: d, since: now, until: now.Add(g.limits.Timeout), lane: p}
	if expected := g.expectedWait(p); expected >= w.ends().Sub(now) {
		return nil, overloaded("it would be answered too late", expected)
	}
	if g.queue.len() >= g.queue.most {
		last := g.queue.last()
		if last == nil || last.lane >= p {
			return nil, overloaded("the queue is full", g.expectedWait(Refresh))
		}
		g.turnAway(last, overloaded("something more urgent took the place in the queue", g.expectedWait(Refresh)))
	}
	w.left = make(chan struct{})
	g.queue.push(w)
	g.dispatch(now)
	return w, nil
}

// expectedWait is how long a newcomer will wait: each who is before it, and itself, needs a slot to become free and the rate's turn.
func (g *Guarded) expectedWait(p Priority) time.Duration {
	each := g.limit.typical / time.Duration(g.limit.slots())
	if g.bucket != nil {
		each = max(each, time.Duration(float64(time.Second)/float64(g.bucket.Limit())))
	}
	return time.Duration(g.queue.before(p)+1) * each
}

// overloaded is the answer to whom the queue does not take. Its time is at least a second, because a caller can do nothing with less.
func overloaded(what string, after time.Duration) *adapters.Fault {
	return &adapters.Fault{Reason: standard.ReasonOverload, RetryAfter: max(after, time.Second), What: what}
}

// wait comes back when the call has a slot, or with the reason why it has none.
func (g *Guarded) wait(ctx context.Context, w *waiter) *adapters.Fault {
	w.demand.tell(func() { g.raised(w) })
	defer w.demand.tell(nil)
	g.raised(w) // what was raised before it could be told
	timer := time.NewTimer(time.Until(w.ends()))
	defer timer.Stop()
	for {
		select {
		case <-w.left:
			return w.fault
		case <-timer.C:
			if left := time.Until(w.ends()); left > 0 {
				timer.Reset(left)
				continue
			}
		case <-ctx.Done():
		}
		return g.giveUp(w, ctx.Err())
	}
}

// giveUp takes a call out of the queue, unless it has just been given a slot.
func (g *Guarded) giveUp(w *waiter, err error) *adapters.Fault {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.place == nil {
		return w.fault
	}
	g.queue.remove(w)
	fault := overloaded("nobody waits any longer", g.expectedWait(w.lane))
	fault.Err = err
	return fault
}

// raised moves a call whose demand has become more urgent.
func (g *Guarded) raised(w *waiter) {
	if w.demand == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, p := w.demand.now(); w.place != nil && p > w.lane {
		g.queue.raise(w, p)
	}
}

// dispatch gives free slots to those who wait.
func (g *Guarded) dispatch(now time.Time) {
	for w := g.queue.first(); w != nil && g.hasSlot(); w = g.queue.first() {
		if !w.ends().After(now) {
			g.turnAway(w, overloaded("nobody waits any longer", 0))
			continue
		}
		if !g.hasTurn(now) {
			g.wake(now)
			return
		}
		g.queue.remove(w)
		g.underWay++
		g.budget.earn()
		close(w.left)
	}
}

// hasSlot says whether one more call may be under way.
func (g *Guarded) hasSlot() bool { return g.underWay < g.limit.slots() }

// hasTurn says whether the rate allows one more call, and takes that turn.
func (g *Guarded) hasTurn(now time.Time) bool { return g.bucket == nil || g.bucket.AllowN(now, 1) }

// wake has the queue served when the rate allows the next call.
func (g *Guarded) wake(now time.Time) {
	missing := 1 - g.bucket.TokensAt(now)
	in := time.Duration(missing/float64(g.bucket.Limit())*float64(time.Second)) + time.Microsecond
	if g.turn == nil {
		g.turn = time.AfterFunc(in, g.woken)
		return
	}
	g.turn.Reset(in)
}

func (g *Guarded) woken() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dispatch(time.Now())
}

// turnAway takes a call out of the queue and says why.
func (g *Guarded) turnAway(w *waiter, fault *adapters.Fault) {
	g.queue.remove(w)
	w.fault = fault
	close(w.left)
}

// flush turns away all who wait.
func (g *Guarded) flush(fault *adapters.Fault) {
	for w := g.queue.first(); w != nil; w = g.queue.first() {
		g.turnAway(w, fault)
	}
}
