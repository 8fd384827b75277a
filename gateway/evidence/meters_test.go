package evidence

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tongma/gateway/store/storetest"
)

// shown gives the metrics with one series, by name, and of those with labels the number of series.
func shown(t *testing.T, r *prometheus.Registry) (values map[string]float64, series map[string]int) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values, series = map[string]float64{}, map[string]int{}
	for _, f := range families {
		series[f.GetName()] = len(f.GetMetric())
		m := f.GetMetric()[0]
		switch {
		case m.GetGauge() != nil:
			values[f.GetName()] = m.GetGauge().GetValue()
		case m.GetHistogram() != nil:
			values[f.GetName()] = float64(m.GetHistogram().GetSampleCount())
		}
	}
	return values, series
}

func TestMetricsTellHowTheLogStands(t *testing.T) {
	disk := storetest.NewDisk(t)
	s := storetest.Open(t, disk.URL())
	c := newClock() // noon
	made := config(t, s, "node-1")
	registry := prometheus.NewRegistry()
	made.Now, made.Uptime, made.Metrics = c.now, c.uptime, registry
	l := open(t, made)
	for range 3 {
		add(t, l, person(1))
	}
	mustFind(t, l, person(1), 3)
	c.pass(time.Minute)
	values, series := shown(t, registry)
	for name, want := range map[string]float64{
		"tongma_evidence_up": 1, "tongma_evidence_lost": 0, "tongma_evidence_waiting": 0, "tongma_evidence_oldest_waiting_seconds": 0,
		"tongma_evidence_index_lag_seconds": 60, "tongma_evidence_day_key_remaining_seconds": (11*time.Hour + 61*time.Minute).Seconds(),
		"tongma_evidence_group_entries": 4, "tongma_evidence_group_seconds": 4,
	} {
		if got, there := values[name]; !there || got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if got := testutil.ToFloat64(l.meters.entries.WithLabelValues("verification")); got != 3 {
		t.Errorf("%v verifications", got)
	}
	l.tidy(t.Context())
	c.pass(24 * time.Hour)
	l.tidy(t.Context())
	for state, want := range map[string]float64{"open": 0, "sealed": 1, "overdue": 0, "destroyed": 0} {
		if got := l.meters.keys[state]; got != want {
			t.Errorf("%v keys are %s, want %v", got, state, want)
		}
	}
	add(t, l, person(1))
	disk.Full(true)
	for range 3 {
		if err := l.Append(t.Context(), entry(c.now()), person(1)); !errors.Is(err, ErrUnavailable) {
			t.Fatal(err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	l.meters.appended(1, gone.Err())
	l.meters.appended(1, errors.New("anything"))
	if values, _ := shown(t, registry); values["tongma_evidence_up"] != 0 {
		t.Error("up while the disk is full")
	}
	_, after := shown(t, registry)
	if series["tongma_evidence_entries_total"] != len(kinds) || after["tongma_evidence_refused_total"] != 7 || after["tongma_evidence_day_keys"] != 4 {
		t.Errorf("series %v", after)
	}
	disk.Full(false)
	shut(l)
	if left, _ := shown(t, registry); len(left) != 0 {
		t.Errorf("after Close: %v", left)
	}
}
