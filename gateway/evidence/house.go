package evidence

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"tongma/gateway/events"
)

// keepHouse does what need not be done at once: it indexes, and gives up what is over.
func (l *Log) keepHouse(ctx context.Context) {
	tick := time.NewTicker(houseEvery)
	defer tick.Stop()
	for {
		l.tidy(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.behind:
		}
	}
}

// tidy does it once. What fails is done the next time.
func (l *Log) tidy(ctx context.Context) {
	l.tidying.Lock()
	defer l.tidying.Unlock()
	now := l.config.Now()
	err := l.wipe(ctx, now)
	if l.steady.look(now, l.config.Uptime()) {
		err = errors.Join(err, l.destroy(ctx, now), l.prune(ctx, now))
	}
	err = errors.Join(err, l.clean(ctx))
	if l.position.due(now) && l.Ready() == nil {
		err = errors.Join(err, l.index(ctx))
	}
	err = errors.Join(err, l.meters.count(ctx, l))
	if err != nil && ctx.Err() == nil {
		events.EvidenceUntidy.Tell(l.config.Log, l.named, slog.Any("err", err))
	}
}
