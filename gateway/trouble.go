package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"tongma/adapters"
)

// troubleEvery is how often a system's trouble is told: a backend that is down would otherwise fill the log by itself.
const troubleEvery = 10 * time.Second

// trouble tells of one system's trouble, a line at a time.
type trouble struct {
	mu     sync.Mutex
	next   time.Duration // the uptime at which the next line may be written
	untold int
}

// tell logs the reason and what the fault says of itself, which holds no values, and how much was left untold. What an error
// of another kind says is not known to be free of them, so only its type is told.
func (t *trouble) tell(log *slog.Logger, s *system, f *finding, err error, uptime time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if uptime < t.next {
		t.untold++
		return
	}
	log.Warn("backend trouble", "system", s.info.System, "reason", string(f.reason), "what", whatOf(err), "untold", t.untold)
	t.next, t.untold = uptime+troubleEvery, 0
}

func whatOf(err error) string {
	if err == nil {
		return "an answer that cannot be believed"
	}
	if fault, ok := errors.AsType[*adapters.Fault](err); ok && fault != nil {
		return fault.What
	}
	return fmt.Sprintf("%T", err)
}

// panicked logs where an adapter panicked. The value of the panic may hold anything, so only its type is told.
func (g *Gateway) panicked(s *system, p any) {
	g.log.Error("adapter panicked", "system", s.info.System, "panic", fmt.Sprintf("%T", p), "at", placeOfPanic())
}

// placeOfPanic names the functions that led to the panic which is being recovered, the innermost first.
func placeOfPanic() []string {
	pcs := make([]uintptr, 24)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs)])
	var at []string
	for {
		frame, more := frames.Next()
		at = append(at, fmt.Sprintf("%s:%d", frame.Function, frame.Line))
		if !more {
			return at
		}
	}
}
