package registry

import (
	"math"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// Rates limits how many calls a second each caller makes. A second's worth may come at once. It is safe for concurrent use.
type Rates struct {
	now      func() time.Time
	limiters sync.Map // caller's id to *rate.Limiter
}

// NewRates makes limiters that nobody has used yet.
func NewRates(now func() time.Time) *Rates { return &Rates{now: now} }

// Allow says whether the caller may make one more call now. Callers whose Rate is 0 always may.
func (r *Rates) Allow(p *Party) bool {
	if p.Rate == 0 {
		return true
	}
	l, ok := r.limiters.Load(p.ID)
	if !ok {
		l, _ = r.limiters.LoadOrStore(p.ID, rate.NewLimiter(rate.Limit(p.Rate), max(1, int(math.Ceil(p.Rate)))))
	}
	return l.(*rate.Limiter).AllowN(r.now(), 1)
}

// What one source address may fail at a second, and at once. At 1,000 wrong signatures a second a source takes less than a tenth of
// one core from us.
const (
	sourceRate  = 1000
	sourceBurst = 2000
	maxSources  = 1 << 16
)

// Sources limits how often one source address may be refused before it is not listened to any more. Only requests that fail
// to prove who sent them count, so any number of good callers may share an address, as behind a provincial proxy. IPv6 sources
// count by /64. The sources that failed least recently are forgotten beyond 65,536. It is safe for concurrent use.
type Sources struct {
	now      func() time.Time
	limiters *lru.Cache[netip.Addr, *rate.Limiter]
}

// NewSources makes limiters that nobody has used yet.
func NewSources(now func() time.Time) *Sources {
	limiters, err := lru.New[netip.Addr, *rate.Limiter](maxSources)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &Sources{now: now, limiters: limiters}
}

// Heard says whether requests from this address are looked at now.
func (s *Sources) Heard(from netip.Addr) bool {
	if s.limiters.Len() == 0 {
		return true
	}
	l, ok := s.limiters.Peek(network(from))
	return !ok || l.TokensAt(s.now()) >= 1
}

// Failed notes that a request from this address could not prove who sent it.
func (s *Sources) Failed(from netip.Addr) {
	from = network(from)
	l, ok := s.limiters.Get(from)
	if !ok {
		l = rate.NewLimiter(sourceRate, sourceBurst)
		if first, there, _ := s.limiters.PeekOrAdd(from, l); there {
			l = first
		}
	}
	l.AllowN(s.now(), 1)
}

// network gives what counts as one source: the address, of IPv6 its /64.
func network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}
