//go:build !race

package adapters

import "testing"

// The race detector makes pools drop some of what they are given, so that this is not tested under it.
func TestRecognitionOfTextAllocatesNothing(t *testing.T) {
	c := catalogue(t, many(40)...)
	for _, scan := range []string{suishenScan, suikangScan, yukangScan, hangzhouScan, ankangScan, v2Scan, "nobody's", "https://a.cn/"} {
		var ticket Ticket
		if n := testing.AllocsPerRun(200, func() { c.Recognise(scan, &ticket) }); n != 0 {
			t.Errorf("Recognise(%.40q) allocates %v times", scan, n)
		}
	}
}
