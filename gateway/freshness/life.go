package freshness

import (
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// Life says for how long an answer may be served, counted from when its backend request began. What is 0 has a default;
// what is below 0 is none.
type Life struct {
	adapters.Freshness // a verified status: what is served as it is

	Negative time.Duration // an answer without a record, which the system gave
	// Revalidate is for how much longer a yellow or red is served at once, as stale, while it is asked for anew. A green never
	// is: as stale it lets nobody pass as a rule, so that waiting serves its holder better.
	Revalidate time.Duration
	// IfError is for how much longer any status is served, as stale, where a new answer cannot be had.
	IfError time.Duration
}

// The defaults. A green is the dangerous one to serve late.
const (
	defaultGreen      = 30 * time.Second
	defaultYellow     = 5 * time.Minute
	defaultRed        = 5 * time.Minute
	defaultNegative   = 5 * time.Second
	defaultRevalidate = 30 * time.Second
	defaultIfError    = 10 * time.Minute
)

// maxLife bounds every life, so that ages fit into 32 bits of milliseconds.
const maxLife = 30 * 24 * time.Hour

// span is what an answer's life comes to: three ages, none below the one before it.
type span struct{ fresh, revalidate, resort time.Duration }

// spanOf gives the span of e; a zero one if it must not be served from memory at all. Nothing outlives what the system or the scan
// itself allows: what is left of that is measured here once, so that a clock that is set back later lengthens nothing.
func (l *Life) spanOf(e *Entry) span {
	var s span
	switch {
	case e.Record == nil:
		fresh := orDefault(l.Negative, defaultNegative)
		s = span{fresh, fresh, fresh}
	case e.Record.Status == standard.Green:
		s.fresh = l.GreenFor()
		s.revalidate = s.fresh
	case e.Record.Status == standard.Yellow:
		s.fresh = orDefault(l.Yellow, defaultYellow)
		s.revalidate = s.fresh + orDefault(l.Revalidate, defaultRevalidate)
	case e.Record.Status == standard.Red:
		s.fresh = orDefault(l.Red, defaultRed)
		s.revalidate = s.fresh + orDefault(l.Revalidate, defaultRevalidate)
	default: // nothing says how long it may be served
		return span{}
	}
	if e.Record != nil {
		s.resort = max(s.revalidate, s.fresh+orDefault(l.IfError, defaultIfError))
	}
	most := maxLife
	if !e.ValidUntil.IsZero() {
		most = min(most, max(e.ValidUntil.Sub(e.ObservedAt), 0))
	}
	return span{min(s.fresh, most), min(s.revalidate, most), min(s.resort, most)}
}

// GreenFor is for how long a green may be served.
func (l *Life) GreenFor() time.Duration { return orDefault(l.Green, defaultGreen) }

// Longest is the longest time for which any answer of this life is remembered.
func (l *Life) Longest() time.Duration {
	fresh := max(l.GreenFor(), orDefault(l.Yellow, defaultYellow), orDefault(l.Red, defaultRed))
	return min(maxLife, max(orDefault(l.Negative, defaultNegative), fresh+max(orDefault(l.Revalidate, defaultRevalidate), orDefault(l.IfError, defaultIfError))))
}

// orDefault gives d, otherwise if it is 0, and 0 if it is below.
func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return max(d, 0)
}
