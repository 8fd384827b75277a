package wire_test

import (
	"strings"
	"testing"

	"tongma/standard/wire"
)

func TestAReasonIsOneLineThatCanBeShown(t *testing.T) {
	for text, want := range map[string]bool{
		"r": true, "平台维护": true, `says "down" <&>`: true, strings.Repeat("码", wire.MaxReason): true,
		"": false, " r": false, "r ": false, "a\nb": false, "a\tb": false, "a\x1b[2Jb": false, "a\u202eb": false, "a\u2028b": false, "\xff": false,
		strings.Repeat("码", wire.MaxReason+1): false,
	} {
		if got := wire.ValidReason(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
