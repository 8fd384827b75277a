package upstream

import (
	"testing"

	"tongma/adapters"
)

// BenchmarkGuardedVerify is what the guards add to a call while all is well.
func BenchmarkGuardedVerify(b *testing.B) {
	l := limits
	l.Concurrency, l.Retry = 64, 1
	g := Guard(backend(ok), adapters.Info{}, GuardConfig{Limits: l})
	q := &adapters.Query{}
	b.ReportAllocs()
	for b.Loop() {
		g.Verify(b.Context(), q)
	}
}
