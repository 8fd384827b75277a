// Package tracing follows calls through a node with OpenTelemetry, and is the only one that knows it. A nil [Tracer] follows nothing and costs
// a comparison.
//
// A call that is sampled has these spans:
//
//	call           one signed request, from its first check to its answer; begins when the caller is known
//	  recognise    which system claims the scan
//	  memory       whether the answer is remembered
//	  flight       the question to the system, which belongs to no caller: it may end after the call. Who joins has a span joined, with a link
//	    guard      the guards of the system, with the time in its queue
//	      backend  one HTTP request of its dialect
//	  evidence     until the entry is on disk
//
// # What spans say
//
// A closed list, as methods of [Span]: ids of the node's own systems and callers, outcomes, reasons, return codes, HTTP methods and status
// codes. No address, path, header, body, name, number, scan or colour of a code. What a method is given and is not of its list is left out.
//
// # Whom traces join
//
// A caller's traceparent (W3C Trace Context) is followed if the configuration trusts that caller: it rules whether the call is sampled.
// A backend is sent one if the configuration names its system. tracestate and baggage are neither taken nor sent.
package tracing
