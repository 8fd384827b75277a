package tracing_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"tongma/adapters"
	"tongma/gateway"
	"tongma/gateway/events"
	"tongma/gateway/tracing"
	"tongma/standard"
	"tongma/standard/wire"
)

const personal = "11010119900307002X"

// dialect is a system whose backend is asked with a GET.
type dialect struct{}

func (dialect) Info() adapters.Info {
	return adapters.Info{System: "sui", Name: standard.Text{Zh: "x", En: "x"}, Region: "310000", Provenance: standard.FromSynthetic}
}

func (dialect) Open(h adapters.Host) adapters.Adapter { return adapter{h} }

type adapter struct{ host adapters.Host }

func (adapter) Forms() []adapters.Form { return []adapters.Form{{Text: "sui:{token:hex:8}"}} }

func (adapter) WriteKey(w io.Writer, q *adapters.Query) { io.WriteString(w, q.Ticket.Scan) }

func (a adapter) Verify(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	if _, err := a.host.Send(ctx, &adapters.Call{Method: "GET", Target: "/" + personal}); err != nil {
		return adapters.Result{}, err
	}
	return adapters.Result{Outcome: standard.Verified, ObservedAt: time.Now(), Record: &standard.Record{
		Status: standard.Green, System: standard.System{ID: "sui", Status: "1"}, Holder: standard.Holder{Name: "张某某", IDType: "01", IDNumber: personal},
	}}, nil
}

// traced is a gateway whose spans are kept.
type traced struct {
	*gateway.Gateway
	tracer  *tracing.Tracer
	spans   *tracetest.InMemoryExporter
	metrics *prometheus.Registry
	header  http.Header // of the last request that the backend has got
}

func start(t *testing.T, c tracing.Config, reply http.HandlerFunc) *traced {
	t.Helper()
	x := &traced{spans: tracetest.NewInMemoryExporter(), metrics: prometheus.NewRegistry()}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x.header = r.Header
		reply(w, r)
	}))
	t.Cleanup(backend.Close)
	c.Log = events.Seal(slog.New(slog.NewTextHandler(io.Discard, nil)))
	events.Know(c.Log, events.Party, "gate")
	events.Know(c.Log, events.Route, "/v1/verifications")
	var err error
	if x.tracer, err = tracing.OpenTo(c, keeping{x.spans}); err != nil {
		t.Fatal(err)
	}
	x.Gateway, err = gateway.New(gateway.Config{
		Backends: []gateway.Backend{{Dialect: dialect{}, Endpoint: backend.URL}}, Log: c.Log, Tracer: x.tracer, Metrics: x.metrics,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close(context.Background()) })
	return x
}

// keeping keeps the spans after the tracer has closed.
type keeping struct{ *tracetest.InMemoryExporter }

func (keeping) Shutdown(context.Context) error { return nil }

// verify asks as the interface does.
func (x *traced) verify(t *testing.T, scan string, header http.Header) {
	t.Helper()
	ctx, span := x.tracer.Call(t.Context(), time.Now(), "gate", header)
	span.Party("gate")
	span.Route("/v1/verifications")
	_, err := x.Verify(ctx, gateway.Call{
		Caller:  gateway.Caller{ID: "gate", Roles: standard.RolesOf(standard.RoleGate)},
		Request: &standard.Request{Scan: scan, Place: standard.Place{Region: "110000", Site: personal}},
	})
	if err != nil {
		t.Fatal(err)
	}
	span.Code(wire.CodeOK)
	span.End()
}

// all gives the spans by their names, after the tracer has closed.
func (x *traced) all(t *testing.T) map[string][]tracetest.SpanStub {
	t.Helper()
	if err := errors.Join(x.Gateway.Close(t.Context()), x.tracer.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	byName := map[string][]tracetest.SpanStub{}
	for _, s := range x.spans.GetSpans() {
		byName[s.Name] = append(byName[s.Name], s)
	}
	return byName
}

// count gives a counter that has one series.
func (x *traced) count(t *testing.T, name string) float64 {
	t.Helper()
	families, err := x.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func answers(http.ResponseWriter, *http.Request) {}

func attribute(s tracetest.SpanStub, key string) string {
	for _, a := range s.Attributes {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

func TestACallIsFollowedToItsBackend(t *testing.T) {
	x := start(t, tracing.Config{Sample: 1}, answers)
	x.verify(t, "sui:00000001", nil)
	x.verify(t, "sui:00000001", nil)
	spans := x.all(t)
	for name, want := range map[string]int{"call": 2, "recognise": 2, "memory": 2, "flight": 1, "guard": 1, "backend": 1, "joined": 0, "evidence": 0} {
		if got := len(spans[name]); got != want {
			t.Errorf("%d spans %s, want %d", got, name, want)
		}
	}
	above := ""
	for _, name := range []string{"call", "flight", "guard", "backend"} {
		s := spans[name][0]
		if above != "" && s.Parent.SpanID().String() != above {
			t.Errorf("%s is not below the one before", name)
		}
		above = s.SpanContext.SpanID().String()
	}
	for _, c := range []struct{ span, key, want string }{
		{"call", "tongma.party", "gate"}, {"call", "http.route", "/v1/verifications"}, {"call", "tongma.code", "0"},
		{"flight", "tongma.system", "sui"}, {"flight", "tongma.outcome", "verified"}, {"flight", "tongma.from", "live"},
		{"backend", "tongma.system", "sui"}, {"backend", "http.request.method", "GET"}, {"backend", "http.response.status_code", "200"},
	} {
		if got := attribute(spans[c.span][0], c.key); got != c.want {
			t.Errorf("%s: %s is %q, want %q", c.span, c.key, got, c.want)
		}
	}
}

func TestOnlyAttributesOfTheListAreInSpans(t *testing.T) {
	listed := []string{
		"tongma.system", "tongma.party", "http.route", "tongma.request_id", "tongma.code", "http.response.status_code", "tongma.outcome", "tongma.reason",
		"tongma.from", "tongma.refresh", "tongma.queued_ms", "http.request.method",
	}
	x := start(t, tracing.Config{Sample: 1}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusPartialContent) })
	x.verify(t, "sui:00000001", nil)
	_, span := x.tracer.Call(t.Context(), time.Now(), personal, nil)
	span.Party(personal)
	span.System(personal)
	span.Route("/" + personal)
	span.Request(personal)
	span.Outcome(personal, personal)
	span.From(personal)
	span.Method(personal)
	span.Status(110101199)
	span.End()
	for _, all := range x.all(t) {
		for _, s := range all {
			for _, a := range s.Attributes {
				if !slices.Contains(listed, string(a.Key)) {
					t.Errorf("%s has the attribute %s", s.Name, a.Key)
				}
			}
			if text := fmt.Sprintf("%+v", s); strings.Contains(text, "110101199") || strings.Contains(text, "张") || len(s.Events) > 0 || s.Status.Description != "" {
				t.Errorf("%s tells too much: %s", s.Name, text)
			}
		}
	}
}

func TestWhoJoinsAFlightIsLinkedToIt(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	x := start(t, tracing.Config{Sample: 1}, func(http.ResponseWriter, *http.Request) { close(asked); <-answer })
	var both sync.WaitGroup
	both.Go(func() { x.verify(t, "sui:00000001", nil) })
	<-asked
	both.Go(func() { x.verify(t, "sui:00000001", nil) })
	for x.count(t, "tongma_coalesced_total") == 0 {
		runtime.Gosched()
	}
	close(answer)
	both.Wait()
	spans := x.all(t)
	if len(spans["flight"]) != 1 || len(spans["joined"]) != 1 || len(spans["joined"][0].Links) != 1 ||
		spans["joined"][0].Links[0].SpanContext.SpanID() != spans["flight"][0].SpanContext.SpanID() {
		t.Errorf("%+v", spans["joined"])
	}
}

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"

// given is the header of a caller that has a trace.
func given(flags string) http.Header {
	return http.Header{"Traceparent": {parent + flags}, "Tracestate": {"x=" + personal}, "Baggage": {"name=" + personal}}
}

func TestACallersTraceIsFollowedOnlyIfItIsTrusted(t *testing.T) {
	for _, c := range []struct {
		name   string
		config tracing.Config
		header http.Header
		calls  int
		joins  bool
	}{
		{"trusted, sampled", tracing.Config{Trust: []string{"gate"}}, given("1"), 1, true},
		{"trusted, not sampled", tracing.Config{Trust: []string{"gate"}, Sample: 1}, given("0"), 0, false},
		{"trusted, without", tracing.Config{Trust: []string{"gate"}, Sample: 1}, nil, 1, false},
		{"trusted, broken", tracing.Config{Trust: []string{"gate"}, Sample: 1}, http.Header{"Traceparent": {personal}}, 1, false},
		{"not trusted, sampled", tracing.Config{Trust: []string{"other"}}, given("1"), 0, false},
		{"not trusted", tracing.Config{Sample: 1}, given("1"), 1, false},
	} {
		x := start(t, c.config, answers)
		x.verify(t, "sui:00000001", c.header)
		calls := x.all(t)["call"]
		if len(calls) != c.calls {
			t.Errorf("%s: %d spans", c.name, len(calls))
			continue
		}
		if c.calls > 0 && (calls[0].SpanContext.TraceID().String() == parent[3:35]) != c.joins {
			t.Errorf("%s: the trace is %s", c.name, calls[0].SpanContext.TraceID())
		}
		if text := fmt.Sprintf("%+v", calls); strings.Contains(text, personal) {
			t.Errorf("%s: %s", c.name, text)
		}
	}
}

func TestABackendIsSentATraceOnlyIfConfigured(t *testing.T) {
	for _, c := range []struct {
		name   string
		config tracing.Config
		want   bool
	}{
		{"not configured", tracing.Config{Sample: 1, Trust: []string{"gate"}}, false},
		{"another system", tracing.Config{Sample: 1, Trust: []string{"gate"}, Send: []string{"yue"}}, false},
		{"configured", tracing.Config{Sample: 1, Trust: []string{"gate"}, Send: []string{"sui"}}, true},
		{"configured, not sampled", tracing.Config{Send: []string{"sui"}}, false},
	} {
		x := start(t, c.config, answers)
		x.verify(t, "sui:00000001", given("1"))
		spans := x.all(t)
		got := x.header.Get("Traceparent")
		if (got != "") != c.want || x.header.Get("Tracestate")+x.header.Get("Baggage") != "" {
			t.Errorf("%s: the backend gets %v", c.name, x.header)
		}
		if c.want && !strings.Contains(got, spans["backend"][0].SpanContext.SpanID().String()) {
			t.Errorf("%s: %s is not the request's span", c.name, got)
		}
	}
}

type refusing struct{ sdk.SpanExporter }

func (refusing) ExportSpans(context.Context, []sdk.ReadOnlySpan) error { return errors.New(personal) }

func TestLostSpansAreCountedAndToldOf(t *testing.T) {
	var out bytes.Buffer
	metrics := prometheus.NewRegistry()
	tracer, err := tracing.OpenTo(tracing.Config{Sample: 1, Log: slog.New(slog.NewTextHandler(&out, nil)), Metrics: metrics}, refusing{tracetest.NewNoopExporter()})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, span := tracer.Call(t.Context(), time.Now(), "gate", nil)
		span.End()
	}
	if err := tracer.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := testutil.GatherAndCompare(metrics, strings.NewReader(`
# HELP tongma_spans_total Spans of traces, by result: sent, lost (the collector did not take them).
# TYPE tongma_spans_total counter
tongma_spans_total{result="lost"} 3
tongma_spans_total{result="sent"} 0
`)); err != nil {
		t.Error(err)
	}
	if text := out.String(); strings.Count(text, events.SpansLost.Name) != 1 || strings.Contains(text, personal) {
		t.Errorf("the log says %s", text)
	}
}

func TestWhatIsNoCollectorIsRefused(t *testing.T) {
	for _, endpoint := range []string{"", "127.0.0.1:4318", "ftp://a/v1/traces", "http://", "http://u:p@a/v1/traces", "http://a/v1/traces?token=x", "http://a\n"} {
		if _, err := tracing.Open(tracing.Config{Endpoint: endpoint}); err == nil {
			t.Errorf("%q is taken", endpoint)
		} else if strings.Contains(err.Error(), "token") || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
	for _, share := range []float64{-0.1, 1.1} {
		if _, err := tracing.Open(tracing.Config{Endpoint: "http://127.0.0.1:1/v1/traces", Sample: share}); err == nil {
			t.Errorf("a share of %v is taken", share)
		}
	}
}

func TestWithoutATracerNothingIsFollowed(t *testing.T) {
	var none *tracing.Tracer
	ctx, span := none.Call(t.Context(), time.Now(), "gate", given("1"))
	if below, inner := none.Start(ctx, tracing.Guard); ctx != t.Context() || below != ctx || span.On() || inner.On() || none.Header(ctx, "sui") != "" {
		t.Error("something is followed")
	}
	if none.Below(ctx, nil) != ctx || none.Close(ctx) != nil {
		t.Error("something is done")
	}
	cost := testing.AllocsPerRun(100, func() {
		ctx, span := none.Start(ctx, tracing.Guard)
		span.System("sui")
		span.Outcome(standard.Verified, "")
		span.End()
		_ = ctx
	})
	if cost > 0 {
		t.Errorf("%v allocations for nothing", cost)
	}
}

// BenchmarkOff is what one span costs a call when nothing is followed.
func BenchmarkOff(b *testing.B) {
	var none *tracing.Tracer
	ctx := b.Context()
	for b.Loop() {
		_, span := none.Start(ctx, tracing.Guard)
		span.System("sui")
		span.End()
	}
}

// BenchmarkOn is what the spans of a live call cost when it is followed; the exporter's work is not in it.
func BenchmarkOn(b *testing.B) {
	tracer, err := tracing.OpenTo(tracing.Config{Sample: 1}, tracetest.NewNoopExporter())
	if err != nil {
		b.Fatal(err)
	}
	defer tracer.Close(b.Context())
	b.ReportAllocs()
	for b.Loop() {
		ctx, call := tracer.Call(b.Context(), time.Now(), "gate", nil)
		for _, name := range []tracing.Name{tracing.Recognise, tracing.Memory, tracing.Flight, tracing.Guard, tracing.Backend} {
			_, span := tracer.Start(ctx, name)
			span.Outcome(standard.Verified, "")
			span.End()
		}
		call.Code(wire.CodeOK)
		call.End()
	}
}
