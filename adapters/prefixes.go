package adapters

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// prefixes finds the claims whose literal beginning a text begins with, in time that hardly depends on how many there are.
//
// The beginnings are sorted. All that a text begins with are no greater than the text, and each is a prefix of every greater one
// among them and of whatever stands between: so they are the last beginning that is not greater than the text, or
// prefixes of it. Every node therefore knows the longest other beginning that is a prefix of its own.
type prefixes struct{ nodes []prefix }

type prefix struct {
	text    string
	claims  []claim
	shorter int // the node of the longest proper prefix of text, -1 if there is none
}

func newPrefixes(claims []claim, beginning func(claim) string) *prefixes {
	x := new(prefixes)
	slices.SortStableFunc(claims, func(a, b claim) int { return cmp.Compare(beginning(a), beginning(b)) })
	for _, cl := range claims {
		text := beginning(cl)
		last := len(x.nodes) - 1
		if last < 0 || x.nodes[last].text != text {
			x.nodes = append(x.nodes, prefix{text: text, shorter: x.upTo(last, text)})
			last++
		}
		x.nodes[last].claims = append(x.nodes[last].claims, cl)
	}
	return x
}

// upTo follows the chain from node i to the first that is a prefix of s.
func (x *prefixes) upTo(i int, s string) int {
	for i >= 0 && !strings.HasPrefix(s, x.nodes[i].text) {
		i = x.nodes[i].shorter
	}
	return i
}

// candidates gives the claims whose beginning s begins with, those with the longest first.
func (x *prefixes) candidates(s string) iter.Seq[*claim] {
	return func(yield func(*claim) bool) {
		if x == nil {
			return
		}
		i, found := slices.BinarySearchFunc(x.nodes, s, func(p prefix, s string) int { return cmp.Compare(p.text, s) })
		if !found {
			i--
		}
		for i = x.upTo(i, s); i >= 0; i = x.nodes[i].shorter {
			for j := range x.nodes[i].claims {
				if !yield(&x.nodes[i].claims[j]) {
					return
				}
			}
		}
	}
}
