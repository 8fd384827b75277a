package events

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	"tongma/standard"
)

// Event is something that a node tells of.
type Event struct {
	Name   string // the message of its line
	Level  slog.Level
	Fields []Field
	Means  standard.Text // what has happened
	Do     standard.Text // what an operator does about it
}

// Field is an attribute that an event may have.
type Field struct {
	Key   string
	Kind  Kind
	Words []string // those that there are, of a Word
}

// Tell writes the event's line. Of the attributes those are written that it declares.
func (e *Event) Tell(log *slog.Logger, attrs ...slog.Attr) {
	h := log.Handler()
	ctx := context.Background()
	if !h.Enabled(ctx, e.Level) {
		return
	}
	var caller [1]uintptr
	runtime.Callers(2, caller[:])
	r := slog.NewRecord(time.Now(), e.Level, e.Name, caller[0])
	r.AddAttrs(attrs...)
	_ = seal(h).Handle(ctx, r) // a log that cannot be written cannot be told of
}

// Told says whether the log writes the event, for attributes that cost something to make.
func (e *Event) Told(log *slog.Logger) bool {
	return log.Handler().Enabled(context.Background(), e.Level)
}

func (e *Event) field(key string) *Field {
	for i := range e.Fields {
		if e.Fields[i].Key == key {
			return &e.Fields[i]
		}
	}
	return nil
}
