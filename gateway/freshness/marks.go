package freshness

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tongma/standard"
)

// Position is a moment in the order in which change notices reached the gateway: a clock that only notices move, so that no clock
// of a machine decides whether an answer is older than a notice.
type Position uint64

// Notice (变更通知) is what a platform told at once of its own system. Its sequence number rises by one with each notice, so that a
// missed one is noticed at the next. One without changes is a heartbeat.
type Notice struct {
	System  string // as the platform names it, which has its own numbers: perhaps a further one of those that a dialect answers for
	Seq     uint64 // from 1
	Changes []Change
}

// Change names what has changed, by exactly one of its members.
type Change struct {
	Subject  string // the holder, as the system's records name it
	Scan     string // the code that was scanned; other codes of the same holder are not meant
	Document string // the number of the holder's document, as [standard.Document.CheckNumber] gives it
	All      bool   // whatever was known of the system
}

// Concerns are what an answer is about, as digests under a key of this process; 0 is what the answer does not tell.
type Concerns struct{ subject, document, scan uint64 }

// Marks remember what has changed since when. An answer whose backend request began before a mark that concerns it is never
// stored, joined or served. Marks are safe for concurrent use.
type Marks struct {
	seed   maphash.Seed
	uptime func() time.Duration

	lasts    atomic.Int64 // for how long a mark is remembered
	position atomic.Uint64
	caught   atomic.Int64 // uptime until which nothing can have been missed; negative: nothing can be missed at all

	mu      sync.Mutex // of those who apply, and of the maps
	systems map[string]*SystemMarks
	further map[string]string // by further ids the system that is asked
}

// NewMarks makes an empty memory of marks, which forgets each after life: the longest time for which an answer may be under way and
// then be served. Nothing is served from memory between a [Marks.Doubt] and the next [Marks.Caught].
func NewMarks(life time.Duration, uptime func() time.Duration) *Marks {
	m := &Marks{seed: maphash.MakeSeed(), uptime: uptime, systems: map[string]*SystemMarks{}, further: map[string]string{}}
	m.caught.Store(-1)
	m.Keep(life)
	return m
}

// Keep has marks remembered for at least so long from now on.
func (m *Marks) Keep(life time.Duration) {
	for {
		lasts := m.lasts.Load()
		if lasts >= int64(life) || m.lasts.CompareAndSwap(lasts, int64(life)) {
			return
		}
	}
}

func (m *Marks) life() time.Duration { return time.Duration(m.lasts.Load()) }

// Position is that of the latest notice that is marked here. It is to be asked for before a backend request begins.
func (m *Marks) Position() Position { return Position(m.position.Load()) }

// Caught says that all notices up to now have been heard, which holds for so long: a node that shares notices with others hears
// of them, or that there are none, again and again.
func (m *Marks) Caught(holds time.Duration) { m.caught.Store(int64(m.uptime() + holds)) }

// Doubt says that notices may have been missed.
func (m *Marks) Doubt() { m.caught.Store(0) }

// Sure says whether no notice can have been missed.
func (m *Marks) Sure() bool {
	until := m.caught.Load()
	return until < 0 || int64(m.uptime()) < until
}

// Of gives the marks of one system. Notices of the further ones that its dialect answers for are marked there too, because nothing
// tells the answers apart before they are there.
func (m *Marks) Of(system string, further ...string) *SystemMarks {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range further {
		m.further[id] = system
	}
	return m.of(system)
}

func (m *Marks) of(system string) *SystemMarks {
	if asked, ok := m.further[system]; ok {
		system = asked
	}
	s, ok := m.systems[system]
	if !ok {
		s = &SystemMarks{marks: m}
		m.systems[system] = s
	}
	return s
}

// Apply marks what a notice names, at a position that is later than all before it. Whoever finds the new position finds the marks.
func (m *Marks) Apply(at Position, n *Notice) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of(n.System).apply(at, n.Changes)
	m.reach(at)
}

// Heard says that the platform of a system has told something just now, be it a heartbeat. What it told must be marked already.
func (m *Marks) Heard(system string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.further[system]; !ok { // a promise is that of the system's own platform
		m.of(system).heard.Store(int64(m.uptime()) + 1)
	}
}

// ApplyAll marks whatever was known of every system.
func (m *Marks) ApplyAll(at Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.systems {
		s.apply(at, []Change{{All: true}})
	}
	m.reach(at)
}

func (m *Marks) reach(at Position) {
	if uint64(at) > m.position.Load() {
		m.position.Store(uint64(at))
	}
}

// next is a position for a gateway whose notices no other node shares.
func (m *Marks) next() Position { return Position(m.position.Load() + 1) }

// Len is how many marks of single holders, documents and codes are remembered.
func (m *Marks) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, s := range m.systems {
		s.mu.RLock()
		n += len(s.young) + len(s.old)
		s.mu.RUnlock()
	}
	return n
}

// The kinds of what a mark names, which are digested with it.
const (
	aSubject = iota
	aDocument
	aScan
	kinds
)

// maxMarks bounds the single marks of one system. When there are more, the whole system is marked instead, which forgets nothing.
const maxMarks = 1 << 18

// SystemMarks are the marks of one system.
type SystemMarks struct {
	marks *Marks
	last  atomic.Uint64 // the latest of them all
	all   atomic.Uint64 // the latest that names the whole system
	of    [kinds]atomic.Uint64

	promise atomic.Int64 // longest silence of the platform; 0: it has promised nothing
	heard   atomic.Int64 // uptime at its last notice, and 1; 0: none yet

	// Single marks in two generations: a generation is begun when the younger one is as old as a mark must become, and the older
	// one is dropped then.
	mu         sync.RWMutex
	young, old map[uint64]Position
	begun      time.Duration // uptime at which the younger generation was begun
}

func (s *SystemMarks) apply(at Position, changes []Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.marks.uptime(); s.young == nil || now-s.begun >= s.marks.life() {
		s.young, s.old, s.begun = map[uint64]Position{}, s.young, now
	}
	for i := range changes {
		s.mark(at, &changes[i])
	}
	if len(s.young)+len(s.old) > maxMarks {
		s.young, s.old = map[uint64]Position{}, nil
		s.all.Store(uint64(at))
	}
	if len(changes) > 0 {
		s.last.Store(uint64(at))
	}
}

func (s *SystemMarks) mark(at Position, c *Change) {
	switch {
	case c.Subject != "":
		s.single(at, aSubject, c.Subject)
	case c.Document != "":
		s.single(at, aDocument, folded(c.Document))
	case c.Scan != "":
		s.single(at, aScan, c.Scan)
	default:
		s.all.Store(uint64(at))
	}
}

func (s *SystemMarks) single(at Position, kind int, text string) {
	s.young[s.marks.digest(kind, text)] = at
	s.of[kind].Store(uint64(at))
}

func (m *Marks) digest(kind int, text string) uint64 {
	var h maphash.Hash
	h.SetSeed(m.seed)
	h.WriteByte(byte(kind))
	h.WriteString(text)
	return max(h.Sum64(), 1) // 0 is taken
}

// Concerns gathers what an answer is about: what was asked with, and whom its record names. Without a record it tells less, and more
// marks concern it.
func (s *SystemMarks) Concerns(scan string, document *standard.Document, record *standard.Record) Concerns {
	var c Concerns
	if scan != "" {
		c.scan = s.marks.digest(aScan, scan)
	}
	if record != nil && record.Subject != "" {
		c.subject = s.marks.digest(aSubject, record.Subject)
	}
	if number, ok := numberOf(document, record); ok {
		c.document = s.marks.digest(aDocument, folded(number))
	}
	return c
}

// folded takes small letters of a number for large ones: not every type of document has a rule for them.
func folded(number string) string { return strings.ToUpper(number) }

// numberOf gives the number of the holder's document as notices name it: that in the question has been checked already, one in a record
// need not be whole, or written as on the document.
func numberOf(document *standard.Document, record *standard.Record) (string, bool) {
	switch {
	case document != nil:
		return document.Number, true
	case record == nil:
		return "", false
	}
	own, ok := record.Holder.Document()
	return own.Number, ok
}

// Overtaken says whether a mark concerns an answer whose backend request began at a position. A mark of a holder or a document
// concerns whatever does not tell whose it is.
func (s *SystemMarks) Overtaken(began Position, c Concerns) bool {
	if s.last.Load() <= uint64(began) {
		return false
	}
	if s.all.Load() > uint64(began) {
		return true
	}
	return s.overtook(began, aSubject, c.subject, true) ||
		s.overtook(began, aDocument, c.document, true) ||
		s.overtook(began, aScan, c.scan, false)
}

// overtook looks for a single mark of one kind. Where the answer does not tell, any mark of the kind counts if unknown says so.
func (s *SystemMarks) overtook(began Position, kind int, digest uint64, unknown bool) bool {
	if s.of[kind].Load() <= uint64(began) {
		return false
	}
	if digest == 0 {
		return unknown
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	// The whole system may have been marked since the caller looked, and the single marks be gone for it.
	return s.young[digest] > began || s.old[digest] > began || s.all.Load() > uint64(began)
}

// Promise says that the platform tells something at least so often. 0 takes it back.
func (s *SystemMarks) Promise(every time.Duration) { s.promise.Store(int64(every)) }

// Sure says whether no notice about this system can have been missed: neither on the way to this node, see [Marks.Sure], nor on the way
// from a platform that has promised to tell at least so often, and has been silent for longer or since the start.
func (s *SystemMarks) Sure() bool { return s.marks.Sure() && !s.Overdue() }

// Overdue says whether the platform has broken its promise, or has told nothing yet.
func (s *SystemMarks) Overdue() bool {
	promise := s.promise.Load()
	if promise <= 0 {
		return false
	}
	heard := s.heard.Load()
	return heard == 0 || int64(s.marks.uptime())-(heard-1) > promise
}
