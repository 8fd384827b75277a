package proof

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/transparency-dev/merkle/proof"

	"tongma/standard/sm"
)

// Proof shows that one entry is in the evidence: the answer of GET /v1/verifications/{id}/proof. It needs nothing but the gateway's public
// key to be checked. All bytes are base64 in JSON.
type Proof struct {
	Entry  []byte   `json:"entry"`
	Number uint32   `json:"number"` // of the entry in its group, from 0
	Path   [][]byte `json:"path"`   // from the entry's leaf to the group's root
	Head   []byte   `json:"head"`
	Sign   []byte   `json:"sign"` // DER, over [SignText] of head
	Key    string   `json:"key"`  // id of the key, as in head
}

// maxProof is more than a proof can have: 48 hashes of the longest growth, and two heads.
const maxProof = 16 << 10

// ParseProof reads a proof as it came; it says nothing of whether it proves anything.
func ParseProof(data []byte) (*Proof, error) {
	if len(data) > maxProof {
		return nil, errors.New("proof: it has more than 16 KiB")
	}
	p := new(Proof)
	var read struct { // what is absent or null is not 0
		*Proof
		Number *uint32 `json:"number"`
	}
	read.Proof = p
	if err := json.Unmarshal(data, &read, strict); err != nil || read.Number == nil || p.Path == nil {
		return nil, errors.New("proof: it is not the JSON of a proof")
	}
	p.Number = *read.Number
	return p, nil
}

// Verify gives the entry and its group's head if p proves that they are in the log of the signer. What was answered must then be compared by
// [Entry.IsAnswer].
func (p *Proof) Verify(keys Keys) (*Entry, *Head, error) {
	head, err := keys.Verify(p.Head, p.Sign)
	if err != nil {
		return nil, nil, fmt.Errorf("proof: %w", err)
	}
	if p.Key != head.Key {
		return nil, nil, errors.New("proof: key is not that which its head names")
	}
	h := newHasher()
	if err := proof.VerifyInclusion(h, uint64(p.Number), uint64(head.Count), h.HashLeaf(p.Entry), p.Path, head.Root[:]); err != nil {
		return nil, nil, fmt.Errorf("proof: the entry is not number %d of group %d in log %s", p.Number, head.Group, head.Log)
	}
	e, err := ParseEntry(p.Entry)
	if err != nil {
		return nil, nil, fmt.Errorf("proof: %w", err)
	}
	return &e, &head, nil
}

// IsAnswer says whether text is the verification that was answered, byte by byte as it was sent: the JSON text of "data", or that of an item
// of a batch.
func (e *Entry) IsAnswer(text []byte) bool { return sm.Sum(text) == e.Answer }
