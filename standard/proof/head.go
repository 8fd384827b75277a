package proof

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"tongma/standard/sm"
	"tongma/standard/wire"
)

// MaxEntries is the most entries that one group may have, so that whoever reads a group knows how much memory it takes.
const MaxEntries = 4096

// Head is what is signed of a group: its entries by their root, and all groups before it.
type Head struct {
	Log     string
	Group   uint64    // number of the group in its log, from 0
	First   uint64    // number of its first entry in the log, from 0
	Count   uint32    // of entries, 1 to [MaxEntries]
	At      time.Time // when it was made, to the millisecond
	Root    Digest    // of the tree of its entries
	Prev    Digest    // SM3 of the head before; zero for the first
	History Digest    // root of the tree of all heads before
	Key     string    // id of the key that signs
}

const (
	headVersion = 1
	maxGroup    = 1 << 48 // no log has so many
)

// AppendHead appends the encoding of h, which is the only one that it has.
func AppendHead(dst []byte, h *Head) ([]byte, error) {
	if err := h.check(); err != nil {
		return dst, fmt.Errorf("head of a group: %w", err)
	}
	out := append(dst, headVersion)
	out = binary.BigEndian.AppendUint64(out, h.Group)
	out = binary.BigEndian.AppendUint64(out, h.First)
	out = binary.BigEndian.AppendUint32(out, h.Count)
	out, err := appendMillis(out, "at", h.At)
	if err != nil {
		return dst, fmt.Errorf("head of a group: %w", err)
	}
	out = append(out, h.Root[:]...)
	out = append(out, h.Prev[:]...)
	out = append(out, h.History[:]...)
	out = append(append(out, byte(len(h.Log))), h.Log...)
	return append(append(out, byte(len(h.Key))), h.Key...), nil
}

// ParseHead reads a head. Whatever it accepts, [AppendHead] encodes to the same bytes.
func ParseHead(b []byte) (Head, error) {
	c := cursor{rest: b}
	version := c.uint(1)
	h := Head{
		Group:   c.uint(8),
		First:   c.uint(8),
		Count:   uint32(c.uint(4)),
		At:      c.millis(),
		Root:    c.digest(),
		Prev:    c.digest(),
		History: c.digest(),
	}
	h.Log = string(c.take(int(c.uint(1))))
	h.Key = string(c.take(int(c.uint(1))))
	err := c.end()
	switch {
	case err != nil:
	case version != headVersion:
		err = fmt.Errorf("it is of version %d, this program knows version %d", version, headVersion)
	default:
		err = h.check()
	}
	if err != nil {
		return Head{}, fmt.Errorf("head of a group: %w", err)
	}
	return h, nil
}

// check says whether h can be a head of any log at all.
func (h *Head) check() error {
	switch {
	case !wire.ValidID(h.Log):
		return errors.New("log must have 1 to 64 characters of A-Z a-z 0-9 . _ -")
	case !wire.ValidID(h.Key):
		return errors.New("key must have 1 to 64 characters of A-Z a-z 0-9 . _ -")
	case h.At.IsZero():
		return errors.New("at is missing")
	case h.Count < 1 || h.Count > MaxEntries:
		return fmt.Errorf("count must be 1 to %d", MaxEntries)
	case h.Group >= maxGroup:
		return errors.New("no log is that long")
	case h.First < h.Group || h.First > h.Group*MaxEntries:
		return errors.New("first cannot be the number of an entry of this group")
	case h.Group == 0 && h.Prev != Digest{}:
		return errors.New("the first group has none before it: prev must be zero")
	case h.Group == 0 && h.History != emptyRoot:
		return errors.New("the first group has none before it: history must be SM3 of nothing")
	}
	return nil
}

// SignText is what is signed of a head: the line that says what it is, LF, and the encoding.
func SignText(head []byte) []byte {
	text := make([]byte, 0, len(wire.LineEvidence)+1+len(head))
	return append(append(append(text, wire.LineEvidence...), '\n'), head...)
}

// Keys are the public keys whose signatures count, by the id that heads name them by.
type Keys map[string]*sm.PublicKey

// KeysOf are these, each by its own id, which is how gateways name them.
func KeysOf(keys ...*sm.PublicKey) Keys {
	byID := make(Keys, len(keys))
	for _, k := range keys {
		byID[k.ID()] = k
	}
	return byID
}

// Verify reads a head and checks its signature.
func (k Keys) Verify(head, sign []byte) (Head, error) {
	h, err := ParseHead(head)
	if err != nil {
		return Head{}, err
	}
	key, ok := k[h.Key]
	switch {
	case !ok:
		return Head{}, fmt.Errorf("it is signed by the key %s, which was not given: get it from the gateway's operator", h.Key)
	case !key.Verify(SignText(head), sign):
		return Head{}, fmt.Errorf("the signature is not that of the key %s", h.Key)
	}
	return h, nil
}
