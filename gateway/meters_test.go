package gateway

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tongma/adapters"
	"tongma/standard"
)

func TestAnswersAreCountedBySystemOutcomeAndReason(t *testing.T) {
	registry := prometheus.NewRegistry()
	var up time.Duration
	sick := func(context.Context, *adapters.Query) (adapters.Result, error) {
		return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonBusy}
	}
	g := open(t, Config{Metrics: registry, Uptime: func() time.Duration { return up }}, system1("sui", green("sui")), system1("yue", sick))
	verify(t, g, callFor(scanOf("sui", 1)))
	up += 7 * time.Second
	verify(t, g, callFor(scanOf("sui", 1)))
	verify(t, g, callFor(scanOf("yue", 1)))
	verify(t, g, callFor("nobody's"))
	err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP tongma_answer_age_seconds Age of what is served from memory, by system and origin: cache, stale.
# TYPE tongma_answer_age_seconds histogram
tongma_answer_age_seconds_bucket{from="cache",system="sui",le="1"} 0
tongma_answer_age_seconds_bucket{from="cache",system="sui",le="5"} 0
tongma_answer_age_seconds_bucket{from="cache",system="sui",le="10"} 1
tongma_answer_age_seconds_bucket{from="cache",system="sui",le="30"} 1
tongma_answer_age_seconds_bucket{from="cache",system="sui",le="60"} 1
tongma_answer_age_seconds_bucket{from="cache",system="sui",le="300"} 1
tongma_answer_age_seconds_bucket{from="cache",system="sui",le="600"} 1
tongma_answer_age_seconds_bucket{from="cache",system="sui",le="1800"} 1
tongma_answer_age_seconds_bucket{from="cache",system="sui",le="+Inf"} 1
tongma_answer_age_seconds_sum{from="cache",system="sui"} 7
tongma_answer_age_seconds_count{from="cache",system="sui"} 1
`), "tongma_answer_age_seconds")
	if err != nil {
		t.Error(err)
	}
	for labels, want := range map[reasonLabels]float64{
		{"yue", standard.ReasonBusy}: 1, {"", standard.ReasonUnclaimed}: 1, {"sui", standard.ReasonBusy}: 0, {"yue", standard.ReasonTimeout}: 0,
	} {
		if got := testutil.ToFloat64(g.meters.reasons.of(labels)); got != want {
			t.Errorf("%v counts %v, want %v", labels, got, want)
		}
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	timed := map[string]uint64{}
	for _, f := range families {
		if f.GetName() == "tongma_verification_seconds" {
			for _, m := range f.GetMetric() {
				timed[m.GetLabel()[1].GetValue()+" "+m.GetLabel()[0].GetValue()] = m.GetHistogram().GetSampleCount()
			}
		}
	}
	if timed["sui verified"] != 2 || timed["yue unavailable"] != 1 || timed[" unrecognised"] != 1 || len(timed) != 3 {
		t.Errorf("times are noted of %v", timed)
	}
}

func TestEachSeriesIsMadeOnce(t *testing.T) {
	var made atomic.Int32
	s := newSeries(func(n int) *int { made.Add(1); return &n })
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			if n := s.of(i % 4); *n != i%4 {
				t.Errorf("%d for %d", *n, i%4)
			}
		})
	}
	all.Wait()
	if made.Load() != 4 {
		t.Errorf("%d are made", made.Load())
	}
}
