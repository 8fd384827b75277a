package proof

import (
	"errors"
	"hash"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"

	"tongma/standard/sm"
)

// hasher makes the hashes of the trees of RFC 9162, cl. 2.1.1, with SM3 (it is merkle.LogHasher). One goroutine at a time may use it.
type hasher struct{ sm3 hash.Hash }

var (
	leafPrefix = []byte{0}
	nodePrefix = []byte{1}
	emptyRoot  = sm.Sum(nil)
)

func newHasher() hasher { return hasher{sm.New()} }

// EmptyRoot is the root of a tree without leaves.
func (hasher) EmptyRoot() []byte { return emptyRoot[:] }

// Size is that of every hash.
func (hasher) Size() int { return len(Digest{}) }

// HashLeaf is SM3(0x00, leaf).
func (h hasher) HashLeaf(leaf []byte) []byte {
	var d Digest
	h.leaf(leaf, &d)
	return d[:]
}

// leaf is HashLeaf to a place that is there already.
func (h hasher) leaf(leaf []byte, to *Digest) {
	h.sm3.Reset()
	h.sm3.Write(leafPrefix)
	h.sm3.Write(leaf)
	h.sm3.Sum(to[:0])
}

// HashChildren is SM3(0x01, left, right).
func (h hasher) HashChildren(left, right []byte) []byte {
	h.sm3.Reset()
	h.sm3.Write(nodePrefix)
	h.sm3.Write(left)
	h.sm3.Write(right)
	return h.sm3.Sum(make([]byte, 0, len(Digest{})))
}

// Leaf is the hash of an entry in the tree of its group, and of a head in the tree of heads.
func Leaf(encoded []byte) Digest {
	var leaf Digest
	newHasher().leaf(encoded, &leaf)
	return leaf
}

// Root is the root over leaves in this order.
func Root(leaves []Digest) Digest {
	if len(leaves) == 0 {
		return emptyRoot
	}
	tree := compact.RangeFactory{Hash: newHasher().HashChildren}
	return Digest(rootOf(grow(&tree, leaves, nil)))
}

// Path is the inclusion proof of leaf i in the tree over leaves (RFC 9162, cl. 2.1.3.1), the sibling of the leaf first.
func Path(leaves []Digest, i int) ([][]byte, error) {
	if i < 0 || i >= len(leaves) {
		return nil, errors.New("path of an entry: the group has no such entry")
	}
	nodes, err := proof.Inclusion(uint64(i), uint64(len(leaves)))
	if err != nil {
		return nil, err
	}
	h := newHasher()
	tree := compact.RangeFactory{Hash: h.HashChildren}
	found := map[compact.NodeID][]byte{}
	grow(&tree, leaves, func(id compact.NodeID, hash []byte) { found[id] = hash })
	hashes := make([][]byte, len(nodes.IDs))
	for i, id := range nodes.IDs {
		hashes[i] = found[id]
	}
	return nodes.Rehash(hashes, h.HashChildren)
}

// grow makes the tree over leaves; it cannot fail, because each follows the one before.
func grow(f *compact.RangeFactory, leaves []Digest, visit compact.VisitFn) *compact.Range {
	r := f.NewEmptyRange(0)
	for i := range leaves {
		if err := r.Append(leaves[i][:], visit); err != nil {
			panic("proof: " + err.Error())
		}
	}
	return r
}

// rootOf is the root of a tree from its first leaf on.
func rootOf(r *compact.Range) []byte {
	root, err := r.GetRootHash(nil)
	if err != nil {
		panic("proof: " + err.Error())
	}
	if root == nil {
		return emptyRoot[:]
	}
	return root
}
