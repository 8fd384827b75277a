package gateway

import (
	"log/slog"
	"sync"
	"time"

	"tongma/gateway/events"
)

// troubleEvery is how often a system's trouble is told: a backend that is down would otherwise fill the log by itself.
const troubleEvery = 10 * time.Second

// trouble tells of one system's trouble, a line at a time.
type trouble struct {
	mu     sync.Mutex
	next   time.Duration // the uptime at which the next line may be written
	untold int
}

// tell tells the reason and what the fault says of itself, and how much was left untold.
func (t *trouble) tell(log *slog.Logger, s *system, f *finding, err error, uptime time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if uptime < t.next {
		t.untold++
		return
	}
	events.BackendTrouble.Tell(log, slog.String("system", s.info.System), slog.String("reason", string(f.reason)), slog.Any("what", whatOf(err)), slog.Int("untold", t.untold))
	t.next, t.untold = uptime+troubleEvery, 0
}

// errBelief is the trouble of an answer that came without one.
const errBelief = events.Err("an answer that cannot be believed")

func whatOf(err error) error {
	if err == nil {
		return errBelief
	}
	return err
}

// panicked tells where an adapter panicked, and of the value, which may hold anything, the type.
func (g *Gateway) panicked(s *system, p any) {
	events.AdapterPanicked.Tell(g.log, slog.String("system", s.info.System), slog.Any("panic", p), slog.Any("at", events.PlaceOfPanic()))
}
