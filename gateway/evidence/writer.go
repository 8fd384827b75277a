package evidence

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"time"

	"tongma/gateway"
	"tongma/gateway/events"
	"tongma/gateway/store"
	"tongma/standard/proof"
)

const (
	oneTry    = 5 * time.Second // how long the store may take for a row before it is asked whether it has it
	firstWait = 20 * time.Millisecond
	maxWait   = time.Second
)

// Append returns when e is on disk, with the pseudonyms of whom it is about. It takes a second at most, or two when a day begins; its error is then,
// as always where nothing can be kept, an [ErrUnavailable]. After an error the entry may be there or not.
func (l *Log) Append(ctx context.Context, e *proof.Entry, about gateway.Person) error {
	return l.keep(ctx, e, about, nil)
}

// keep is Append. If the entry is of a request, that is stored with it, in one transaction.
func (l *Log) keep(ctx context.Context, e *proof.Entry, about gateway.Person, request *SubjectRequest) error {
	err := l.pseudonymise(ctx, e, about)
	if err == nil {
		err = l.append(ctx, e, request)
	}
	l.meters.appended(e.Kind, err)
	return err
}

func (l *Log) append(ctx context.Context, e *proof.Entry, request *SubjectRequest) error {
	entry, err := proof.AppendEntry(make([]byte, 0, usualEntry), e)
	if err != nil {
		return err
	}
	g, at, first, err := l.waiting.add(entry, request)
	if err != nil {
		return err
	}
	if first {
		nudge(l.wake)
	}
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		l.waiting.leave(g, at)
		return context.Cause(ctx)
	}
}

const usualEntry = 192 // bytes

// nudge has a goroutine look, once, for all there is to do.
func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// late is told of entries whose group takes too long.
func (l *Log) late(entries int) {
	events.EvidenceLate.Tell(l.config.Log, l.named, slog.Int("entries", entries))
}

// write writes groups until ctx ends.
func (l *Log) write(ctx context.Context) {
	for {
		if errors.Is(l.Ready(), errLost) && !l.regain(ctx) {
			return
		}
		select {
		case <-ctx.Done():
			l.waiting.stop(errClosed)
			return
		case <-l.wake:
		}
		for g := l.next(); g != nil; g = l.next() {
			l.writeGroup(ctx, g)
		}
	}
}

// next takes the group that waits. Whoever is ready to run goes first, a few times over while entries still come: on a busy machine many are about to append,
// and share the group. Where nothing is ready it takes no time.
func (l *Log) next() *group {
	for range turns {
		before := l.waiting.count()
		runtime.Gosched()
		if l.waiting.count() == before {
			break
		}
	}
	return l.waiting.take()
}

// turns bounds how often others go first.
const turns = 4

// writeGroup makes a row of g and stores it, however often that must be tried: a row of which nobody knows whether it was stored cannot be given up,
// or another one would be signed under its number.
func (l *Log) writeGroup(ctx context.Context, g *group) {
	r, err := l.makeRow(g)
	if err != nil { // an error of ours
		events.EvidenceNotMade.Tell(l.config.Log, l.named, slog.Any("err", err))
		l.waiting.written(errStore)
		return
	}
	begin := time.Now()
	for pause := firstWait; ; pause = min(2*pause, maxWait) {
		trying, cancel := context.WithTimeout(ctx, oneTry)
		err = l.put(trying, r)
		cancel()
		if err == nil {
			break
		}
		if errors.Is(err, errLost) {
			l.lose()
			l.waiting.written(errLost)
			return
		}
		l.trouble(err)
		select {
		case <-ctx.Done():
			l.waiting.written(errClosed)
			return
		case <-time.After(pause):
		}
	}
	l.meters.wrote(len(g.entries), time.Since(begin))
	l.groups.Store(r.seq + 1)
	if l.position.written(r) {
		nudge(l.behind)
	}
	l.waiting.written(nil)
	l.recovered()
}

// put stores a row, and makes sure that it is where others will find it.
func (l *Log) put(ctx context.Context, r *row) error {
	if err := l.putRow(ctx, r, l.lease.mine.String()); err != nil || l.store.Kind != store.SQLite {
		return err
	}
	return l.store.Check(ctx)
}

// trouble refuses entries while the store takes none.
func (l *Log) trouble(err error) {
	if l.state.Load() == nil {
		events.EvidenceStopped.Tell(l.config.Log, l.named, slog.Any("err", err))
	}
	l.waiting.stop(errStore)
	l.state.Store(&errStore)
}

func (l *Log) recovered() {
	l.state.Store(nil)
	if !l.waiting.resume() {
		return
	}
	events.EvidenceResumed.Tell(l.config.Log, l.named)
}

// lose refuses entries because another node has the log.
func (l *Log) lose() {
	if !errors.Is(l.Ready(), errLost) {
		events.EvidenceLost.Tell(l.config.Log, l.named)
	}
	l.waiting.stop(errLost)
	l.state.Store(&errLost)
	nudge(l.wake)
}

// regain waits until the log is free again, and goes on behind what is there then. It is false if ctx ends before.
func (l *Log) regain(ctx context.Context) bool {
	for told := false; ; {
		err := l.retake(ctx)
		if err == nil {
			l.recovered()
			return true
		}
		if !told && !errors.Is(err, errLost) && ctx.Err() == nil {
			told = true
			events.EvidenceStopped.Tell(l.config.Log, l.named, slog.Any("err", err))
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(maxWait):
		}
	}
}

func (l *Log) retake(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, oneTry)
	defer cancel()
	ok, err := l.lease.take(ctx, false)
	if err != nil {
		return err
	}
	if !ok {
		return errLost
	}
	if err := l.loadChain(ctx); err != nil {
		return err
	}
	return l.loadPosition(ctx)
}
