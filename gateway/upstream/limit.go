package upstream

import (
	"math"
	"time"

	"tongma/standard"
)

// limit is how many calls may be under way at once, as the system bears them: between a sixteenth of what is configured and all
// of it. When calls take clearly longer than usual, they may be waiting for each other in the backend. So fewer are let through,
// as an experiment: if the backend then answers about as many, that was so, and it stays at fewer. If it answers fewer, it is slow
// by itself: then that is usual from now on, and the limit is what it was. So a slow system is not squeezed to nothing.
//
// A limit has no lock of its own.
type limit struct {
	least, most float64
	now         float64
	ramps       bool          // each window doubles it: nobody knows yet what the system bears
	typical     time.Duration // what a call took lately, moving with each call
	usual       time.Duration // what calls take that do not wait for each other; 0: not known yet
	window      window
	before      figures // the experiment: what was, before the limit was made smaller; zero: there is none
}

// window is the calls that were sent since some moment and have ended.
type window struct {
	from  time.Time
	sum   time.Duration
	calls int
	peak  int // under way at once
}

// figures are how a window went.
type figures struct {
	limit float64
	took  time.Duration // by a call
	rate  float64       // calls a second
}

// How the limit moves.
const (
	limitLeast   = 16                     // the least is this part of the most
	limitFirst   = 4                      // what a new node begins with is this part,
	limitFew     = 8                      // but not fewer, so that a hanging system is soon known to hang
	windowTime   = 100 * time.Millisecond // a window is at least so long
	windowRounds = 3                      // and has so many calls for each that was under way at once
	limitLonger  = 1.5                    // calls that take so many times the usual may be waiting for each other
	limitFewer   = 0.7                    // what an experiment or a busy answer leaves of the limit
	limitAsMany  = 0.85                   // fewer than this part of before is fewer answers
	typicalShare = 16                     // weight of the past against one call
	usualDown    = 5                      // of the past against a window that was faster than usual
	usualUp      = 20                     // and against one that was slower, though the limit held nobody back
)

func newLimit(most int) limit {
	m := float64(max(most, 1))
	first := min(max(math.Ceil(m/limitFirst), limitFew), m)
	return limit{least: math.Ceil(m / limitLeast), most: m, now: first, ramps: true}
}

// slots is the limit in whole calls.
func (l *limit) slots() int { return int(l.now) }

// restart begins with so many calls at once, and forgets what was usual before.
func (l *limit) restart(now time.Time, with float64) {
	*l = limit{least: l.least, most: l.most, now: with, ramps: true, window: window{from: now}}
}

// ease lets fewer calls through, because the backend says that there are too many; not twice for calls that were sent together.
func (l *limit) ease(now time.Time) {
	if now.Before(l.window.from) {
		return
	}
	l.fewer(now, l.typical)
	l.before = figures{}
}

// fewer makes the limit smaller. What has been sent before does not show what comes of that.
func (l *limit) fewer(now time.Time, took time.Duration) {
	l.now = max(l.now*limitFewer, min(l.now, l.least))
	l.ramps, l.window = false, window{from: now.Add(took)}
}

// learn takes what one call took, with those that were under way at its end. Calls that failed at once say nothing about
// what the backend bears.
func (l *limit) learn(now time.Time, took time.Duration, outcome error, underWay int) {
	if outcome != nil && reasonOf(outcome) != standard.ReasonTimeout {
		return
	}
	if l.typical == 0 {
		l.typical = took
	}
	l.typical += (took - l.typical) / typicalShare
	w := &l.window
	if w.from.IsZero() {
		w.from = now.Add(-took)
	}
	if now.Add(-took).Before(w.from) {
		return
	}
	w.sum += took
	w.calls++
	w.peak = max(w.peak, underWay)
	if open := now.Sub(w.from); w.calls >= windowRounds*w.peak && open >= windowTime {
		mean := w.sum / time.Duration(w.calls)
		l.move(now, figures{l.now, mean, float64(w.calls) / max(open-mean, time.Millisecond).Seconds()}, 2*float64(w.peak) >= l.now)
	}
}

// move sets the limit at the end of a window that went like this, and in which the limit held calls back or did not.
func (l *limit) move(now time.Time, f figures, used bool) {
	before := l.before
	l.before, l.window = figures{}, window{from: now}
	if l.usual == 0 {
		l.usual = f.took
	}
	switch {
	case before.limit > 0 && f.rate < limitAsMany*before.rate:
		l.now, l.usual = before.limit, before.took
		return
	case used && l.now > l.least && float64(f.took) > limitLonger*float64(l.usual):
		l.before = f
		l.fewer(now, f.took)
	case used && l.ramps:
		l.now = min(2*l.now, l.most)
	case used:
		l.now = min(l.now+math.Sqrt(l.now), l.most)
	}
	switch {
	case f.took < l.usual:
		l.usual += (f.took - l.usual) / usualDown
	case !used:
		l.usual += (f.took - l.usual) / usualUp
	}
}
