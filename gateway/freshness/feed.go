package freshness

import (
	"context"
	"sync"

	"tongma/gateway/events"
)

// Feed takes notices in and has them marked on every node.
type Feed interface {
	// Tell returns when the notice is marked here and nothing can keep it from the other nodes. An error means that it must be
	// told again, which never harms.
	Tell(ctx context.Context, n *Notice) (Receipt, error)
	// Forget does the same with all that is remembered of a system, whatever numbers its platform has come to. It tells nothing of
	// how the platform is.
	Forget(ctx context.Context, system string) error
}

// Receipt says what became of a notice.
type Receipt struct {
	Repeated bool   // its number was not above the last one; it has been marked all the same, and if below, the whole system
	Missed   uint64 // how many numbers are missing before it; if any, the whole system has been marked
	First    bool   // no other number of the system is known: unless this is 1 the whole system has been marked, as if some were missing
	Last     uint64 // the highest number so far
}

// ErrFeed is the error of a notice that could not be given to all nodes.
var ErrFeed error = events.Err("freshness: the notice could not be given to every node")

// Local is the feed of a single node. It keeps the sequence numbers in memory, as the records.
type Local struct {
	marks *Marks

	mu   sync.Mutex
	last map[string]uint64
}

// NewLocal makes a feed without other nodes.
func NewLocal(m *Marks) *Local { return &Local{marks: m, last: map[string]uint64{}} }

// Tell implements [Feed].
func (l *Local) Tell(_ context.Context, n *Notice) (Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, known := l.last[n.System]
	r := receipt(n.Seq, last, known)
	l.last[n.System] = r.Last
	l.marks.Apply(l.marks.next(), whole(n, r))
	l.marks.Heard(n.System)
	return r, nil
}

// Forget implements [Feed].
func (l *Local) Forget(_ context.Context, system string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marks.Apply(l.marks.next(), forget(system))
	return nil
}

// forget is what marks a whole system without being a notice of its platform: that would have a number.
func forget(system string) *Notice {
	return &Notice{System: system, Changes: []Change{{All: true}}}
}

// receipt compares a notice's number with the last one.
func receipt(seq, last uint64, known bool) Receipt {
	switch {
	case !known:
		return Receipt{First: true, Last: seq}
	case seq <= last:
		return Receipt{Repeated: true, Last: last}
	}
	return Receipt{Missed: seq - last - 1, Last: seq}
}

// whole gives n, or a notice of the whole system if others before it were missed, or may have been: nobody knows what came before
// the first that is heard, nor between numbers that are below the last, as those of a platform that counts anew are.
func whole(n *Notice, r Receipt) *Notice {
	if n.Seq == r.Last && r.Missed == 0 && (!r.First || n.Seq == 1) {
		return n
	}
	return &Notice{System: n.System, Seq: n.Seq, Changes: []Change{{All: true}}}
}
