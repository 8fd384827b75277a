package replay

import (
	"context"
	"time"

	"tongma/gateway/registry"
)

// A crowd gathers what comes while a place is busy, and asks the place for all of it at once. So a busy node makes few round trips, an idle
// one waits for nobody, and nobody waits longer than two of them may take.
type crowd[T any] struct {
	ask     func(context.Context, []T) []error // one for each, nil or why not
	waiting chan asked[T]
	ended   <-chan struct{}
}

type asked[T any] struct {
	what   T
	answer chan error // holds one
}

// maxCrowd is how many may wait: as many as a server has calls under way.
const maxCrowd = 4096

// newCrowd makes one that nobody waits in any more when ended is closed.
func newCrowd[T any](ended <-chan struct{}, ask func(context.Context, []T) []error) *crowd[T] {
	return &crowd[T]{ask: ask, waiting: make(chan asked[T], maxCrowd), ended: ended}
}

// do asks for one.
func (c *crowd[T]) do(what T) error {
	answer := make(chan error, 1)
	select {
	case c.waiting <- asked[T]{what, answer}:
	default:
		return registry.ErrUnsure
	}
	select {
	case err := <-answer:
		return err
	case <-c.ended:
		return registry.ErrUnsure
	}
}

// serve answers until ctx ends, each round within a time.
func (c *crowd[T]) serve(ctx context.Context, within time.Duration) {
	var all []T
	var answers []chan error
	gather := func(a asked[T]) { all, answers = append(all, a.what), append(answers, a.answer) }
	for {
		all, answers = all[:0], answers[:0]
		select {
		case a := <-c.waiting:
			gather(a)
		case <-ctx.Done():
			return
		}
		for range len(c.waiting) {
			gather(<-c.waiting)
		}
		round, cancel := context.WithTimeout(ctx, within)
		for i, err := range c.ask(round, all) {
			answers[i] <- err
		}
		cancel()
	}
}
