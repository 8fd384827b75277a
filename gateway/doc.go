// Package gateway is the way of a verification: a scan goes in, a decided answer comes out.
//
//	scan ─ recognise ─ fresh? ──hit─────────────────────────┐
//	           │          └miss─ flight ─ guards ─ adapter ─┴─ decide ─ view by role ─ answer
//	           └ nobody knows it → unrecognised
//
// Make a [Gateway] with [New], ask it with [Gateway.Verify], end it with [Gateway.Close]. Verify answers within the caller's
// patience whatever the backends do: every outcome is an answer, and an error means that the request itself was wrong (a
// [*standard.Error]) or that the gateway is closed.
//
// Who asks first starts a flight; who asks the same while it is under way joins it. A flight belongs to nobody: it ends by
// the system's own timeouts, so a caller who leaves takes nothing from the others, and what it brings home is remembered.
//
// What an adapter says is judged before anybody sees it. No green leaves this package unless the home system said green for this
// scan, under its own name, within its validity.
package gateway
