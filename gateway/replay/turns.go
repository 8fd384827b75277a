package replay

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"

	"tongma/gateway/events"
	"tongma/gateway/registry"
)

// every does something again and again until ctx ends. More is done at once where it says that there is more to do.
func (n *Nonces) every(ctx context.Context, do func(context.Context) (more bool)) {
	for ctx.Err() == nil {
		if do(ctx) {
			continue
		}
		timer := time.NewTimer(tick/2 + rand.N(tick))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// look sees how Redis is. Where it is alone it decides about every time above its floor.
func (n *Nonces) look(ctx context.Context) (more bool) {
	ctx, cancel := context.WithTimeout(ctx, quickTime)
	defer cancel()
	own := lead
	if n.sure != nil {
		own = 0
	}
	asked := n.uptime()
	epoch, floor, err := n.quick.look(ctx, n.now(), own)
	if err != nil {
		epoch = ""
	}
	h, before := &health{epoch, floor, n.uptime()}, n.redis.Load()
	if before.epoch == epoch {
		h.since = before.since
	}
	n.redis.Store(h)
	if n.sure != nil {
		return false
	}
	n.report(err)
	if epoch == "" {
		return false
	}
	n.publish(&view{turn: turn{bounds: bounds{floor: floor, since: floor, until: math.MaxInt64}, epoch: epoch}, asked: asked})
	return false
}

// publish has all go by v from now on.
func (n *Nonces) publish(v *view) {
	n.publishing.Lock()
	before := n.view.Load()
	if before != nil {
		v = v.with(before.above(v.floor)) // some were raised while v was on its way
	}
	n.view.Store(v)
	n.publishing.Unlock()
	if n.decides(v) {
		n.fine.Store(int64(n.uptime()))
	}
	if before == nil || before.epoch != v.epoch {
		events.NonceTurn.Tell(n.log, slog.String("at", v.place()))
	}
}

// report tells once what has begun or ended.
func (n *Nonces) report(why error) {
	switch {
	case why != nil && n.down == nil:
		events.NonceDoubt.Tell(n.log, slog.Any("err", why))
	case why == nil && n.down != nil:
		events.NonceSure.Tell(n.log)
	}
	n.down = why
}

// place is where nonces are kept.
func (t *turn) place() string {
	if t.epoch == "" {
		return "postgresql"
	}
	return "redis"
}

// round looks at the bounds, moves them along, and has the turn go over where it must.
func (n *Nonces) round(ctx context.Context) (more bool) {
	ctx, cancel := context.WithTimeout(ctx, sureTime)
	defer cancel()
	asked, known := n.uptime(), n.view.Load()
	v, now, err := n.sure.read(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return n.sure.begin(ctx) == nil
	case err != nil:
		n.report(err)
		return false
	}
	if known != nil && v.behind(known) {
		return n.sure.forward(ctx, known, max(now, n.now().UnixMilli())) == nil
	}
	v.asked = asked
	n.publish(v)
	n.report(n.why(v))
	now = min(now, n.now().UnixMilli()) // one clock that is ahead moves nothing
	if to, ok := n.successor(v, now); ok {
		return n.sure.pass(ctx, &v.turn, to, now) == nil
	}
	if n.decides(v) && v.until-now < renewal.Milliseconds() {
		return n.sure.extend(ctx, &v.turn, now) == nil
	}
	if n.swept == 0 || asked-n.swept > time.Minute {
		n.swept = asked
		n.sure.sweep(ctx, now)
	}
	return false
}

// successor says whether the turn must go over, and to whom: the epoch of a Redis, or "" for PostgreSQL.
func (n *Nonces) successor(v *view, now int64) (to string, ok bool) {
	redis, lasts := n.redis.Load(), time.Duration(now-v.began)*time.Millisecond
	switch {
	case v.epoch == "":
		well := redis.epoch != "" && (v.began == 0 || lasts > settling && n.uptime()-redis.since > settling)
		return redis.epoch, well
	case redis.epoch == v.epoch || !n.stands(v):
		return "", false
	case lasts > calm:
		return redis.epoch, true // perhaps ""
	}
	return "", true
}

// stands says whether the until of a turn has stood still for so long that no node can reach whose it is.
func (n *Nonces) stands(v *view) bool {
	if n.held.seq != v.seq || n.held.until != v.until {
		n.held = held{v.seq, v.until, n.uptime()}
	}
	return n.uptime()-n.held.since > patience
}

// raise has bounds of their own written for callers who are ahead.
func (n *Nonces) raise(ctx context.Context, all []request) []error {
	verdicts := make([]error, len(all))
	to := map[string]int64{}
	v := n.view.Load()
	for i, r := range all {
		if r.seq != v.seq {
			verdicts[i] = registry.ErrUnsure
			continue
		}
		to[r.caller] = max(to[r.caller], r.at)
	}
	raised, err := n.sure.raise(ctx, &v.turn, to)
	if err != nil {
		for i := range verdicts {
			verdicts[i] = registry.ErrUnsure
		}
		return verdicts
	}
	n.publishing.Lock()
	defer n.publishing.Unlock()
	if now := n.view.Load(); now.seq == v.seq {
		n.view.Store(now.with(raised))
	}
	return verdicts
}
