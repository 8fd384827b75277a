package upstream

import (
	"context"
	"sync"
	"time"
)

// Priority says who goes first where calls have to wait for a system.
type Priority int

// The priorities, from what can wait to what cannot.
const (
	Refresh    Priority = iota // nobody waits: what is in memory is renewed before its time
	Batch                      // a list of scans is being worked off
	Checkpoint                 // a person stands there
)

// Demand is until when anybody waits for a call and how urgent it is. It governs the waiting before a call, in the guards' queue:
// what has been sent goes on until the system's own timeout, so that its answer is remembered and the breaker learns the truth.
// A context without a demand waits up to the system's timeout as a [Checkpoint] does. A Demand is safe for concurrent use.
type Demand struct {
	mu       sync.Mutex
	until    time.Time
	priority Priority
	raised   func() // tells the queue in which the call waits just now; nil: none
}

// NewDemand makes the demand of the first who waits. The time is the process's own clock, not one that a test has set.
func NewDemand(until time.Time, p Priority) *Demand { return &Demand{until: until, priority: p} }

// Raise adds somebody who waits. It reaches a call that is in the queue already.
func (d *Demand) Raise(until time.Time, p Priority) {
	d.mu.Lock()
	if until.After(d.until) {
		d.until = until
	}
	d.priority = max(d.priority, p)
	raised := d.raised
	d.mu.Unlock()
	if raised != nil {
		raised()
	}
}

// Context gives a context that carries the demand to the guards.
func (d *Demand) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, demandKey{}, d)
}

type demandKey struct{}

// demandOf gives the demand that a context carries, nil if none.
func demandOf(ctx context.Context) *Demand {
	d, _ := ctx.Value(demandKey{}).(*Demand)
	return d
}

// now gives what is demanded at this moment.
func (d *Demand) now() (time.Time, Priority) {
	if d == nil {
		return time.Time{}, Checkpoint
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.until, min(max(d.priority, Refresh), Checkpoint)
}

// tell has the queue hear of what is raised from now on; nil: not any more.
func (d *Demand) tell(raised func()) {
	if d == nil {
		return
	}
	d.mu.Lock()
	d.raised = raised
	d.mu.Unlock()
}
