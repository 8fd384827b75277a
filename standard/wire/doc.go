// Package wire is the signed interface of Tongma, profile 1, as both sides need it: the texts that are signed, the
// headers, sessions and return codes. It does no I/O and keeps no state, so that gateway, client and conformance suite share it.
//
// # A call
//
// A caller hashes its body with SM3, writes the request text ([AppendRequestText]), signs it with its SM2 key or MACs it
// with a session's key, and sends the signature in the head ([Head.Put]). The gateway reads the head ([ParseHead]), checks
// the target ([CheckTarget]), builds the same text and verifies. The answer text ([AppendAnswerText]) begins from the request's,
// so an answer cannot be moved to another call. The gateway's id is part of both and is pinned by the caller together
// with the gateway's key.
//
// # Order of checks
//
// Size, syntax, rate of the source address, known caller, time, signature, nonce, rate of the caller. Refusals up to and
// including a wrong signature are unsigned, later ones signed. So nobody unknown costs more than a parse and one verification, and
// nobody unknown can use up a nonce. A time is good within [Skew] of the gateway's clock. A nonce is
// kept for [NonceLife], the whole time in which its request's time is good.
//
// # Sessions
//
// A session spares both sides SM2: [SealSession] makes an id that holds the whole session under the gateway's own key, and
// [SessionKeys] derives one key for requests and another for answers.
//
// # Operators
//
// [Action] and [Operation] are what an operator has a gateway do about a system, and how the gateway records it.
//
// # Evidence
//
// [Search] is what the privacy officer asks of the evidence, and [SubjectAsk] what a traveller asks for through their platform. The officer's private
// key stays with the officer: days' keys and requests come sealed to it, and what answers a request is sealed to the platform.
//
// # Refusals
//
// Every function here that judges a request returns a *[Refusal]; its [Code] is a row of [Codes] and fixes the HTTP status.
package wire
