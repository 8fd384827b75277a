package events

import (
	"context"
	"log/slog"
	"slices"
	"sync"
)

// Seal gives a logger that writes to the same place, and only what the catalogue allows. One that is sealed already it gives back. A nil
// one writes nothing.
func Seal(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	if _, ok := log.Handler().(*sealed); ok {
		return log
	}
	return slog.New(seal(log.Handler()))
}

// Know tells a sealed logger ids that are of this node: systems, callers, routes. Others it does not write in their place.
func Know(log *slog.Logger, k Kind, ids ...string) {
	if h, ok := log.Handler().(*sealed); ok {
		h.known.add(k, ids)
	}
}

// Knows says whether a logger has been told an id.
func Knows(log *slog.Logger, k Kind, id string) bool {
	h, ok := log.Handler().(*sealed)
	return ok && h.known.has(k, id)
}

func seal(h slog.Handler) *sealed {
	if s, ok := h.(*sealed); ok {
		return s
	}
	return &sealed{next: h, known: &known{}}
}

// sealed is the handler that lets pass what the catalogue allows.
type sealed struct {
	next    slog.Handler
	known   *known
	attrs   []slog.Attr // those of a logger's With
	grouped bool        // no event has groups
}

func (s *sealed) Enabled(ctx context.Context, l slog.Level) bool { return s.next.Enabled(ctx, l) }

func (s *sealed) WithAttrs(attrs []slog.Attr) slog.Handler {
	if s.grouped {
		attrs = nil
	}
	return &sealed{s.next, s.known, slices.Concat(s.attrs, attrs), s.grouped}
}

func (s *sealed) WithGroup(name string) slog.Handler {
	return &sealed{s.next, s.known, s.attrs, s.grouped || name != ""}
}

func (s *sealed) Handle(ctx context.Context, r slog.Record) error {
	e := byName[r.Message]
	if e == nil {
		out := slog.NewRecord(r.Time, Undeclared.Level, Undeclared.Name, r.PC)
		out.AddAttrs(slog.Any("at", placeOf(r.PC)))
		return s.next.Handle(ctx, out)
	}
	out := slog.NewRecord(r.Time, e.Level, e.Name, r.PC)
	dropped := 0
	pass := func(a slog.Attr) bool {
		if f := e.field(a.Key); f != nil && !s.grouped {
			out.AddAttrs(slog.Attr{Key: f.Key, Value: s.known.written(f, a.Value)})
		} else {
			dropped++
		}
		return true
	}
	for _, a := range s.attrs {
		pass(a)
	}
	r.Attrs(pass)
	if dropped > 0 {
		out.AddAttrs(slog.Int("withheld", dropped))
	}
	return s.next.Handle(ctx, out)
}

// known are the ids of a node.
type known struct {
	mu  sync.RWMutex
	ids map[Kind]map[string]bool
}

func (n *known) add(k Kind, ids []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ids == nil {
		n.ids = map[Kind]map[string]bool{}
	}
	if n.ids[k] == nil {
		n.ids[k] = map[string]bool{}
	}
	for _, id := range ids {
		n.ids[k][id] = true
	}
}

func (n *known) has(k Kind, id string) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.ids[k][id]
}
