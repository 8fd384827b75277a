package gateway

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// manySystems makes n systems, the first of which is asked.
func manySystems(n int) []adapters.Dialect {
	dialects := make([]adapters.Dialect, n)
	for i := range dialects {
		id := fmt.Sprintf("s%02d", i)
		dialects[i] = system1(id, green(id))
	}
	return dialects
}

func BenchmarkVerifyCached(b *testing.B) {
	g := open(b, Config{}, manySystems(40)...)
	call := callFor(scanOf("s00", 1))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Verify(context.Background(), call); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyCachedParallel(b *testing.B) {
	g := open(b, Config{}, manySystems(40)...)
	var n atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		call := callFor(scanOf("s00", int(n.Add(1))))
		for pb.Next() {
			if _, err := g.Verify(context.Background(), call); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkVerifyLive(b *testing.B) {
	g := open(b, Config{}, manySystems(40)...)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := g.Verify(context.Background(), callFor(scanOf("s00", i))); err != nil {
			b.Fatal(err)
		}
	}
}

// pairs runs two sides turn by turn and gives the median of how much faster the second is than the first.
func pairs(b *testing.B, first, second func()) float64 {
	const turns = 9
	ratios := make([]float64, turns)
	for i := range ratios {
		begin := time.Now()
		first()
		middle := time.Now()
		second()
		ratios[i] = float64(middle.Sub(begin)) / float64(time.Since(middle))
	}
	slices.Sort(ratios)
	return ratios[turns/2]
}

// BenchmarkRatioSystems says what share of the throughput with one system is left with forty. The bar is 0.95.
func BenchmarkRatioSystems(b *testing.B) {
	one, forty := open(b, Config{}, manySystems(1)...), open(b, Config{}, manySystems(40)...)
	for _, kind := range []struct {
		name  string
		scans int
	}{{"cached", 64}, {"live", 1 << 30}} {
		n := 0
		run := func(g *Gateway) func() {
			return func() {
				for range 20_000 {
					n++
					call := callFor(scanOf("s00", n%kind.scans))
					if v, err := g.Verify(context.Background(), call); err != nil || v.Outcome != standard.Verified {
						b.Fatalf("%+v, %v", v, err)
					}
				}
			}
		}
		b.Run(kind.name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(pairs(b, run(one), run(forty)), "ratio")
			}
		})
	}
}
