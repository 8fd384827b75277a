package freshness

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tongma/gateway/events"
)

// The notices of all nodes are one Redis stream. Each has a number, one more than the one before it, and its position is its ID in the
// stream, milliseconds and a sequence. Who tells one chooses both, seals the notice for this place, and has it added on condition
// that nothing was added meanwhile. So Redis can put no notice into another's place, and a lost one is missed by its number.
//
// A state beside the stream says its epoch, and the number and ID of the last notice. A new epoch begins whenever the state and the
// stream do not go together with what a node has heard already: whoever follows marks everything then.

// state is what stands beside the stream. Redis could write it itself: nothing but a closer look follows from it.
type state struct {
	epoch  string
	number string // as it is written
	n      uint64 // of the last notice
	last   Position
	sound  bool // all of it is there and can be read
}

const (
	seqBits   = 20
	maxSeq    = 1<<seqBits - 1
	maxMillis = 1<<(64-seqBits) - 1
)

// positionOf reads the ID of a notice.
func positionOf(id string) (Position, bool) {
	a, b, _ := strings.Cut(id, "-")
	ms, err := strconv.ParseUint(a, 10, 64)
	seq, err2 := strconv.ParseUint(b, 10, 64)
	if err != nil || err2 != nil || ms > maxMillis || seq > maxSeq {
		return 0, false
	}
	return Position(ms<<seqBits | seq), true
}

// id is the ID of the notice at p.
func (p Position) id() string {
	return strconv.FormatUint(uint64(p>>seqBits), 10) + "-" + strconv.FormatUint(uint64(p&maxSeq), 10)
}

// positionAt is the first position of a millisecond.
func positionAt(t time.Time) Position {
	return Position(min(max(t.UnixMilli(), 0), maxMillis) << seqBits)
}

// time is when a notice was told, by the clock of the node that it was told.
func (p Position) time() time.Time { return time.UnixMilli(int64(p >> seqBits)) }

func stateOf(fields []any) state {
	var st state
	if len(fields) != 3 {
		return st
	}
	st.epoch, _ = fields[0].(string)
	st.number, _ = fields[1].(string)
	id, _ := fields[2].(string)
	n, err := strconv.ParseUint(st.number, 10, 64)
	last, ok := positionOf(id)
	st.n, st.last, st.sound = n, last, err == nil && ok && len(st.epoch) == epochSize
	return st
}

const (
	maxStream  = 100_000 // notices that are kept in Redis
	maxChanges = 1 << 20 // bytes of a notice; a longer one names the whole system
)

// commit adds a notice on condition that the state is still the expected one. In a new epoch the stream begins anew. Notices
// that are older than any answer which is remembered are dropped, and the last sequence number of the system is kept.
//
//	KEYS  state, stream, sequence numbers
//	ARGV  1 expected epoch  2 expected number  3 epoch  4 number  5 id  6 payload  7 most notices  8 oldest id  9 system or ""  10 its last number
var commit = redis.NewScript(`
local now = redis.call('HMGET', KEYS[1], 'epoch', 'n')
if (now[1] or '') ~= ARGV[1] or (now[2] or '') ~= ARGV[2] then return 0 end
if ARGV[3] ~= ARGV[1] then redis.call('DEL', KEYS[2]) end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[7], ARGV[5], 'e', ARGV[3], 'n', ARGV[4], 'p', ARGV[6])
redis.call('XTRIM', KEYS[2], 'MINID', '~', ARGV[8])
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'n', ARGV[4], 'id', ARGV[5])
if ARGV[9] ~= '' then redis.call('HSET', KEYS[3], ARGV[9], ARGV[10]) end
return 1
`)

// add commits a notice behind a state, in the same epoch or a new one, and gives its position; 0 if something was added meanwhile.
// A notice that names no system names no change either: it only moves the clock. One without a number leaves the last one as it is.
func (s *Shared) add(ctx context.Context, from state, epoch string, n *Notice, last uint64) (Position, error) {
	number, at := uint64(1), max(positionAt(s.now()), s.marks.Position()+1)
	if epoch == from.epoch {
		number, at = from.n+1, max(at, from.last+1)
	}
	payload, err := s.notices.sealed(packNotice(n), noticePlace(epoch, number, at))
	if err != nil {
		return 0, err
	}
	numbered := n.System
	if n.Seq == 0 {
		numbered = ""
	}
	keep := positionAt(time.UnixMilli(s.marks.life().Milliseconds()))
	done, err := commit.Run(ctx, s.feed, []string{s.state, s.stream, s.seqs}, from.epoch, from.number, epoch, number, at.id(),
		payload, maxStream, (max(at, keep) - keep).id(), numbered, last).Int()
	if err != nil || done == 0 {
		return 0, err
	}
	return at, nil
}

func noticePlace(epoch string, n uint64, at Position) string {
	return epoch + "\n" + strconv.FormatUint(n, 10) + "\n" + at.id()
}

// epochSize is the length of an epoch: 8 bytes that tell nodes with another secret apart and 8 random ones, in hex.
const epochSize = 32

func (s *Shared) newEpoch() string {
	var b [8]byte
	rand.Read(b[:])
	return s.check + hex.EncodeToString(b[:])
}

// errSecret is the state of a Redis that nodes with another secret use under the same prefix.
var errSecret error = events.Err("the notices in Redis are sealed under another secret: give all nodes the same one, or this gateway a prefix of its own")

// Tell implements [Feed]. Until Redis takes the notice, its whole system is marked here and the error is [ErrFeed].
func (s *Shared) Tell(ctx context.Context, n *Notice) (r Receipt, err error) {
	err = s.tell(ctx, n.System, func(ctx context.Context, from state) (Position, error) {
		last, err := s.feed.HGet(ctx, s.seqs, n.System).Uint64()
		if err != nil && !errors.Is(err, redis.Nil) {
			return 0, err
		}
		r = receipt(n.Seq, last, err == nil)
		return s.add(ctx, from, from.epoch, whole(n, r), r.Last)
	})
	if err != nil {
		return Receipt{}, err
	}
	return r, nil
}

// Forget implements [Feed], like [Shared.Tell].
func (s *Shared) Forget(ctx context.Context, system string) error {
	return s.tell(ctx, system, func(ctx context.Context, from state) (Position, error) {
		return s.add(ctx, from, from.epoch, forget(system), 0)
	})
}

// tell has add put a notice about a system into the stream, and waits until it is marked here. If that cannot be, the whole system is.
func (s *Shared) tell(ctx context.Context, system string, add func(context.Context, state) (Position, error)) error {
	within, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	err := s.addLast(within, add)
	if err == nil {
		return nil
	}
	s.order.Lock()
	s.era.Store(nil) // positions of this node's own making must not leave it
	s.marks.Apply(s.marks.next(), forget(system))
	s.order.Unlock()
	return fmt.Errorf("%w: %w", ErrFeed, err)
}

// addLast adds behind what the follower has heard, because that is certain, as soon as this is all there is.
func (s *Shared) addLast(ctx context.Context, add func(context.Context, state) (Position, error)) error {
	for {
		if err := s.await(ctx, 0); err != nil {
			return err
		}
		from, moved := s.heard()
		at, err := add(ctx, from)
		if err != nil {
			return err
		}
		if at != 0 {
			return s.await(ctx, at)
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// heard is the last notice that the follower has placed, and what is closed as soon as there is another.
func (s *Shared) heard() (state, <-chan struct{}) {
	s.order.Lock()
	defer s.order.Unlock()
	return s.placed, s.moved
}

// await waits until the follower has marked a notice, and whatever stands up to at.
func (s *Shared) await(ctx context.Context, at Position) error {
	for {
		placed, moved := s.heard()
		if placed.epoch != "" && placed.last >= at {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// The kinds of changes in a packed notice.
const (
	changeAll = iota
	changeSubject
	changeScan
	changeDocument
)

// packNotice writes a notice as it is sealed.
func packNotice(n *Notice) []byte {
	w := writer{}
	w.texts(n.System)
	w.uvarint(n.Seq)
	w.count(len(n.Changes))
	for i := range n.Changes {
		c := &n.Changes[i]
		switch {
		case c.Subject != "":
			w.count(changeSubject)
			w.texts(c.Subject)
		case c.Document != "":
			w.count(changeDocument)
			w.texts(c.Document)
		case c.Scan != "":
			w.count(changeScan)
			w.texts(c.Scan)
		default:
			w.count(changeAll)
		}
	}
	if len(w) > maxChanges {
		return packNotice(&Notice{System: n.System, Seq: n.Seq, Changes: []Change{{All: true}}})
	}
	return w
}

func unpackNotice(packed []byte) (*Notice, error) {
	in := reader{rest: string(packed)}
	n := &Notice{System: in.text(), Seq: in.uvarint()}
	if count := in.count(); count > 0 {
		n.Changes = make([]Change, count)
	}
	for i := range n.Changes {
		c := &n.Changes[i]
		switch in.uvarint() {
		case changeSubject:
			c.Subject = in.text()
		case changeScan:
			c.Scan = in.text()
		case changeDocument:
			c.Document = in.text()
		case changeAll:
			c.All = true
		default:
			in.fail()
		}
	}
	if in.broken || in.rest != "" {
		return nil, errCorrupt
	}
	return n, nil
}
