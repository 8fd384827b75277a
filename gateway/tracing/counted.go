package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"tongma/gateway/events"
)

// lostEvery is how often lost spans are told of.
const lostEvery = time.Minute

// counted sends spans on and counts what becomes of them. OpenTelemetry itself would write its troubles past our log.
type counted struct {
	sdk.SpanExporter
	log        *slog.Logger
	sent, lost prometheus.Counter

	mu   sync.Mutex
	next time.Time // when lost spans may be told of again
}

func newCounted(to sdk.SpanExporter, log *slog.Logger, metrics prometheus.Registerer) (*counted, error) {
	spans := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tongma_spans_total", Help: "Spans of traces, by result: sent, lost (the collector did not take them).",
	}, []string{"result"})
	if err := metrics.Register(spans); err != nil {
		return nil, fmt.Errorf("tracing: metrics: %w", err)
	}
	return &counted{SpanExporter: to, log: log, sent: spans.WithLabelValues("sent"), lost: spans.WithLabelValues("lost")}, nil
}

// ExportSpans never fails: what is lost is told of here.
func (c *counted) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := c.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		c.sent.Add(float64(len(spans)))
		return nil
	}
	c.lost.Add(float64(len(spans)))
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); !now.Before(c.next) {
		c.next = now.Add(lostEvery)
		events.SpansLost.Tell(c.log, slog.Int("spans", len(spans)), slog.Any("err", err))
	}
	return nil
}
