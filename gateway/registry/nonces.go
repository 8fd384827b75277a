package registry

import (
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"tongma/standard/wire"
)

// Nonces are kept in generations: a generation is dropped as a whole, so forgetting costs nothing a request. The oldest of
// them is as old as a nonce must become, so each is kept for that long at least.
const (
	generations    = 4
	generationSpan = wire.NonceLife / (generations - 1)
)

// maxNonces bounds what is kept of one caller: at 8 bytes and some each, about 300 MB for a caller that sends 35,000 requests a
// second all the time.
const maxNonces = 16 << 20

// Errors of Take.
var (
	ErrReplayed = errors.New("nonce was used before")
	ErrFull     = errors.New("too many nonces of this caller are remembered")
	ErrUnsure   = errors.New("nobody can say at present whether the nonce was used before")                // of nodes that share them
	ErrAhead    = errors.New("the request's time is further in the future than nonces are remembered for") // likewise
)

// Nonces remembers which nonces each caller used during the last six minutes and forgets none before. It keeps a keyed 64-bit hash of
// each: two nonces that hash alike (one chance in 10^12 at a million kept) look like a replay, never the other way round. What is
// forgotten leaves the highest time at which a request had it: at or below that nothing is accepted any more, so that a clock that is set
// back opens no way for requests that were accepted already. It is safe for concurrent use.
type Nonces struct {
	uptime func() time.Duration // since it was opened: no clock that can be set
	marks  *marks
	limit  int
	seed   maphash.Seed

	mu      sync.RWMutex
	callers map[string]*callerNonces
}

// callerNonces is what is remembered of one caller.
type callerNonces struct {
	mu      sync.Mutex
	count   int
	age     int64                   // index of the youngest generation's time span
	seen    [generations]generation // seen[i] is that of the span with index ≡ i (mod generations)
	dropped time.Time               // the highest time in the generations that were dropped
	mark    time.Time               // times up to it are covered on disk
}

// generation is the nonces that were used within one span.
type generation struct {
	nonces  map[uint64]struct{}
	highest time.Time // of their requests
}

// OpenNonces makes an empty store that is safe over a restart: the file at path keeps how far each caller's time had come. The file
// need not exist yet, its folder must. One that cannot be read is an error, because forgetting it would allow replays. It is
// for one process at a time: a second one would not see what the first goes on to accept.
func OpenNonces(path string) (*Nonces, error) {
	marks, err := openMarks(path)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	uptime := func() time.Duration { return time.Since(start) }
	return &Nonces{uptime: uptime, marks: marks, limit: maxNonces, seed: maphash.MakeSeed(), callers: map[string]*callerNonces{}}, nil
}

// Floor gives the time at or below which nothing is accepted from a caller since this process started, the zero time if
// there is no bound.
func (n *Nonces) Floor(caller string) time.Time { return n.marks.floorOf(caller) }

// Take notes that a caller used a nonce with the time at, and returns when it is safe to go on. The error is [ErrReplayed],
// [ErrFull], or one of the disk; on any error the request must be refused.
func (n *Nonces) Take(caller, nonce string, at time.Time) error {
	c := n.of(caller)
	hash := maphash.String(n.seed, nonce)
	covered, err := c.take(hash, at, int64(n.uptime()/generationSpan), n.limit)
	if err != nil || covered {
		return err
	}
	mark, err := n.marks.raise(caller, at)
	if err != nil {
		return err
	}
	c.raise(mark)
	return nil
}

func (n *Nonces) of(caller string) *callerNonces {
	n.mu.RLock()
	c := n.callers[caller]
	n.mu.RUnlock()
	if c != nil {
		return c
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.callers[caller]; c != nil {
		return c
	}
	c = &callerNonces{}
	n.callers[caller] = c
	return c
}

// take notes a nonce and says whether the time at is covered by a mark on disk already.
func (c *callerNonces) take(hash uint64, at time.Time, age int64, limit int) (covered bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.grow(age)
	if !at.After(c.dropped) {
		return false, ErrReplayed // or it may be
	}
	for i := range c.seen {
		if _, used := c.seen[i].nonces[hash]; used {
			return false, ErrReplayed
		}
	}
	if c.count >= limit {
		return false, ErrFull
	}
	seen := &c.seen[c.age%generations]
	if seen.nonces == nil {
		seen.nonces = map[uint64]struct{}{}
	}
	seen.nonces[hash] = struct{}{}
	if at.After(seen.highest) {
		seen.highest = at
	}
	c.count++
	return !at.After(c.mark), nil
}

// grow drops the generations that are too old now.
func (c *callerNonces) grow(age int64) {
	if age <= c.age {
		return
	}
	for i := max(c.age+1, age-generations+1); i <= age; i++ {
		old := &c.seen[i%generations]
		if old.highest.After(c.dropped) {
			c.dropped = old.highest
		}
		c.count -= len(old.nonces)
		*old = generation{}
	}
	c.age = age
}

func (c *callerNonces) raise(mark time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if mark.After(c.mark) {
		c.mark = mark
	}
}
