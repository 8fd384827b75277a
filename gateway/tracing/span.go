package tracing

import (
	"log/slog"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"tongma/gateway/events"
	"tongma/standard"
	"tongma/standard/wire"
)

// Name is the name of a span.
type Name string

// The names.
const (
	Call      Name = "call"
	Recognise Name = "recognise"
	Memory    Name = "memory"
	Flight    Name = "flight"
	Joined    Name = "joined"
	Guard     Name = "guard"
	Backend   Name = "backend"
	Evidence  Name = "evidence"
)

func (n Name) kind() trace.SpanKind {
	if n == Backend {
		return trace.SpanKindClient
	}
	return trace.SpanKindInternal
}

// Span is a span that is under way. Of the zero one nothing is noted.
type Span struct {
	of  trace.Span
	log *slog.Logger // knows the node's ids
}

// On says whether anything is noted.
func (s Span) On() bool { return s.of != nil }

// End ends the span.
func (s Span) End() {
	if s.of != nil {
		s.of.End()
	}
}

// Fail marks the span as one that went wrong.
func (s Span) Fail() {
	if s.of != nil {
		s.of.SetStatus(codes.Error, "")
	}
}

// Link joins the span to another trace's.
func (s Span) Link(to Span) {
	if s.of != nil && to.of != nil {
		s.of.AddLink(trace.Link{SpanContext: to.of.SpanContext()})
	}
}

// System notes the system that is asked.
func (s Span) System(id string) { s.known("tongma.system", events.System, id) }

// Party notes who calls.
func (s Span) Party(id string) { s.known("tongma.party", events.Party, id) }

// Route notes the path of the interface.
func (s Span) Route(path string) { s.known("http.route", events.Route, path) }

func (s Span) known(key string, k events.Kind, id string) {
	if s.of != nil && events.Knows(s.log, k, id) {
		s.of.SetAttributes(attribute.String(key, id))
	}
}

// Request notes the id that the gateway has given to the call, which is also in the log.
func (s Span) Request(id string) {
	if s.of != nil && events.IsRequest(id) {
		s.of.SetAttributes(attribute.String("tongma.request_id", id))
	}
}

// Code notes the return code. One of the gateway's own trouble fails the span.
func (s Span) Code(c *wire.Code) {
	if s.of == nil {
		return
	}
	s.of.SetAttributes(attribute.String("tongma.code", c.Code), attribute.Int("http.response.status_code", c.Status))
	if c.Status >= 500 {
		s.Fail()
	}
}

// Outcome notes what became of a question, and why if it is not verified.
func (s Span) Outcome(o standard.Outcome, why standard.ReasonCode) {
	if s.of == nil {
		return
	}
	if slices.Contains(outcomes, o) {
		s.of.SetAttributes(attribute.String("tongma.outcome", string(o)))
	}
	if o == standard.Unavailable {
		s.Fail()
	}
	s.Reason(why)
}

var outcomes = func() []standard.Outcome {
	all := []standard.Outcome{standard.Verified}
	for _, r := range standard.Reasons {
		all = append(all, r.Outcome)
	}
	return all
}()

// Reason notes why there is no answer.
func (s Span) Reason(why standard.ReasonCode) {
	if s.of != nil && slices.ContainsFunc(standard.Reasons, func(r standard.ReasonRow) bool { return r.Code == why }) {
		s.of.SetAttributes(attribute.String("tongma.reason", string(why)))
	}
}

// From notes where an answer comes from.
func (s Span) From(f standard.From) {
	if s.of != nil && slices.Contains([]standard.From{standard.Live, standard.Cache, standard.Stale}, f) {
		s.of.SetAttributes(attribute.String("tongma.from", string(f)))
	}
}

// Refresh notes that nobody waits for the answer.
func (s Span) Refresh() {
	if s.of != nil {
		s.of.SetAttributes(attribute.Bool("tongma.refresh", true))
	}
}

// Queued notes the time that was spent in a system's queue.
func (s Span) Queued(d time.Duration) {
	if s.of != nil {
		s.of.SetAttributes(attribute.Float64("tongma.queued_ms", float64(d)/float64(time.Millisecond)))
	}
}

// Method notes the method of a request to a backend.
func (s Span) Method(method string) {
	if s.of != nil && slices.Contains([]string{"GET", "POST", "PUT"}, method) {
		s.of.SetAttributes(attribute.String("http.request.method", method))
	}
}

// Status notes the status of a backend's reply.
func (s Span) Status(status int) {
	if s.of != nil && status >= 100 && status <= 999 {
		s.of.SetAttributes(attribute.Int("http.response.status_code", status))
	}
}
