// Package freshness remembers records for as long as they may be served.
//
// The key is a keyed digest, so that nothing personal can be read from it; the value is the full record, encoded. What a
// caller may see of it and what is decided are worked out afterwards, for each call.
package freshness

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"tongma/adapters"
	"tongma/standard"
)

// How long a record may be served where its system does not say, counted from when the backend request began. A green is the
// dangerous one to serve late.
const (
	defaultGreen  = 30 * time.Second
	defaultYellow = 5 * time.Minute
	defaultRed    = 5 * time.Minute
)

// Key is HMAC-SM3 over what an answer depends on.
type Key = [32]byte

// Entry is a remembered record. A reader gets a record of its own.
type Entry struct {
	Record     *standard.Record
	ObservedAt time.Time
	ValidUntil time.Time // zero: the system does not say
}

// Cache holds a bounded number of records, the most recently served ones. It is safe for concurrent use.
type Cache struct {
	entries *lru.Cache[Key, packed]
}

// packed is an entry as it is kept: no pointer but the one to the encoded record, times as milliseconds since 1970.
type packed struct {
	record     string
	observedAt int64
	validUntil int64 // 0: not said
	fresh      int64 // served before this time only
}

// New makes a cache for at most this many records.
func New(entries int) (*Cache, error) {
	c, err := lru.New[Key, packed](entries)
	if err != nil {
		return nil, err
	}
	return &Cache{c}, nil
}

// Get gives the record of key if it may still be served. An overdue one is dropped.
func (c *Cache) Get(key Key, now time.Time) (Entry, bool) {
	p, ok := c.entries.Get(key)
	if !ok {
		return Entry{}, false
	}
	if now.UnixMilli() >= p.fresh {
		c.entries.Remove(key)
		return Entry{}, false
	}
	record, err := decode(p.record)
	if err != nil {
		c.entries.Remove(key)
		return Entry{}, false
	}
	return Entry{record, time.UnixMilli(p.observedAt), timeOf(p.validUntil)}, true
}

// Put remembers e as long as life and its validity allow. A record without one of the three statuses is not remembered: nothing
// says how long it may be served.
func (c *Cache) Put(key Key, e Entry, life adapters.Freshness) {
	fresh := Until(e, life)
	if fresh.IsZero() {
		return
	}
	c.entries.Add(key, packed{encode(e.Record), e.ObservedAt.UnixMilli(), millisOf(e.ValidUntil), fresh.UnixMilli()})
}

// Len is how many records are held, overdue ones included.
func (c *Cache) Len() int { return c.entries.Len() }

// Until gives the time at which e must no longer be served; zero if it must not be served from memory at all.
func Until(e Entry, life adapters.Freshness) time.Time {
	var lives time.Duration
	switch e.Record.Status {
	case standard.Green:
		lives = orDefault(life.Green, defaultGreen)
	case standard.Yellow:
		lives = orDefault(life.Yellow, defaultYellow)
	case standard.Red:
		lives = orDefault(life.Red, defaultRed)
	default:
		return time.Time{}
	}
	until := e.ObservedAt.Add(lives)
	if !e.ValidUntil.IsZero() && e.ValidUntil.Before(until) {
		return e.ValidUntil
	}
	return until
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

func millisOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
