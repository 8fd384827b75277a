package freshness

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"tongma/standard"
)

// Key is HMAC-SM3 over what an answer depends on.
type Key = [32]byte

// Entry is a remembered answer. A reader gets a record of its own.
type Entry struct {
	Record     *standard.Record    // nil: there is none, for the reason
	Reason     standard.ReasonCode // "": verified
	ObservedAt time.Time
	ValidUntil time.Time // zero: the system does not say
	// Since is the uptime of this process at ObservedAt. Ages are measured by it: a clock that is set makes nothing younger or older.
	Since    time.Duration
	Began    Position // what had been marked when the backend request began
	Concerns Concerns // whom and what it is about
}

// Standing is what may be done with a remembered answer.
type Standing int

// The standings, from none to best.
const (
	Absent Standing = iota
	Resort          // to be served, as stale, where a new answer cannot be had
	Stale           // to be served at once, as stale, and to be asked for anew meanwhile
	Due             // to be served, and to be asked for anew meanwhile, so that the next caller need not wait
	Fresh           // to be served
)

// dueShare is the last part of a fresh life, in which an answer that is served is asked for anew.
const dueShare = 3

// Cache holds a bounded number of answers, the most recently served ones. It is safe for concurrent use.
type Cache struct {
	entries *lru.Cache[shortKey, packed]
	uptime  func() time.Duration
}

// shortKey is the half of a key by which an entry is found: of a keyed digest 128 bits keep apart what nobody can choose, and a million
// entries hold each key twice (RFC 2104, 5).
type shortKey [16]byte

func short(key Key) shortKey { return shortKey(key[:16]) }

// packed is an entry as it is kept: encoded, but for what says whether it may be served. Times are in milliseconds.
type packed struct {
	text       string // as [Entry.text] gives it
	since      int64  // uptime
	began      Position
	concerns   Concerns
	fresh      uint32 // ages up to which it has a standing
	revalidate uint32
	resort     uint32
}

// New makes a cache for at most this many answers. Uptime is how long this process runs.
func New(entries int, uptime func() time.Duration) (*Cache, error) {
	c, err := lru.New[shortKey, packed](entries)
	if err != nil {
		return nil, err
	}
	return &Cache{c, uptime}, nil
}

// Get gives the answer of key and what may be done with it. One that can never be served again is dropped.
func (c *Cache) Get(key Key, marks *SystemMarks) (Entry, Standing) {
	p, ok := c.entries.Get(short(key))
	if !ok {
		return Entry{}, Absent
	}
	standing := p.standing(c.uptime())
	if standing == Absent || marks.Overtaken(p.began, p.concerns) {
		c.entries.Remove(short(key))
		return Entry{}, Absent
	}
	e, err := p.unpack()
	if err != nil {
		c.entries.Remove(short(key))
		return Entry{}, Absent
	}
	if e.Record != nil && e.Record.Status == standard.Green && !marks.Sure() {
		return Entry{}, Absent
	}
	return e, standing
}

// standing is what an entry's age allows.
func (p *packed) standing(uptime time.Duration) Standing {
	age := uptime.Milliseconds() - p.since
	switch {
	case age < 0 || age >= int64(p.resort):
		return Absent
	case age >= int64(p.revalidate):
		return Resort
	case age >= int64(p.fresh):
		return Stale
	case age >= int64(p.fresh-p.fresh/dueShare):
		return Due
	}
	return Fresh
}

// Put remembers e for as long as life and its validity allow, unless a mark has overtaken it or what is remembered is younger, as it may be
// if e comes from another node. A record without one of the three statuses is not remembered, and what was remembered before it
// neither: the system no longer says so.
func (c *Cache) Put(key Key, e *Entry, life *Life, marks *SystemMarks) {
	if held, ok := c.entries.Peek(short(key)); ok && held.since > e.Since.Milliseconds() && !marks.Overtaken(held.began, held.concerns) {
		return
	}
	s := life.spanOf(e)
	if s.resort <= 0 {
		c.entries.Remove(short(key))
		return
	}
	if marks.Overtaken(e.Began, e.Concerns) {
		return
	}
	c.entries.Add(short(key), packed{
		text: e.text(), since: e.Since.Milliseconds(), began: e.Began, concerns: e.Concerns,
		fresh: uint32(s.fresh.Milliseconds()), revalidate: uint32(s.revalidate.Milliseconds()), resort: uint32(s.resort.Milliseconds()),
	})
}

func (p *packed) unpack() (Entry, error) {
	e := Entry{Since: time.Duration(p.since) * time.Millisecond, Began: p.began, Concerns: p.concerns}
	err := e.read(p.text)
	return e, err
}

// Len is how many answers are held, overdue ones included.
func (c *Cache) Len() int { return c.entries.Len() }
