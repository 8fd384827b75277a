//go:build !race

package policy

import "testing"

// The race detector makes pools drop some of what they are given, so that this is not tested under it.
func TestADecisionTakesLittleMemory(t *testing.T) {
	for _, c := range []struct {
		most  float64
		files []*File
	}{{0, nil}, {8, shippedFiles(t)}, {25, []*File{parsed(t, conditional)}}} {
		s, at := loaded(t, c.files...), greenAt("440106", "tianfu", "510000")
		if allocs := testing.AllocsPerRun(200, func() { s.Decide(at) }); allocs > c.most {
			t.Errorf("%d files: %v allocations", len(c.files), allocs)
		}
	}
}
