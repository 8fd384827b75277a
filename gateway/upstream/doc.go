// Package upstream stands between the gateway and the backends of the regions. It is the only place that knows resty and gobreaker.
//
// [NewHost] gives an adapter its way out: one HTTP request at a time to the configured endpoints and to nothing else.
//
// [Guard] wraps an adapter so that a sick backend harms nobody but itself. A call goes through its guards from the outside in:
//
//	screen    what the scan says itself is answered without a call: an expired one is expired however sick its system is
//	door      while nobody may ask, everybody is answered at once: an operator says so, or the system itself (a rest), or the breaker
//	queue     so many calls at once as the system bears, so many a second as it allows; the others wait, the most urgent first
//	breaker   counts what becomes of calls, and shuts the door on a system that fails again and again
//	timeout   no call longer than the system's own timeout
//	attempts  one more where the first reached nobody (retry), or beside one that takes long (hedge), within a budget
//
// Every refusal is an [adapters.Fault], so the pipeline sees one kind of trouble. Where it is known when asking makes sense again,
// the fault says so.
//
// # Waiting
//
// A context may carry a [Demand]: until when anybody waits for the call, and how urgent it is. It rules the queue and nothing
// else. A call whose turn would come later than that is refused at once, a full queue makes room for a more urgent call by turning
// away the least urgent that came last, and whoever has no slot when the demand ends leaves. What has been sent goes on until the
// system's own timeout, because its answer can be remembered, and the breaker learns the truth.
//
// # How many at once
//
// The limit moves between a sixteenth of limits.concurrency and all of it. When calls take half as long again as usual, fewer are let
// through, as an experiment. If the backend answers as many as before, they only waited for each other there, and it stays at
// fewer; if not, the backend is slow by itself and gets back what it had. A busy answer lowers the limit at once.
//
// # When a system is sick
//
// The breaker opens for about a second at first, and after each failed try for twice as long, up to half a minute. A system is
// tried by its descriptor's probe, in the background; only where there is none, one traveller's call tries it while all others are
// answered at once. Connections that fail, timeouts, and answers that cannot be understood are failures. A busy system, a spent
// quota and a scan of which no request can be made are not.
//
// # What the operator sees
//
//	seen in Condition            why                                           what to do
//	mode open                    an operator has forced it open                warm it when the system is sound again
//	mode drain                   an operator drains it                         wait until underWay and queued are 0, then work on it
//	breaker open                 the system failed again and again             look at openUntil and at what the log says of the backend
//	breaker open, probe true     and a probe fails too                         tell the platform; nothing of ours needs a restart
//	breaker half_open            it is being tried at this moment              wait
//	restReason backend_busy      it asked to be left alone until restUntil     ask the platform for capacity, or lower limits.rate
//	restReason backend_quota     the quota is used up until restUntil          ask the platform for more; warm it when they say so
//	limit far below configured   calls take longer than usual when more run    tell the platform; raising limits.concurrency does not help
//	queued high, limit full      more scans than the system serves             raise limits.rate or limits.concurrency if it bears more
//	retries 0                    every tenth call has needed a second one      look at the network between
//
// # Switching
//
// [Guarded.Switch] forces the breaker open, drains, or lets the guards decide again. [Guarded.Warm] does the last slowly: a probe first,
// if there is one, and then one call at a time and more as they are answered.
package upstream
