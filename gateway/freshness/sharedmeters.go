package freshness

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// sharedMeters are the metrics of what the nodes share. Their labels are words of this file.
type sharedMeters struct {
	hits, misses, errors, rejected, skipped prometheus.Counter
	stored, dropped, failed                 prometheus.Counter
	lag                                     prometheus.Histogram
	gaps                                    *prometheus.CounterVec
}

// Why everything was marked.
const (
	gapMissed  = "missed"  // notices had left the stream before they were read here
	gapEpoch   = "epoch"   // the notices were begun anew
	gapUnsound = "unsound" // they were begun anew by this node, because they did not fit
)

func newSharedMeters(registry prometheus.Registerer, marks *Marks) (*sharedMeters, error) {
	lookups := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tongma_shared_lookups_total", Help: "Looks into the shared memory, by result; rejected: not sealed by us for this place, or from the future.",
	}, []string{"result"})
	puts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tongma_shared_puts_total", Help: "Answers for the shared memory, by what became of them.",
	}, []string{"result"})
	m := &sharedMeters{
		hits: lookups.WithLabelValues("hit"), misses: lookups.WithLabelValues("miss"), errors: lookups.WithLabelValues("error"),
		rejected: lookups.WithLabelValues("rejected"), skipped: lookups.WithLabelValues("skipped"),
		stored: puts.WithLabelValues("stored"), dropped: puts.WithLabelValues("dropped"), failed: puts.WithLabelValues("failed"),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tongma_notices_lag_seconds", Help: "From when a change notice was told to a node until it was marked here, by the two clocks.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}),
		gaps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tongma_notices_gaps_total", Help: "Times that everything remembered was dropped because a notice may have been missed, by reason.",
		}, []string{"reason"}),
	}
	for _, reason := range []string{gapMissed, gapEpoch, gapUnsound} {
		m.gaps.WithLabelValues(reason)
	}
	sure := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tongma_notices_followed", Help: "1 while no change notice can have been missed, else 0: no green is served from memory then.",
	}, func() float64 {
		if marks.Sure() {
			return 1
		}
		return 0
	})
	for _, c := range []prometheus.Collector{lookups, puts, m.lag, m.gaps, sure} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("freshness: metrics: %w", err)
		}
	}
	return m, nil
}

// gap counts one, unless it is none.
func (m *sharedMeters) gap(reason string, is bool) {
	if is {
		m.gaps.WithLabelValues(reason).Inc()
	}
}
