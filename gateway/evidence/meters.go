package evidence

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tongma/standard/proof"
)

// meters are the metrics of a log. Their labels are words of this file.
type meters struct {
	entries *prometheus.CounterVec
	refused *prometheus.CounterVec
	sizes   prometheus.Histogram
	seconds prometheus.Histogram
	all     []prometheus.Collector

	mu   sync.Mutex
	keys map[string]float64 // of days, by their state
}

var kinds = map[proof.Kind]string{proof.Verification: "verification", proof.Search: "search", proof.SubjectRequest: "subject_request"}

// Why an entry was not kept.
var refusals = []struct {
	err  error
	word string
}{
	{errFull, "full"}, {errLate, "late"}, {errLost, "lost"}, {errClosed, "closed"}, {ErrUnavailable, "store"}, {context.Canceled, "caller"}, {context.DeadlineExceeded, "caller"},
}

func newMeters(registry prometheus.Registerer, l *Log) (*meters, error) {
	m := &meters{
		entries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tongma_evidence_entries_total", Help: "Entries that were kept, by kind: verification, search, subject_request.",
		}, []string{"kind"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tongma_evidence_refused_total", Help: "Entries that were not kept, so that their answers were not given, by reason: store, late, full, lost, closed, caller (it has gone), other.",
		}, []string{"reason"}),
		sizes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tongma_evidence_group_entries", Help: "Entries of a group, which share a signature and a sync.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096},
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tongma_evidence_group_seconds", Help: "Time that a group took to be durable, all tries together.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}),
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	m.all = []prometheus.Collector{m.entries, m.refused, m.sizes, m.seconds,
		gauge("tongma_evidence_waiting", "Entries that wait to be durable.", func() float64 { return float64(l.waiting.count()) }),
		gauge("tongma_evidence_up", "1 while entries are kept. While it is 0 no verification is answered.", func() float64 { return truth(l.Ready() == nil) }),
		gauge("tongma_evidence_lost", "1 while another node has this node's log.", func() float64 { return truth(errors.Is(l.Ready(), errLost)) }),
		gauge("tongma_evidence_oldest_waiting_seconds", "How long the oldest entry waits to be durable.", func() float64 { return l.waiting.oldest().Seconds() }),
		gauge("tongma_evidence_index_lag_seconds", "Age of the oldest group that is not in the index of pseudonyms. Searches read through what is not.", func() float64 { return l.position.lag(l.config.Now()).Seconds() }),
		gauge("tongma_evidence_day_key_remaining_seconds", "Time until the key of the present day leaves the nodes.", func() float64 { return l.remaining().Seconds() }),
		dayKeys{m},
	}
	for i, c := range m.all {
		if err := registry.Register(c); err != nil {
			for _, before := range m.all[:i] {
				registry.Unregister(before)
			}
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	for _, kind := range kinds {
		m.entries.WithLabelValues(kind)
	}
	for _, r := range refusals {
		m.refused.WithLabelValues(r.word)
	}
	return m, nil
}

func (m *meters) leave(registry prometheus.Registerer) {
	for _, c := range m.all {
		registry.Unregister(c)
	}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func (m *meters) appended(kind proof.Kind, err error) {
	if err == nil {
		m.entries.WithLabelValues(kinds[kind]).Inc()
		return
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			m.refused.WithLabelValues(r.word).Inc()
			return
		}
	}
	m.refused.WithLabelValues("other").Inc()
}

func (m *meters) wrote(entries int, took time.Duration) {
	m.sizes.Observe(float64(entries))
	m.seconds.Observe(took.Seconds())
}

// remaining is how long the key of the present day is still with the nodes.
func (l *Log) remaining() time.Duration {
	now := l.config.Now()
	end, err := endOf(dayOf(now))
	if err != nil {
		return 0
	}
	return end.Add(afterDay).Sub(now)
}

// dayKeys shows how many days' keys there are in each state, as was last counted in the store.
type dayKeys struct{ m *meters }

var dayKeysDesc = prometheus.NewDesc("tongma_evidence_day_keys",
	"Keys of days in the store, by state: open (the nodes have them), sealed (the privacy officer alone), overdue (open though the day is over, or sealed though the retention is), destroyed.", []string{"state"}, nil)

func (dayKeys) Describe(to chan<- *prometheus.Desc) { to <- dayKeysDesc }

func (k dayKeys) Collect(to chan<- prometheus.Metric) {
	k.m.mu.Lock()
	defer k.m.mu.Unlock()
	for state, n := range k.m.keys {
		to <- prometheus.MustNewConstMetric(dayKeysDesc, prometheus.GaugeValue, n, state)
	}
}

// count counts the keys of days in the store.
func (m *meters) count(ctx context.Context, l *Log) error {
	now := l.config.Now()
	open, kept := dayOf(now.Add(-afterDay)), dayOf(now.Add(-l.config.Retention))
	rows, err := l.store.Read.QueryContext(ctx, "SELECT day, wrapped IS NOT NULL, sealed IS NOT NULL FROM day_keys")
	if err != nil {
		return err
	}
	defer rows.Close()
	keys := map[string]float64{"open": 0, "sealed": 0, "overdue": 0, "destroyed": 0}
	for rows.Next() {
		var day string
		var wrapped, sealed bool
		if err := rows.Scan(&day, &wrapped, &sealed); err != nil {
			return err
		}
		switch {
		case wrapped && day < open, sealed && day < kept:
			keys["overdue"]++
		case wrapped:
			keys["open"]++
		case sealed:
			keys["sealed"]++
		default:
			keys["destroyed"]++
		}
	}
	m.mu.Lock()
	m.keys = keys
	m.mu.Unlock()
	return rows.Err()
}
