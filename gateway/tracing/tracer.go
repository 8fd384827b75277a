package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"tongma/gateway/events"
)

// Config says where traces go, and which.
type Config struct {
	Endpoint string   // URL of a collector that takes OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces
	Sample   float64  // the share of calls that are followed, 0 to 1
	Trust    []string // callers whose traceparent is followed
	Send     []string // systems whose backends are sent one

	Gateway string                // the gateway's id, in every trace
	Log     *slog.Logger          // nil: nothing is logged. What it knows, spans may name
	Metrics prometheus.Registerer // nil: nothing is registered
}

// ParseEndpoint says what is wrong with the URL of a collector.
func ParseEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("tracing: the endpoint is not like http://127.0.0.1:4318/v1/traces")
	}
	return nil
}

// Tracer makes spans and sends them to a collector. It is safe for concurrent use.
type Tracer struct {
	provider    *sdk.TracerProvider
	tracer      trace.Tracer
	log         *slog.Logger
	trust, send map[string]bool
}

// exportTime bounds an attempt to send spans.
const exportTime = 5 * time.Second

// Open begins to send spans until [Tracer.Close]. A collector that is not there is no error: the spans are lost, and counted.
func Open(c Config) (*Tracer, error) {
	if err := ParseEndpoint(c.Endpoint); err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(context.Background(),
		otlptracehttp.WithEndpointURL(c.Endpoint),
		otlptracehttp.WithTimeout(exportTime),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}),
		otlptracehttp.WithProxy(func(*http.Request) (*url.URL, error) { return nil, nil }),
	)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	return open(c, exporter)
}

func open(c Config, to sdk.SpanExporter) (*Tracer, error) {
	if !(c.Sample >= 0 && c.Sample <= 1) {
		return nil, errors.New("tracing: the share of calls that are followed is not from 0 to 1")
	}
	// Its own way to tell of trouble goes past our log, and says nothing that the exporter does not count.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	c.Log = events.Seal(c.Log)
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	counted, err := newCounted(to, c.Log, c.Metrics)
	if err != nil {
		return nil, err
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(counted),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(c.Sample))),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "tongma"), attribute.String("service.instance.id", c.Gateway),
		)),
	)
	t := &Tracer{provider: provider, tracer: provider.Tracer("tongma"), log: c.Log, trust: map[string]bool{}, send: map[string]bool{}}
	for _, id := range c.Trust {
		t.trust[id] = true
	}
	for _, id := range c.Send {
		t.send[id] = true
	}
	return t, nil
}

// Close sends what is left, until ctx ends.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	_ = t.provider.Shutdown(ctx) // what could not be sent is counted, and no reason to end badly
	return nil
}

// Call begins the span of a caller's request, which began at a time. The header is the request's.
func (t *Tracer) Call(ctx context.Context, began time.Time, caller string, header http.Header) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	parent := ctx
	if t.trust[caller] {
		parent = joining(ctx, header)
	}
	below, span := t.tracer.Start(parent, string(Call), trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindServer))
	if !span.IsRecording() {
		return ctx, Span{}
	}
	return below, Span{span, t.log}
}

// joining gives a context below the span that a header names. Its tracestate stays behind: it holds whatever its sender likes.
func joining(ctx context.Context, header http.Header) context.Context {
	read := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(header)))
	if !read.IsValid() {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, read.WithTraceState(trace.TraceState{}))
}

// Start begins a span below that of ctx, if there is one.
func (t *Tracer) Start(ctx context.Context, name Name) (context.Context, Span) {
	if t == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, Span{}
	}
	below, span := t.tracer.Start(ctx, string(name), trace.WithSpanKind(name.kind()))
	return below, Span{span, t.log}
}

// Below gives ctx the span of another context, which may end before.
func (t *Tracer) Below(ctx, other context.Context) context.Context {
	if t == nil || other == nil {
		return ctx
	}
	if span := trace.SpanFromContext(other); span.IsRecording() {
		return trace.ContextWithSpan(ctx, span)
	}
	return ctx
}

// HeaderName is the header in which a traceparent is sent.
const HeaderName = "traceparent"

// Header gives the traceparent that the backend of a system is sent with a request of ctx, "" for none.
func (t *Tracer) Header(ctx context.Context, system string) string {
	if t == nil || !t.send[system] {
		return ""
	}
	sent := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, sent)
	return sent[HeaderName]
}
