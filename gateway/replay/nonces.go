package replay

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tongma/gateway/events"
	"tongma/gateway/freshness"
	"tongma/gateway/registry"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// How long things may take.
const (
	quickTime = 250 * time.Millisecond // Redis, for all who wait
	sureTime  = 500 * time.Millisecond // PostgreSQL, likewise
	tick      = 250 * time.Millisecond // between two looks at either
	patience  = 600 * time.Millisecond // until it is believed that no node reaches the Redis whose turn it is
	settling  = 3 * time.Second        // for so long Redis must have been well to get its turn back
	calm      = 30 * time.Second       // a turn that lasted longer goes from one Redis to its successor at once
	doubt     = 2 * time.Second        // for so long a node that cannot decide is still ready
)

// Without PostgreSQL: how far in the future of its node's clock a request may be, and from the later clock to the floor of a Redis that
// came back without its data.
const (
	ahead = 4 * time.Second
	lead  = ahead + time.Second
)

// Config says where nonces are kept. All nodes of one gateway have the same.
type Config struct {
	Redis    freshness.SharedConfig // Log, Metrics and Now are of no matter here
	Database *sql.DB                // a PostgreSQL with the tables of package store; nil: none

	Now     func() time.Time
	Log     *slog.Logger          // nil: nothing is logged
	Metrics prometheus.Registerer // nil: nothing is registered
}

// Nonces remembers which nonces each caller has used, together with the other nodes. It is safe for concurrent use.
type Nonces struct {
	now    func() time.Time
	uptime func() time.Duration
	log    *slog.Logger
	key    sm.Digest
	quick  *quick
	sure   *sure // nil: Redis is alone

	view  atomic.Pointer[view]
	redis atomic.Pointer[health]
	fine  atomic.Int64 // the uptime at which this node could decide last

	inRedis, inDatabase *crowd[nonce]
	raising             *crowd[request]

	publishing sync.Mutex    // of view
	swept      time.Duration // this and the next are of the goroutine that looks who decides
	held       held
	down       error // what was told last of why this node cannot decide; nil: it can
	stop       context.CancelFunc
	done       sync.WaitGroup
}

// request is one whose caller is ahead.
type request struct {
	caller string // its tag
	at     int64
	seq    int64 // of the turn that it is to be decided in
}

// health is what is known of Redis.
type health struct {
	epoch string // "": it cannot be asked, or not be written to
	floor int64
	since time.Duration // the uptime from which on it has been in this epoch
}

// held is a turn whose until does not move.
type held struct {
	seq, until int64
	since      time.Duration
}

// Open begins to follow who decides, until [Nonces.Close]. Neither Redis nor PostgreSQL need be there yet: until one is, nothing is accepted.
func Open(c Config) (*Nonces, error) {
	client, err := c.Redis.Client()
	if err != nil {
		return nil, err
	}
	prefix := c.Redis.Prefix
	if prefix == "" {
		prefix = freshness.DefaultPrefix
	}
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	start := time.Now()
	n := &Nonces{
		now: c.Now, uptime: func() time.Duration { return time.Since(start) }, log: c.Log,
		key: sm.HMAC(c.Redis.Secret, []byte(wire.LineNonce+"\n"+prefix)), quick: newQuick(client, prefix),
	}
	n.redis.Store(&health{})
	n.fine.Store(-int64(doubt))
	if c.Database != nil {
		n.sure = &sure{c.Database}
	}
	if err := n.measure(c.Metrics); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	n.settle(ctx)
	n.begin(ctx)
	return n, nil
}

// settle finds out who decides before the first request comes, if that can be found out.
func (n *Nonces) settle(ctx context.Context) {
	n.look(ctx)
	for range 4 { // who begins: no row, the first turn, its successor, its until
		if n.sure == nil || !n.round(ctx) {
			return
		}
	}
}

func (n *Nonces) begin(ctx context.Context) {
	n.inRedis = newCrowd(ctx.Done(), n.quick.take)
	n.done.Go(func() { n.inRedis.serve(ctx, quickTime) })
	n.done.Go(func() { n.every(ctx, n.look) })
	if n.sure == nil {
		return
	}
	n.inDatabase = newCrowd(ctx.Done(), n.sure.take)
	n.raising = newCrowd(ctx.Done(), n.raise)
	n.done.Go(func() { n.inDatabase.serve(ctx, sureTime) })
	n.done.Go(func() { n.raising.serve(ctx, sureTime) })
	n.done.Go(func() { n.every(ctx, n.round) })
}

// Close ends what [Open] began; nothing is accepted any more. The database is left open.
func (n *Nonces) Close() error {
	n.stop()
	n.done.Wait()
	return n.quick.client.Close()
}

// Floor gives the time at or below which nobody decides about a caller's requests, so that none is accepted.
func (n *Nonces) Floor(caller string) time.Time {
	v := n.view.Load()
	if v == nil {
		return time.Time{}
	}
	return time.UnixMilli(v.of(func() string { return n.callerTag(caller) }).floor)
}

// Take notes that a caller used a nonce in a request with the time at. The request may go on if the error is nil; else it is
// [registry.ErrReplayed], [registry.ErrUnsure] or [registry.ErrAhead].
func (n *Nonces) Take(caller, text string, at time.Time) error {
	v := n.view.Load()
	if !n.holds(v) {
		return registry.ErrUnsure
	}
	ms := at.UnixMilli()
	if n.sure == nil && ms > n.now().Add(ahead).UnixMilli() {
		return registry.ErrAhead
	}
	b := v.of(func() string { return n.callerTag(caller) })
	if ms > b.until {
		if !n.decides(v) {
			return registry.ErrUnsure
		}
		if err := n.raising.do(request{n.callerTag(caller), ms, v.seq}); err != nil {
			return err
		}
	}
	it := nonce{tag: n.tag(caller, text), at: ms, turn: &v.turn}
	switch {
	case ms <= b.floor:
		return registry.ErrUnsure // [Nonces.Floor] has said so, or will
	case ms <= b.since || v.epoch == "":
		it.caller = n.callerTag(caller)
		return n.inDatabase.do(it)
	}
	return n.inRedis.do(it)
}

// holds says whether v is new enough to go by.
func (n *Nonces) holds(v *view) bool { return v != nil && n.uptime()-v.asked < viewLife }

// decides says whether this node reaches whose turn it is.
func (n *Nonces) decides(v *view) bool {
	return n.holds(v) && (v.epoch == "" || n.redis.Load().epoch == v.epoch)
}

// Why a node cannot decide.
const (
	errNotSure = events.Err("replays cannot be ruled out: neither Redis nor PostgreSQL says whether a nonce is new")
	errCutOff  = events.Err("this node does not reach the Redis in which the others keep nonces, or it has lost its data")
	errEarlier = events.Err("what was accepted before the store was restored, or Redis lost its data, is not known: requests are refused until none of it can come again")
)

// why says why this node cannot decide about requests of just now, going by v; nil: it can.
func (n *Nonces) why(v *view) error {
	switch {
	case v.floor > n.now().Add(doubt).UnixMilli():
		return errEarlier
	case !n.decides(v):
		return errCutOff
	}
	return nil
}

// Ready says whether this node can tell a new nonce from a used one. It goes on saying so for two seconds in which it cannot, because that is
// longer than the turn takes to go over on all nodes.
func (n *Nonces) Ready() error {
	if n.uptime()-time.Duration(n.fine.Load()) > doubt {
		return errNotSure
	}
	if v := n.view.Load(); v != nil && n.why(v) == errEarlier {
		return errEarlier
	}
	return nil
}

// tagSize is how much of a digest stands for what it is of.
const tagSize = 16

func (n *Nonces) tag(caller, text string) string {
	sum := sm.HMAC(n.key[:], []byte("nonce\n"+caller+"\n"+text))
	return base64.RawURLEncoding.EncodeToString(sum[:tagSize])
}

func (n *Nonces) callerTag(caller string) string {
	sum := sm.HMAC(n.key[:], []byte("caller\n"+caller))
	return base64.RawURLEncoding.EncodeToString(sum[:tagSize])
}
