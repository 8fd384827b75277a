// Package upstream stands between the gateway and the backends of the regions. It is the only place that knows resty and gobreaker.
//
// [NewHost] gives an adapter its way out: one HTTP request at a time to the configured endpoints and to nothing else.
//
// [Guard] wraps an adapter so that a sick backend harms nobody but itself. From the outside in:
//
//	door      while the breaker is open, callers are answered at once
//	rate      no more calls a second than the system allows
//	bulkhead  no more calls at once than the system allows, and no more waiting than makes sense
//	breaker   a system that fails again and again is left in peace for a while
//	timeout   no call longer than the system's own timeout
//	retry     one more attempt where nothing was answered, unless the backend records each call
//
// Every refusal is an [adapters.Fault], so the pipeline sees one kind of trouble.
package upstream
