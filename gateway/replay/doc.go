// Package replay keeps the nodes of one gateway from accepting a request twice, whichever of them it is sent to.
//
// Who has recorded a signed request can send it again until its time is too old. A gateway of one node finds that in its memory
// (package registry). Several nodes ask one place: Redis, which is quick, or while there is none PostgreSQL.
//
// # Who decides
//
// Two places that both say "new" would be the hole that this package is against. So for each request one place decides, and which one
// follows from the request's own time, which is signed. The bounds stand in PostgreSQL, in one row:
//
//	……… nobody ……… floor ……… PostgreSQL ……… since ……… whoever has the turn ……… until ……… not yet ………▶ time of a request
//
// Nodes that reach the place whose turn it is move until along, a second ahead of the clock. When the turn goes over, until stays where it
// is, and becomes the floor if what was known below is lost or cannot be asked, else the border between the two. A node that has not
// heard of it goes on deciding about times up to the until that it knows: nobody else does. No clock, no lease and no lost message
// can let two places decide about one time.
//
// A caller whose clock is ahead of until has bounds of its own, further on: they are written before its request passes.
//
// # What holds in each case
//
//   - Redis and PostgreSQL there: Redis decides, at one round trip for all requests that wait at that moment. PostgreSQL is asked four times a
//     second by each node, and by no request.
//   - Redis gone for all nodes, hanging, full, or read-only: within about a second the turn is PostgreSQL's. Until then requests are refused with
//     [registry.ErrUnsure], and for up to a second after it those whose time is at or below the floor, as after a restart of a single node:
//     the refusal says from which time on. Nothing that Redis had accepted passes, because its time is not above the floor.
//   - Redis gone for one node alone: that node refuses and is not ready, see [Nonces.Ready]; the others go on. It sees from PostgreSQL that they do.
//   - Redis back: when it has been well for three seconds the turn is its again. PostgreSQL goes on deciding about the times that it had.
//     Nothing is refused.
//   - Redis back without its data, or with some of it: emptied, restarted from whatever file, a replica that has become the master,
//     nonces evicted. It is known by its epoch, which names the replication id that Redis draws anew each time it starts or becomes the master;
//     each script that takes nonces looks at it, and whether each set of nonces is there that should be. It counts as a Redis that was never
//     asked: the turn begins anew, with a floor.
//   - An old master in a split network: it decides on, for nodes that reach it and not PostgreSQL, about times up to the until that they know. A
//     second later they refuse.
//   - PostgreSQL gone: Redis decides for another second, then every node refuses, because nobody knows who decides. A gateway whose evidence is in
//     the same PostgreSQL answers nothing then in any case.
//   - Both gone: refused.
//   - PostgreSQL gone back behind what a node knows, such as to a copy or to a replica that lacks the last commits: it decides about nothing until that
//     node has put all that it knew, and a second more, below the floor. Callers whose clocks are ahead wait for three seconds, so that every node
//     that lives has done so; the same at the very first start. A replica that becomes the master should have all that was committed
//     (synchronous_standby_names), as for the evidence: what nobody knows of cannot be missed.
//   - PostgreSQL restored by `tongma store restore`: a backup holds no nonces, so times up to three minutes after the restoring, which are all that
//     can have been accepted before, are below the floor: until then requests are refused by their time. With another copy that no node has outlived
//     (`restore --complete` makes one), times up to its return are below the floor, but requests of callers whose clocks were ahead of it may pass once more: start the nodes three
//     minutes later.
//   - No PostgreSQL configured: Redis decides alone, and requests are refused while it is gone. When it comes back without its data the floor
//     is the later of its clock and the node's, and [lead] on: requests more than [ahead] in the future of a node's clock are refused by their
//     time, so that none is above it. This needs clocks within a second of each other, and cannot see two masters of a split network.
//
// What is told apart is a caller's nonce. Where a turn has gone over since, a nonce that its caller takes again for another request, with
// another time, may pass; the same request never does.
//
// # What is kept
//
// Of a nonce 16 bytes of HMAC-SM3 over its caller and itself, under a key derived from the secret of the nodes, and the request's time. In Redis four
// sets, each of which takes the nonces of two minutes and is dropped as a whole, and a hash beside them; they have no time to live, so that
// a policy of eviction among keys that have one takes none of them. Commands: EVALSHA and EVAL with INFO, TIME, HMGET, HSET, HDEL, EXISTS,
// SISMEMBER, SADD, UNLINK. In PostgreSQL the tables nonces and nonce_turns.
package replay
