package proof

import (
	"context"
	"fmt"
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
)

// Row is what must be stored of a head so that anything can be proved of the tree of heads without reading all of it.
type Row struct {
	Leaf    Digest // of the head: see [Leaf]
	Subtree Digest // what [History.Add] gave: the root of the largest perfect subtree that ends with this head
}

// Rows reads the rows of these groups, which rise, and gives them in this order.
type Rows func(ctx context.Context, groups []uint64) ([]Row, error)

// History is the tree of all heads of a log so far. It keeps no more than the roots of its perfect subtrees, 64 at most.
type History struct {
	hasher hasher
	tree   *compact.Range
	root   *Digest // nil: not made yet
}

// NewHistory is that of a log without groups.
func NewHistory() *History {
	h := newHasher()
	f := compact.RangeFactory{Hash: h.HashChildren}
	return &History{hasher: h, tree: f.NewEmptyRange(0)}
}

// OpenHistory is that of a log's first size groups. It reads as many rows as size has bits that are set.
func OpenHistory(ctx context.Context, size uint64, rows Rows) (*History, error) {
	frontier, err := readNodes(ctx, compact.RangeNodes(0, size, nil), rows)
	if err != nil {
		return nil, err
	}
	return historyOf(size, frontier)
}

func historyOf(size uint64, frontier [][]byte) (*History, error) {
	h := newHasher()
	f := compact.RangeFactory{Hash: h.HashChildren}
	tree, err := f.NewRange(0, size, frontier)
	if err != nil {
		return nil, fmt.Errorf("history of %d groups: %w", size, err)
	}
	return &History{hasher: h, tree: tree}, nil
}

// Size is how many heads are in it.
func (h *History) Size() uint64 { return h.tree.End() }

// Root is its root.
func (h *History) Root() Digest {
	if h.root == nil {
		root := Digest(rootOf(h.tree))
		h.root = &root
	}
	return *h.root
}

// Add puts a head in, as it was encoded, and gives the Subtree of its [Row].
func (h *History) Add(head []byte) Digest {
	h.root = nil
	var subtree Digest
	err := h.tree.Append(h.hasher.HashLeaf(head), func(_ compact.NodeID, hash []byte) { subtree = Digest(hash) })
	if err != nil {
		panic("proof: " + err.Error())
	}
	return subtree
}

// frontier gives the roots of the perfect subtrees, the largest first.
func (h *History) frontier() [][]byte { return slices.Clone(h.tree.Hashes()) }

// included proves that the head of a group is in the history of the first size groups (RFC 9162, cl. 2.1.3.1).
func included(ctx context.Context, group, size uint64, rows Rows) ([][]byte, error) {
	nodes, err := proof.Inclusion(group, size)
	if err != nil {
		return nil, err
	}
	return pathOf(ctx, nodes, rows)
}

// consistent proves that the history of the first later groups goes on from that of the first earlier ones (RFC 9162, cl. 2.1.4.1).
func consistent(ctx context.Context, earlier, later uint64, rows Rows) ([][]byte, error) {
	nodes, err := proof.Consistency(earlier, later)
	if err != nil {
		return nil, err
	}
	return pathOf(ctx, nodes, rows)
}

func pathOf(ctx context.Context, nodes proof.Nodes, rows Rows) ([][]byte, error) {
	hashes, err := readNodes(ctx, nodes.IDs, rows)
	if err != nil {
		return nil, err
	}
	return nodes.Rehash(hashes, newHasher().HashChildren)
}

// readNodes finds nodes of the tree of heads in as many rows as they have levels. A row has the largest perfect subtree that ends with its
// head, which is the left child of another; a right child is made of the two below it.
func readNodes(ctx context.Context, ids []compact.NodeID, rows Rows) ([][]byte, error) {
	var groups []uint64
	for _, id := range ids {
		groups = appendGroupsOf(groups, id)
	}
	slices.Sort(groups)
	groups = slices.Compact(groups)
	if len(groups) == 0 {
		return [][]byte{}, nil
	}
	read, err := rows(ctx, groups)
	switch {
	case err != nil:
		return nil, fmt.Errorf("tree of heads: %w", err)
	case len(read) != len(groups):
		return nil, fmt.Errorf("tree of heads: %d of %d rows were found", len(read), len(groups))
	}
	byGroup := make(map[uint64]Row, len(read))
	for i, g := range groups {
		byGroup[g] = read[i]
	}
	h := newHasher()
	hashes := make([][]byte, len(ids))
	for i, id := range ids {
		hashes[i] = nodeOf(byGroup, id, h)
	}
	return hashes, nil
}

// appendGroupsOf names the rows that a node is made of.
func appendGroupsOf(groups []uint64, id compact.NodeID) []uint64 {
	for ; id.Level > 0 && isRight(id); id = rightOf(id) {
		groups = append(groups, lastOf(leftOf(id)))
	}
	return append(groups, lastOf(id))
}

func nodeOf(rows map[uint64]Row, id compact.NodeID, h hasher) []byte {
	row := rows[lastOf(id)]
	switch {
	case !isRight(id):
		return row.Subtree[:]
	case id.Level == 0:
		return row.Leaf[:]
	}
	return h.HashChildren(nodeOf(rows, leftOf(id), h), nodeOf(rows, rightOf(id), h))
}

func isRight(id compact.NodeID) bool           { return id.Index&1 == 1 }
func leftOf(id compact.NodeID) compact.NodeID  { return compact.NewNodeID(id.Level-1, id.Index<<1) }
func rightOf(id compact.NodeID) compact.NodeID { return compact.NewNodeID(id.Level-1, id.Index<<1|1) }

// lastOf is the last leaf under a node.
func lastOf(id compact.NodeID) uint64 { return (id.Index+1)<<id.Level - 1 }
