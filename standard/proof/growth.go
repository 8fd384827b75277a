package proof

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/transparency-dev/merkle/proof"
)

// Signed is a head with its signature.
type Signed struct {
	Head []byte `json:"head"`
	Sign []byte `json:"sign"`
}

// Growth shows that a log at a later head goes on from an earlier one: nothing of what the earlier stood for was changed. All bytes are base64
// in JSON.
type Growth struct {
	Earlier    Signed   `json:"earlier"`
	Later      Signed   `json:"later"`
	Included   [][]byte `json:"included"`   // the earlier head in the later one's history
	Consistent [][]byte `json:"consistent"` // from the earlier one's history to the later one's
}

// Grow makes the proof that later goes on from earlier, from the rows of the groups before later.
func Grow(ctx context.Context, earlier, later Signed, rows Rows) (*Growth, error) {
	from, err := ParseHead(earlier.Head)
	if err != nil {
		return nil, err
	}
	to, err := ParseHead(later.Head)
	if err != nil {
		return nil, err
	}
	if from.Log != to.Log || from.Group >= to.Group {
		return nil, errGrowth
	}
	g := &Growth{Earlier: earlier, Later: later, Consistent: [][]byte{}}
	if g.Included, err = included(ctx, from.Group, to.Group, rows); err != nil {
		return nil, err
	}
	if from.Group == 0 {
		return g, nil // everything goes on from nothing
	}
	g.Consistent, err = consistent(ctx, from.Group, to.Group, rows)
	return g, err
}

var errGrowth = errors.New("growth: the heads must be of one log, the later one of a later group")

// ParseGrowth reads a growth as it came; it says nothing of whether it proves anything.
func ParseGrowth(data []byte) (*Growth, error) {
	if len(data) > maxProof {
		return nil, errors.New("growth: it has more than 16 KiB")
	}
	g := new(Growth)
	if err := json.Unmarshal(data, g, strict); err != nil {
		return nil, errors.New("growth: it is not the JSON of a growth")
	}
	return g, nil
}

// Verify gives the earlier and the later head if the later one goes on from the earlier.
func (g *Growth) Verify(keys Keys) (*Head, *Head, error) {
	from, err := keys.Verify(g.Earlier.Head, g.Earlier.Sign)
	if err != nil {
		return nil, nil, fmt.Errorf("growth: the earlier head: %w", err)
	}
	to, err := keys.Verify(g.Later.Head, g.Later.Sign)
	if err != nil {
		return nil, nil, fmt.Errorf("growth: the later head: %w", err)
	}
	if from.Log != to.Log || from.Group >= to.Group {
		return nil, nil, errGrowth
	}
	h := newHasher()
	if err := proof.VerifyInclusion(h, from.Group, to.Group, h.HashLeaf(g.Earlier.Head), g.Included, to.History[:]); err != nil {
		return nil, nil, fmt.Errorf("growth: group %d, as it is here, is not in the history of group %d", from.Group, to.Group)
	}
	if err := proof.VerifyConsistency(h, from.Group, to.Group, g.Consistent, from.History[:], to.History[:]); err != nil {
		return nil, nil, fmt.Errorf("growth: the history of group %d does not go on from that of group %d", to.Group, from.Group)
	}
	return &from, &to, nil
}
