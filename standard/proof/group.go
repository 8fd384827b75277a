package proof

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Group is a group as it is kept and exported. It has its entries, or, where those were given up when their time was over, their leaves.
type Group struct {
	Head    []byte `json:"head"`
	Sign    []byte `json:"sign"`              // DER, over [SignText] of head
	Entries []byte `json:"entries,omitempty"` // one after the other, each behind its length: see [AppendFramed]
	Leaves  []byte `json:"leaves,omitempty"`  // or the leaf of each, 32 bytes
}

// AppendFramed appends an entry, as it was encoded, to the entries of a group.
func AppendFramed(entries, entry []byte) []byte {
	return append(binary.AppendUvarint(entries, uint64(len(entry))), entry...)
}

// Split gives the entries of a group, each as it was encoded. They share the memory of framed.
func Split(framed []byte) ([][]byte, error) {
	var entries [][]byte
	for c := (cursor{rest: framed}); len(c.rest) > 0; {
		n := c.varint()
		if n > MaxEntry {
			return nil, fmt.Errorf("entry %d has more than %d bytes", len(entries), MaxEntry)
		}
		entry := c.take(int(n))
		if c.err != nil {
			return nil, fmt.Errorf("entry %d: %w", len(entries), c.err)
		}
		if entries = append(entries, entry); len(entries) > MaxEntries {
			return nil, fmt.Errorf("there are more than %d entries", MaxEntries)
		}
	}
	return entries, nil
}

// Prune gives what is kept of a group's entries when they are given up: their leaves.
func Prune(framed []byte) ([]byte, error) {
	entries, err := Split(framed)
	if err != nil {
		return nil, err
	}
	leaves := make([]byte, 0, len(entries)*len(Digest{}))
	for _, leaf := range Leaves(entries) {
		leaves = append(leaves, leaf[:]...)
	}
	return leaves, nil
}

// Leaves are the hashes of entries in the tree of their group.
func Leaves(entries [][]byte) []Digest {
	h := newHasher()
	leaves := make([]Digest, len(entries))
	for i, e := range entries {
		h.leaf(e, &leaves[i])
	}
	return leaves
}

// open gives the entries of the group, if it has them, and the leaf of each.
func (g *Group) open() ([][]byte, []Digest, error) {
	if len(g.Entries) > 0 {
		if len(g.Leaves) > 0 {
			return nil, nil, errors.New("it has both entries and leaves")
		}
		entries, err := Split(g.Entries)
		return entries, Leaves(entries), err
	}
	rest := g.Leaves
	if len(rest)%len(Digest{}) != 0 {
		return nil, nil, errors.New("leaves must have 32 bytes each")
	}
	leaves := make([]Digest, 0, len(rest)/len(Digest{}))
	for ; len(rest) > 0; rest = rest[len(Digest{}):] {
		leaves = append(leaves, Digest(rest))
	}
	return nil, leaves, nil
}

// Prove makes the proof of entry number i of the group, from 0. If the group has no longer its entries, the error is [ErrPruned].
func (g *Group) Prove(i int) (*Proof, error) {
	head, err := ParseHead(g.Head)
	if err != nil {
		return nil, err
	}
	entries, leaves, err := g.open()
	switch {
	case err != nil:
		return nil, err
	case entries == nil:
		return nil, ErrPruned
	}
	path, err := Path(leaves, i)
	if err != nil {
		return nil, err
	}
	return &Proof{Entry: entries[i], Number: uint32(i), Path: path, Head: g.Head, Sign: g.Sign, Key: head.Key}, nil
}

// ErrPruned says that the entries of a group are no longer kept, though their leaves still are.
var ErrPruned = errors.New("the entries of this group are no longer kept")
