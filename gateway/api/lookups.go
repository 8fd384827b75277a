package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tongma/gateway/evidence"
	"tongma/standard/wire"
)

// What asks the evidence shares a database with the writer, who must not wait for it: somebody stands at a checkpoint.
const (
	maxLookups     = 3  // at once
	maxLookupsWait = 64 // for their turn
	lookupTime     = 10 * time.Second
)

// lookups are the calls that ask the evidence.
type lookups struct{ places, turns chan struct{} }

func newLookups() lookups {
	return lookups{places: make(chan struct{}, maxLookups+maxLookupsWait), turns: make(chan struct{}, maxLookups)}
}

// errUnread is the error of what could not be asked of the evidence, or not be kept there.
var errUnread = errors.New("the evidence cannot be read or written")

// do asks the evidence when it is the call's turn. Where there are too many before it, the call is refused.
func (l *lookups) do(caller context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(caller, lookupTime)
	defer cancel()
	select {
	case l.places <- struct{}{}:
		defer func() { <-l.places }()
	default:
		return wire.Refuse(wire.CodeOverloaded, "")
	}
	select {
	case l.turns <- struct{}{}:
		defer func() { <-l.turns }()
	case <-ctx.Done():
		return wire.Refuse(wire.CodeOverloaded, "")
	}
	err := ask(ctx)
	if err != nil && caller.Err() != nil {
		return wire.Refuse(wire.CodeOverloaded, "") // nobody is there to hear it
	}
	return asUnread(err)
}

// asUnread leaves those errors alone that say something to the caller.
func asUnread(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*wire.Refusal](err); ok {
		return err
	}
	for _, known := range []error{evidence.ErrNotFound, evidence.ErrTooMuch, evidence.ErrUnavailable} {
		if errors.Is(err, known) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", errUnread, err)
}
