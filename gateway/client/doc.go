// Package client calls a gateway over the signed interface, Tongma profile 1.
//
//	c, err := client.New(client.Config{
//		URL: "https://gateway.example", GatewayID: "node-1", GatewayKey: gatewayKey,
//		Rid: "gate-7", KeyID: "k1", Key: key,
//	})
//	v, err := c.Verify(ctx, &standard.Request{Scan: scan, Place: standard.Place{Region: "310104"}})
//
// An answer is believed only if the pinned key of the pinned gateway signed it for this very request. So an error is one of
// three, and [errors.Is] and [errors.AsType] tell them apart:
//
//   - a *[RefusedError]: the gateway refused the call; Signed says whether that is sure
//   - [ErrSignature]: what came back is not the gateway's
//   - [ErrUnreachable]: nothing came back
//
// [Client.Session] spares both sides SM2: from then on calls are signed with HMAC-SM3, and the session is renewed in time.
// [Client.Notify] is for platforms: it tells of changes in their own systems, and signs with SM2 always.
// [Client.Operate], [Client.State] and [Client.Operations] are for the gateway's operators, and do so too. They are about the one node that
// answers: where several stand behind one address, give each a client of its own.
// [Client.Prove] gives the proof of an answer. [Client.Ask] and [Client.AskedState] are for platforms whose travellers want to know what was recorded about
// them; [Client.DayKeys], [Client.Search], [Client.Asked] and [Client.AnswerAsked] for the privacy officer. What needs their private keys, they do themselves.
// A clock that is wrong is mended once from what the gateway says.
//
// A connection that was kept may have ended at the gateway's side just when it is used again. What may come twice is sent once more then, on a new
// connection and with a new nonce: verifications with a reference, applications for a session, and what only looks. Anything else is [ErrUnreachable].
package client
