// Package api serves Tongma profile 1 over HTTP: who may call is decided here, what a scan means is not.
//
// Each signed call passes the same checks in the same order: size, syntax, source address, known caller, time, signature,
// nonce, the caller's rate; then service, role and purpose; then its body. A refusal up to and including a wrong
// signature is unsigned, because nobody has proved to be there to receive it; everything later is signed by the same
// type as the request. What platforms, operators and privacy officers do is signed by their own keys, never over a session. errors.go maps every inner error
// to a return code; what it does not know says nothing of the inside.
//
// What asks the evidence waits in a line of its own, see lookups.go: it shares a database with what keeps answers. The privacy officer's private key never
// comes here; what the officer reads comes sealed to it, and what the officer answers is sealed to its platform.
//
// A [Server] has two listeners: [Server.Serve] for callers and [Server.ServeMetrics] for those who watch. [Server.Shutdown] lets
// running calls end.
//
// The whole interface is described in openapi.yaml, which is also served at /openapi.yaml.
package api
