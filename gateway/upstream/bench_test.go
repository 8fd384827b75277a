package upstream

import (
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"

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

// BenchmarkGuardedRefusal is what a caller costs while the breaker is open.
func BenchmarkGuardedRefusal(b *testing.B) {
	g := Guard(backend(ok), adapters.Info{}, GuardConfig{Limits: limits})
	g.tripped("", gobreaker.StateClosed, gobreaker.StateOpen)
	g.spell.until = time.Now().Add(time.Hour)
	q := &adapters.Query{}
	b.ReportAllocs()
	for b.Loop() {
		g.Verify(b.Context(), q)
	}
}
