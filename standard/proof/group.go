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
	h := newHasher()
	leaves := make([]byte, 0, len(entries)*len(Digest{}))
	for _, e := range entries {
		leaves = append(leaves, h.HashLeaf(e)...)
	}
	return leaves, nil
}

// leaves gives the leaves of the group, from its entries or from what is kept of them.
func (g *Group) leaves() ([]Digest, error) {
	all := g.Leaves
	switch {
	case len(g.Entries) > 0 && len(g.Leaves) > 0:
		return nil, errors.New("it has both entries and leaves")
	case len(g.Entries) > 0:
		var err error
		if all, err = Prune(g.Entries); err != nil {
			return nil, err
		}
	}
	if len(all)%len(Digest{}) != 0 {
		return nil, errors.New("leaves must have 32 bytes each")
	}
	leaves := make([]Digest, 0, len(all)/len(Digest{}))
	for ; len(all) > 0; all = all[len(Digest{}):] {
		leaves = append(leaves, Digest(all))
	}
	return leaves, nil
}

// Prove makes the proof of entry number i of the group, from 0. It needs the entries.
func (g *Group) Prove(i int) (*Proof, error) {
	head, err := ParseHead(g.Head)
	if err != nil {
		return nil, err
	}
	entries, err := Split(g.Entries)
	if err != nil {
		return nil, err
	}
	leaves, err := g.leaves()
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
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
