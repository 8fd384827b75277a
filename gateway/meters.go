package gateway

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"tongma/gateway/freshness"
	"tongma/standard"
)

// meters are the gateway's metrics. Their labels are outcomes, statuses and ids of the catalogue, nothing of a person.
type meters struct {
	verifications *prometheus.CounterVec
	seconds       *prometheus.HistogramVec
	breaker       *prometheus.GaugeVec
	coalesced     *prometheus.CounterVec
	lookups       [freshness.Fresh + 1]prometheus.Counter // by standing
}

// systemMeters are those of one system.
type systemMeters struct {
	seconds   prometheus.Observer
	breaker   prometheus.Gauge
	coalesced prometheus.Counter
}

func newMeters(registry prometheus.Registerer, g *Gateway) (*meters, error) {
	lookups := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tongma_cache_lookups_total", Help: "Looks into memory: hit, hit_due (asked for anew in the background), stale (likewise), last_resort (served where asking fails), miss.",
	}, []string{"result"})
	m := &meters{
		verifications: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tongma_verifications_total", Help: "Answers, by system (empty: nobody claims the scan), outcome, status and origin.",
		}, []string{"system", "outcome", "status", "from"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tongma_backend_seconds", Help: "Time that a system took to answer, all its calls together.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"system"}),
		breaker: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tongma_breaker_state", Help: "Breaker of a system: 0 closed, 1 half open, 2 open.",
		}, []string{"system"}),
		coalesced: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tongma_coalesced_total", Help: "Calls that joined another's question to the system.",
		}, []string{"system"}),
	}
	for standing, result := range [...]string{
		freshness.Absent: "miss", freshness.Resort: "last_resort", freshness.Stale: "stale", freshness.Due: "hit_due", freshness.Fresh: "hit",
	} {
		m.lookups[standing] = lookups.WithLabelValues(result)
	}
	records := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tongma_cache_records", Help: "Answers in memory, overdue ones included.",
	}, func() float64 { return float64(g.memory.Len()) })
	flights := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tongma_flights", Help: "Questions under way that others may join.",
	}, func() float64 { return float64(g.flights.len()) })
	for _, c := range []prometheus.Collector{m.verifications, m.seconds, m.breaker, m.coalesced, lookups, records, flights} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("gateway: metrics: %w", err)
		}
	}
	return m, nil
}

func (m *meters) looked(s freshness.Standing) { m.lookups[s].Inc() }

func (m *meters) of(system string) systemMeters {
	return systemMeters{
		seconds:   m.seconds.WithLabelValues(system),
		breaker:   m.breaker.WithLabelValues(system),
		coalesced: m.coalesced.WithLabelValues(system),
	}
}

func (m *meters) answered(v *standard.Verification, from standard.From) {
	system := ""
	if v.System != nil {
		system = v.System.ID
	}
	m.verifications.WithLabelValues(system, string(v.Outcome), string(v.Status), string(from)).Inc()
}
