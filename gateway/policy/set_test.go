package policy

import (
	"testing"
	"time"

	"tongma/standard"
)

func BenchmarkDecide(b *testing.B) {
	v := &standard.Verification{Outcome: standard.Verified, Status: standard.Green, Freshness: &standard.Freshness{From: standard.Live}, System: &standard.System{ID: "suishen", Region: "310000"}}
	c := &Case{Verification: v, Record: &standard.Record{}, Place: standard.Place{Region: "440106"}, At: time.Now()}
	s := National()
	b.ReportAllocs()
	for b.Loop() {
		if s.Decide(c).Action != standard.Pass {
			b.Fatal("no pass")
		}
	}
}
