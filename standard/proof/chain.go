package proof

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tongma/standard/sm"
)

// Chain is where a log stands: what its next head must say of all that is before it. It is for one goroutine at a time.
type Chain struct {
	log     string
	group   uint64 // of the next head, as below
	first   uint64
	prev    Digest
	history *History // nil: not known, as behind a fault in an export
}

// NewChain is a log before its first group.
func NewChain(log string) *Chain { return &Chain{log: log, history: NewHistory()} }

// OpenChain is a log whose last head is this one, as it was encoded.
func OpenChain(ctx context.Context, last []byte, rows Rows) (*Chain, error) {
	h, err := ParseHead(last)
	if err != nil {
		return nil, err
	}
	history, err := OpenHistory(ctx, h.Group, rows)
	if err != nil {
		return nil, err
	}
	if history.Root() != h.History {
		return nil, fmt.Errorf("log %s: the rows before group %d have not the history that its head says: restore the store", h.Log, h.Group)
	}
	c := &Chain{log: h.Log, group: h.Group, first: h.First, prev: h.Prev, history: history}
	c.follow(&h, last)
	return c, nil
}

// Head makes the next head, of a group with these leaves. The chain goes on with [Chain.Add] alone.
func (c *Chain) Head(leaves []Digest, at time.Time, key string) Head {
	return Head{
		Log:     c.log,
		Group:   c.group,
		First:   c.first,
		Count:   uint32(len(leaves)),
		At:      at,
		Root:    Root(leaves),
		Prev:    c.prev,
		History: c.history.Root(),
		Key:     key,
	}
}

// Add goes on behind a head, as it was encoded, which must be the next one, and gives the Subtree of its [Row]. If the head then cannot be
// stored, open the chain anew behind what is stored.
func (c *Chain) Add(head []byte) (Digest, error) {
	h, err := ParseHead(head)
	if err != nil {
		return Digest{}, err
	}
	if err := c.check(&h); err != nil {
		return Digest{}, fmt.Errorf("head of group %d: %w", h.Group, err)
	}
	return c.follow(&h, head), nil
}

func (c *Chain) follow(h *Head, head []byte) Digest {
	c.group = h.Group + 1
	c.first = h.First + uint64(h.Count)
	c.prev = sm.Sum(head)
	if c.history == nil {
		return Digest{}
	}
	return c.history.Add(head)
}

// check says what of h is not as it must be in the next head.
func (c *Chain) check(h *Head) error {
	switch {
	case h.Log != c.log:
		return fmt.Errorf("it is of log %s", h.Log)
	case h.Group != c.group:
		return fmt.Errorf("it stands where group %d should", c.group)
	case h.Prev != c.prev:
		return errors.New("it does not follow the head before it")
	case h.First != c.first:
		return fmt.Errorf("it begins with entry %d, not %d", h.First, c.first)
	case c.history != nil && h.History != c.history.Root():
		return errors.New("its history is not that of the heads before it")
	}
	return nil
}
