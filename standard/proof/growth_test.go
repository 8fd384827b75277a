package proof_test

import (
	"bytes"
	"context"
	"errors"
	"math/bits"
	"strings"
	"testing"

	"tongma/standard/proof"
	"tongma/standard/sm"
)

func (m *memory) signed(i int) proof.Signed {
	return proof.Signed{Head: m.groups[i].Head, Sign: m.groups[i].Sign}
}

func (m *memory) leaves() []proof.Digest {
	var leaves []proof.Digest
	for _, r := range m.rows {
		leaves = append(leaves, r.Leaf)
	}
	return leaves
}

func TestEveryLaterHeadIsProvedToGoOnFromEveryEarlier(t *testing.T) {
	m := with(t, 40)
	leaves := m.leaves()
	for later := range m.groups {
		for earlier := range later {
			m.reads = 0
			g, err := proof.Grow(t.Context(), m.signed(earlier), m.signed(later), m.read)
			if err != nil {
				t.Fatal(earlier, later, err)
			}
			if limit := 2 * bits.Len(uint(later)) * bits.Len(uint(later)); m.reads > limit {
				t.Errorf("%d to %d takes %d rows", earlier, later, m.reads)
			}
			if !same(g.Included, inclusion(earlier, leaves[:later])) {
				t.Errorf("%d in %d: not the path of RFC 9162", earlier, later)
			}
			if earlier > 0 && !same(g.Consistent, consistency(earlier, leaves[:later], true)) {
				t.Errorf("%d to %d: not the proof of RFC 9162", earlier, later)
			}
			if bytes.Contains(text(t, g), []byte("null")) {
				t.Errorf("%d to %d: nothing is written as null: %s", earlier, later, text(t, g))
			}
			from, to, err := g.Verify(m.keys())
			if err != nil || from.Group != uint64(earlier) || to.Group != uint64(later) {
				t.Errorf("%d to %d: %v", earlier, later, err)
			}
		}
	}
}

func TestAGrowthThatIsNoneIsFound(t *testing.T) {
	m, other := with(t, 12), newMemory(t)
	other.key = m.key
	other.add(t, 2)
	other.chain = m.chain
	good := func() *proof.Growth {
		g, err := proof.Grow(t.Context(), m.signed(5), m.signed(11), m.read)
		if err != nil {
			t.Fatal(err)
		}
		if g, err = proof.ParseGrowth(text(t, g)); err != nil {
			t.Fatal(err)
		}
		return g
	}
	turned := good()
	turned.Earlier, turned.Later = turned.Later, turned.Earlier
	if _, _, err := turned.Verify(m.keys()); err == nil || !strings.Contains(err.Error(), "of one log") {
		t.Errorf("turned round: %v", err)
	}
	for name, change := range map[string]func(*proof.Growth){
		"another head":          func(g *proof.Growth) { g.Earlier = m.signed(4) },
		"another later head":    func(g *proof.Growth) { g.Later = m.signed(10) },
		"another log's":         func(g *proof.Growth) { g.Earlier = other.signed(0) },
		"head changed":          func(g *proof.Growth) { g.Earlier.Head[40] ^= 1 },
		"signature changed":     func(g *proof.Growth) { g.Later.Sign[9] ^= 1 },
		"path changed":          func(g *proof.Growth) { g.Included[1][0] ^= 1 },
		"path too long":         func(g *proof.Growth) { g.Included = append(g.Included, make([]byte, 32)) },
		"path with short hash":  func(g *proof.Growth) { g.Included[0] = nil },
		"no path":               func(g *proof.Growth) { g.Included = nil },
		"consistency changed":   func(g *proof.Growth) { g.Consistent[0][31] ^= 1 },
		"consistency too short": func(g *proof.Growth) { g.Consistent = g.Consistent[1:] },
	} {
		g := good()
		change(g)
		if _, _, err := g.Verify(m.keys()); err == nil {
			t.Error(name)
		}
	}
	if _, _, err := good().Verify(m.keys()); err != nil {
		t.Error(err)
	}
	if _, err := proof.ParseGrowth(make([]byte, 16<<10+1)); err == nil {
		t.Error("anything long is read")
	}
}

func TestNothingGoesOnFromItselfOrFromALaterHead(t *testing.T) {
	m := with(t, 4)
	for _, earlier := range []int{2, 3} {
		if _, err := proof.Grow(t.Context(), m.signed(earlier), m.signed(2), m.read); err == nil {
			t.Errorf("2 is proved to go on from %d", earlier)
		}
	}
}

// TestAForkIsFound: the signer itself has signed two heads with one number.
func TestAForkIsFound(t *testing.T) {
	m := with(t, 5)
	forked, err := proof.OpenChain(t.Context(), m.groups[3].Head, m.read)
	if err != nil {
		t.Fatal(err)
	}
	h := forked.Head([]proof.Digest{{9}}, began, "k1")
	encoded, err := proof.AppendHead(nil, &h)
	if err != nil {
		t.Fatal(err)
	}
	sign, err := m.key.Sign(proof.SignText(encoded))
	if err != nil {
		t.Fatal(err)
	}
	m.add(t, 1)
	g, err := proof.Grow(t.Context(), m.signed(4), m.signed(5), m.read)
	if err != nil {
		t.Fatal(err)
	}
	g.Earlier = proof.Signed{Head: encoded, Sign: sign}
	if _, _, err := g.Verify(m.keys()); err == nil {
		t.Error("a head that is not in the history is taken for one that is")
	}
}

func TestAChainOpensBehindEveryHead(t *testing.T) {
	m := with(t, 40)
	for i := range len(m.groups) - 1 {
		m.reads = 0
		c, err := proof.OpenChain(t.Context(), m.groups[i].Head, m.read)
		if err != nil {
			t.Fatal(i, err)
		}
		if m.reads != bits.OnesCount(uint(i)) {
			t.Errorf("behind group %d: %d rows", i, m.reads)
		}
		if subtree, err := c.Add(m.groups[i+1].Head); err != nil || subtree != m.rows[i+1].Subtree {
			t.Errorf("group %d does not follow: %v", i+1, err)
		}
		if _, err := c.Add(m.groups[i].Head); err == nil {
			t.Errorf("group %d follows group %d", i, i+1)
		}
	}
}

func TestAChainDoesNotOpenOnDamagedRows(t *testing.T) {
	m := with(t, 6)
	m.rows[3].Subtree[0] ^= 1
	if _, err := proof.OpenChain(t.Context(), m.groups[5].Head, m.read); err == nil {
		t.Error("it opens on a hash that was changed")
	}
	gone := errors.New("gone")
	for name, rows := range map[string]proof.Rows{
		"no rows":      func(context.Context, []uint64) ([]proof.Row, error) { return nil, nil },
		"no database":  func(context.Context, []uint64) ([]proof.Row, error) { return nil, gone },
		"too many":     func(context.Context, []uint64) ([]proof.Row, error) { return make([]proof.Row, 9), nil },
		"others' rows": func(_ context.Context, g []uint64) ([]proof.Row, error) { return make([]proof.Row, len(g)), nil },
	} {
		_, err := proof.OpenChain(t.Context(), m.groups[5].Head, rows)
		if err == nil || (name == "no database") != errors.Is(err, gone) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHeadsSayWhatIsBeforeThem(t *testing.T) {
	m := with(t, 9)
	first := uint64(0)
	for i, g := range m.groups {
		h, err := proof.ParseHead(g.Head)
		if err != nil {
			t.Fatal(err)
		}
		prev := proof.Digest{}
		if i > 0 {
			prev = sm.Sum(m.groups[i-1].Head)
		}
		if h.Prev != prev || h.First != first || h.History != mth(m.leaves()[:i]) {
			t.Errorf("group %d: %+v", i, h)
		}
		first += uint64(h.Count)
	}
}

func FuzzParseGrowth(f *testing.F) {
	m := with(f, 9)
	g, err := proof.Grow(f.Context(), m.signed(2), m.signed(8), m.read)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text(f, g))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := proof.ParseGrowth(b)
		if err != nil {
			return
		}
		if _, later, err := g.Verify(m.keys()); err == nil && !bytes.Equal(g.Later.Head, m.groups[later.Group].Head) {
			t.Error("a head that was never signed")
		}
	})
}
