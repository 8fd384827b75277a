package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"tongma/standard"
	"tongma/standard/wire"
)

// referenceLife is for how long a caller that repeats a request with its reference gets the same answer.
const referenceLife = time.Minute

// reference is a request with a reference, under way or answered.
type reference struct {
	body  [32]byte
	until time.Duration // uptime: a clock that is set back must not give an answer a longer life
	done  chan struct{}

	answer *standard.Verification // to be read after done
	found  finding                // what it was made of
	err    error
}

// references remembers them, oldest first.
type references struct {
	mu      sync.Mutex
	entries *simplelru.LRU[[32]byte, *reference]
}

func newReferences(most int) (*references, error) {
	entries, err := simplelru.NewLRU[[32]byte, *reference](most, nil)
	return &references{entries: entries}, err
}

// claim gives the request that holds key, and whether it is the caller's to answer.
func (r *references) claim(key, body [32]byte, uptime time.Duration) (*reference, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(uptime)
	if held, ok := r.entries.Peek(key); ok {
		return held, false
	}
	claimed := &reference{body: body, until: uptime + referenceLife, done: make(chan struct{})}
	r.entries.Add(key, claimed)
	return claimed, true
}

// forget drops what is overdue. Nothing is ever moved to the front, so the oldest are at the end.
func (r *references) forget(uptime time.Duration) {
	for {
		_, oldest, ok := r.entries.GetOldest()
		if !ok || uptime < oldest.until {
			return
		}
		r.entries.RemoveOldest()
	}
}

// release makes room for another attempt after one that was refused.
func (r *references) release(key [32]byte, held *reference) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now, ok := r.entries.Peek(key); ok && now == held {
		r.entries.Remove(key)
	}
}

// verifyOnce answers a request with a reference: the first time by verifying, within the next minute by the same answer. It
// goes on when the caller's connection breaks, because that caller will ask again.
func (g *Gateway) verifyOnce(ctx context.Context, call *Call, deadline time.Time) (*standard.Verification, error) {
	key := g.digests.of(wire.LinePseudonym, func(m *mac) {
		m.line("reference")
		m.line(call.Caller.ID)
		m.line(call.Request.Reference)
	})
	for {
		held, mine := g.references.claim(key, call.BodySum, g.uptime())
		if !mine {
			answer, again, err := g.repeat(ctx, call, held, deadline)
			if !again {
				return answer, err
			}
			g.references.release(key, held)
			continue
		}
		defer close(held.done)
		held.answer, held.err = nil, ErrClosed // should verify panic
		held.answer, held.found, held.err = g.verify(context.WithoutCancel(ctx), call, deadline)
		if held.err != nil {
			g.references.release(key, held)
		}
		return held.answer, held.err
	}
}

// repeat gives the answer that held has or will have, or says that it is to be found again, because that may not be served from memory
// any more.
func (g *Gateway) repeat(ctx context.Context, call *Call, held *reference, deadline time.Time) (answer *standard.Verification, again bool, err error) {
	if held.body != call.BodySum {
		return nil, false, &standard.Error{
			Kind: standard.KindReference, Field: "reference",
			What: "was used within the last minute for another request: give each request its own",
		}
	}
	select {
	case <-held.done:
		return held.answer, g.outlived(&held.found), held.err
	default:
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-held.done: // it was under way, and so as new as any
		return held.answer, held.found.overtaken(), held.err
	case <-timer.C:
	case <-ctx.Done():
	}
	answer, err = g.answer(ctx, call, because(nil, standard.ReasonPatience))
	return answer, false, err
}

// outlived says whether what was found may not be served from memory any more: a change notice has overtaken it; what the scan or its
// system allow has ended; or it is a green that is too old, or that a notice may have overtaken which was missed.
func (g *Gateway) outlived(f *finding) bool {
	switch {
	case f.overtaken():
		return true
	case f.outcome != standard.Verified:
		return false
	}
	if f.record.Status == standard.Green && (!f.system.marks.Sure() || g.uptime()-f.since >= f.system.life.GreenFor()) {
		return true
	}
	return !f.validUntil.IsZero() && f.ended(g.now(), g.uptime())
}
