// Package load puts a load of verifications on a gateway and says what came back, how fast, and whether it was true.
//
//	report, err := load.Run(ctx, plan, source, watch)
//
// A [Plan] says which gateway, as whom, how much and for how long; a [Source] gives what to ask about. Cancel ctx to stop: the report
// tells of what was done until then.
//
// # Two loops
//
// With a rate the loop is open: requests are due at even distances, whatever becomes of those before, and a latency runs from the moment
// at which the request was due. A gateway that stands still for a second so gets a second of late answers in the report, and not one
// (coordinated omission). What cannot be sent within the patience, because all connections wait, is counted as unsent, with the time
// that it waited. Without a rate the loop is closed: each connection sends as soon as it has its answer, which finds out how much can be
// carried and nothing about how long callers wait.
//
// # What is checked
//
// Every answer's signature, or a sample; and every answer against the status that the list expects: a green where the list has
// another status is a false green. Both make a report fail, see [Report.Failed].
//
// # Why not package client
//
// net/http's client and a full decoding cost more than the gateway that they measure. A connection here is a goroutine that writes a
// request as it goes over the wire and reads what comes back, so that gateway, backends and load fit on one small machine.
// BenchmarkCeiling measures what that costs.
package load
