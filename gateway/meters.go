package gateway

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tongma/gateway/freshness"
	"tongma/gateway/upstream"
	"tongma/standard"
)

// meters are the gateway's metrics. Their labels are outcomes, statuses and ids of the catalogue, nothing of a person.
type meters struct {
	verifications *series[answerLabels, prometheus.Counter]
	took          *series[outcomeLabels, prometheus.Observer]
	reasons       *series[reasonLabels, prometheus.Counter]
	ages          *series[ageLabels, prometheus.Observer]
	seconds       *prometheus.HistogramVec
	coalesced     *prometheus.CounterVec
	waited        *prometheus.HistogramVec
	refused       *prometheus.CounterVec
	second        *prometheus.CounterVec
	probed        *prometheus.CounterVec
	lookups       [freshness.Fresh + 1]prometheus.Counter // by standing
}

// What answers are counted by. The system is empty where nobody claims the scan.
type (
	answerLabels struct {
		system  string
		outcome standard.Outcome
		status  standard.Status
		from    standard.From
	}
	outcomeLabels struct {
		system  string
		outcome standard.Outcome
	}
	reasonLabels struct {
		system string
		reason standard.ReasonCode
	}
	ageLabels struct {
		system string
		from   standard.From
	}
)

// systemMeters are those of one system.
type systemMeters struct {
	seconds, waited         prometheus.Observer
	coalesced               prometheus.Counter
	refused, second, probed *prometheus.CounterVec
}

func newMeters(registry prometheus.Registerer, g *Gateway) (*meters, error) {
	lookups := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tongma_cache_lookups_total", Help: "Looks into memory: hit, hit_due (asked for anew in the background), stale (likewise), last_resort (served where asking fails), miss.",
	}, []string{"result"})
	verifications := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tongma_verifications_total", Help: "Answers, by system (empty: nobody claims the scan), outcome, status and origin.",
	}, []string{"system", "outcome", "status", "from"})
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "tongma_verification_seconds", Help: "Time from a checked request to its answer, evidence included, by system and outcome.",
		Buckets: []float64{.0001, .00025, .001, .0025, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"system", "outcome"})
	reasons := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tongma_unverified_total", Help: "Answers that are not verified, by system and reason.",
	}, []string{"system", "reason"})
	ages := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "tongma_answer_age_seconds", Help: "Age of what is served from memory, by system and origin: cache, stale.",
		Buckets: []float64{1, 5, 10, 30, 60, 300, 600, 1800},
	}, []string{"system", "from"})
	m := &meters{
		verifications: newSeries(func(l answerLabels) prometheus.Counter {
			return verifications.WithLabelValues(l.system, string(l.outcome), string(l.status), string(l.from))
		}),
		took:    newSeries(func(l outcomeLabels) prometheus.Observer { return took.WithLabelValues(l.system, string(l.outcome)) }),
		reasons: newSeries(func(l reasonLabels) prometheus.Counter { return reasons.WithLabelValues(l.system, string(l.reason)) }),
		ages:    newSeries(func(l ageLabels) prometheus.Observer { return ages.WithLabelValues(l.system, string(l.from)) }),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tongma_backend_seconds", Help: "Time that a system took to answer, all its calls together.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"system"}),
		coalesced: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tongma_coalesced_total", Help: "Calls that joined another's question to the system.",
		}, []string{"system"}),
		waited: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tongma_queue_seconds", Help: "Time that a call spent in a system's queue, whatever became of it. Calls that need not wait are not counted.",
			Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"system"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tongma_guard_refusals_total", Help: "Calls that a system's guards answered without asking it, by reason.",
		}, []string{"system", "reason"}),
		second: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tongma_second_attempts_total", Help: "Attempts besides a call's first, by kind: retry, hedge.",
		}, []string{"system", "kind"}),
		probed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tongma_probes_total", Help: "Probes of a system whose breaker is open, by result: sound, sick.",
		}, []string{"system", "result"}),
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
	for _, c := range []prometheus.Collector{verifications, took, reasons, ages, m.seconds, m.coalesced, m.waited, m.refused, m.second, m.probed,
		lookups, records, flights, conditions{g}} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("gateway: metrics: %w", err)
		}
	}
	return m, nil
}

func (m *meters) looked(s freshness.Standing) { m.lookups[s].Inc() }

// of gives the meters of a system. What is counted seldom is there from the start: a rate does not see a series' first count.
func (m *meters) of(system string) systemMeters {
	for _, r := range standard.Reasons {
		m.reasons.of(reasonLabels{system, r.Code})
		if r.Outcome == standard.Unavailable {
			m.refused.WithLabelValues(system, string(r.Code))
		}
	}
	for _, kind := range []upstream.Second{upstream.Retry, upstream.Hedge} {
		m.second.WithLabelValues(system, string(kind))
	}
	for _, result := range []string{"sound", "sick"} {
		m.probed.WithLabelValues(system, result)
	}
	return systemMeters{
		seconds:   m.seconds.WithLabelValues(system),
		waited:    m.waited.WithLabelValues(system),
		coalesced: m.coalesced.WithLabelValues(system),
		refused:   m.refused.MustCurryWith(prometheus.Labels{"system": system}),
		second:    m.second.MustCurryWith(prometheus.Labels{"system": system}),
		probed:    m.probed.MustCurryWith(prometheus.Labels{"system": system}),
	}
}

// answered counts an answer.
func (m *meters) answered(v *standard.Verification, from standard.From) {
	system := systemIn(v)
	m.verifications.of(answerLabels{system, v.Outcome, v.Status, from}).Inc()
	if v.Reason != nil {
		m.reasons.of(reasonLabels{system, v.Reason.Code}).Inc()
	}
	if v.Freshness != nil && from != standard.Live {
		m.ages.of(ageLabels{system, from}).Observe(float64(v.Freshness.AgeMs) / 1000)
	}
}

// timed notes how long an answer took.
func (m *meters) timed(v *standard.Verification, d time.Duration) {
	m.took.of(outcomeLabels{systemIn(v), v.Outcome}).Observe(d.Seconds())
}

func systemIn(v *standard.Verification) string {
	if v.System == nil {
		return ""
	}
	return v.System.ID
}

// conditions shows how the guards of all systems stand whenever somebody collects the metrics.
type conditions struct{ g *Gateway }

var (
	breaker  = prometheus.NewDesc("tongma_breaker_state", "Breaker of a system: 0 closed, 1 half open, 2 open.", []string{"system"}, nil)
	limitNow = prometheus.NewDesc("tongma_guard_limit", "Calls that may be under way to a system at once, as it bears them now.", []string{"system"}, nil)
	underWay = prometheus.NewDesc("tongma_guard_under_way", "Calls under way to a system.", []string{"system"}, nil)
	queued   = prometheus.NewDesc("tongma_guard_queued", "Calls that wait for a system.", []string{"system"}, nil)
	mode     = prometheus.NewDesc("tongma_guard_mode", "What an operator wants of a system: 0 auto, 1 open, 2 drain.", []string{"system"}, nil)
	overdue  = prometheus.NewDesc("tongma_heartbeat_overdue", "1 while a platform is silent for longer than it has promised: no green of its system is served from memory.", []string{"system"}, nil)
)

func (conditions) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{breaker, limitNow, underWay, queued, mode, overdue} {
		to <- d
	}
}

func (c conditions) Collect(to chan<- prometheus.Metric) {
	for e := range c.g.live.Load().Entries() {
		s := e.Adapter.(*system)
		now := s.Condition()
		late := 0.0
		if s.marks.Overdue() {
			late = 1
		}
		for desc, value := range map[*prometheus.Desc]float64{
			breaker: float64(now.Breaker), limitNow: float64(now.Limit), underWay: float64(now.UnderWay), queued: float64(now.Queued), mode: float64(now.Mode), overdue: late,
		} {
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, s.info.System)
		}
	}
}
