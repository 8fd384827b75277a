package api

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tongma/gateway"
	"tongma/gateway/events"
	"tongma/standard/wire"
)

// meters count calls by route and return code. No label holds anything that a caller chooses.
type meters struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	notices  *prometheus.CounterVec
	changes  *prometheus.CounterVec
}

// routeMeter is what one route counts with, looked up once.
type routeMeter struct {
	codes    map[*wire.Code]prometheus.Counter
	duration prometheus.Observer
}

// newMeters makes the meters. Those of notices are there from the start: a rate does not see a series' first count.
func newMeters(to prometheus.Registerer, systems []gateway.System) (meters, error) {
	m := meters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tongma_requests_total",
			Help: "Requests by route and return code.",
		}, []string{"route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "tongma_request_duration_seconds",
			Help:    "Time from the first check of a request to its answer, by route.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tongma_change_notices_total",
			Help: "Change notices of a system's platform: heartbeat, changes, repeated, missed (numbers before it never came), undelivered (to be repeated).",
		}, []string{"system", "result"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tongma_changes_total",
			Help: "Changes that were marked, by system and what they name: subject, scan, document, all.",
		}, []string{"system", "kind"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.notices, m.changes} {
		if err := to.Register(c); err != nil {
			return meters{}, err
		}
	}
	for i := range systems {
		for _, id := range idsOf(&systems[i]) {
			for _, result := range []string{"heartbeat", "changes", "repeated", "missed", "undelivered"} {
				m.notices.WithLabelValues(id, result)
			}
			for _, kind := range kindNames {
				m.changes.WithLabelValues(id, kind)
			}
		}
	}
	return m, nil
}

// idsOf gives the id of a system and of the further ones that its backend answers for.
func idsOf(s *gateway.System) []string {
	ids := []string{s.Info.System}
	for _, further := range s.Info.Systems {
		ids = append(ids, further.ID)
	}
	return ids
}

func (m meters) route(path string) *routeMeter {
	r := &routeMeter{codes: map[*wire.Code]prometheus.Counter{}, duration: m.duration.WithLabelValues(path)}
	for _, code := range wire.Codes {
		r.codes[code] = m.requests.WithLabelValues(path, code.Code)
	}
	return r
}

func (m *routeMeter) count(code *wire.Code, took time.Duration) {
	m.codes[code].Inc()
	m.duration.Observe(took.Seconds())
}

// logAccess writes one line a call, for whoever switches it on. It holds nothing that the caller chose.
func (s *Server) logAccess(route, id string, code *wire.Code) {
	if events.Call.Told(s.cfg.Log) {
		events.Call.Tell(s.cfg.Log, slog.String("requestId", id), slog.String("route", route), slog.String("code", code.Code))
	}
}
