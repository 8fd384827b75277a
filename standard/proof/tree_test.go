package proof_test

import (
	"bytes"
	"fmt"
	"math/bits"
	"testing"

	"tongma/standard/proof"
	"tongma/standard/sm"
)

// The functions of RFC 9162, cl. 2.1, word by word, and slowly: with SM3, over leaves that are hashed already.

func mth(d []proof.Digest) proof.Digest {
	switch n := len(d); n {
	case 0:
		return sm.Sum(nil)
	case 1:
		return d[0]
	default:
		k := split(n)
		return pair(mth(d[:k]), mth(d[k:]))
	}
}

func inclusion(m int, d []proof.Digest) []proof.Digest {
	n := len(d)
	if n == 1 {
		return nil
	}
	if k := split(n); m < k {
		return append(inclusion(m, d[:k]), mth(d[k:]))
	} else {
		return append(inclusion(m-k, d[k:]), mth(d[:k]))
	}
}

func consistency(m int, d []proof.Digest, whole bool) []proof.Digest {
	n := len(d)
	switch {
	case m == n && whole:
		return nil
	case m == n:
		return []proof.Digest{mth(d)}
	}
	if k := split(n); m <= k {
		return append(consistency(m, d[:k], whole), mth(d[k:]))
	} else {
		return append(consistency(m-k, d[k:], false), mth(d[:k]))
	}
}

func split(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }

func pair(l, r proof.Digest) proof.Digest {
	return sm.Sum(append(append([]byte{1}, l[:]...), r[:]...))
}

func same(got [][]byte, want []proof.Digest) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i][:]) {
			return false
		}
	}
	return true
}

func TestALeafIsHashedBehindAZero(t *testing.T) {
	if proof.Leaf([]byte("abc")) != sm.Sum([]byte("\x00abc")) {
		t.Fail()
	}
}

func TestRootsAndPathsAreThoseOfRFC9162(t *testing.T) {
	var leaves []proof.Digest
	for n := range 70 {
		if proof.Root(leaves) != mth(leaves) {
			t.Errorf("root of %d", n)
		}
		for i := range leaves {
			if path, err := proof.Path(leaves, i); err != nil || !same(path, inclusion(i, leaves)) {
				t.Errorf("path of %d in %d: %v", i, n, err)
			}
		}
		if _, err := proof.Path(leaves, n); err == nil {
			t.Errorf("leaf %d has a path in a tree of as many", n)
		}
		leaves = append(leaves, proof.Leaf(fmt.Append(nil, n)))
	}
}
