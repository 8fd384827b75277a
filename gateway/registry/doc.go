// Package registry knows who may call the gateway, and keeps what must be remembered of each caller so that a request is
// never accepted twice and nobody calls more often than agreed.
//
//   - [Parties] is the immutable table of callers: who they are, with which key they sign, what they may do.
//   - [Nonces] remembers the nonces of the last six minutes in memory, and on disk how far each caller's time had come, so that a
//     restart opens no door for replays.
//   - [Operations] is the record of what operators have done, and so of which systems they have taken out of service.
//   - [Rates] limits each caller, [Sources] each address that keeps failing to prove who it is.
//
// Nothing here reads requests or knows HTTP: package api asks in the order that the interface prescribes.
package registry
