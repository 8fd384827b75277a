package load

import (
	"context"
	"math"
	"time"
)

// pace says when the requests of an open loop are due: the first at once, the others at even distances, all before the end.
type pace struct {
	rate     float64 // a second
	duration time.Duration
}

// at is when request i is due, counted from 0. It is computed from i and not added up, so that no error grows.
func (p pace) at(i int64) time.Duration {
	return time.Duration(math.Round(float64(i) * float64(time.Second) / p.rate))
}

// count is how many requests are due within the duration.
func (p pace) count() int64 {
	n := int64(math.Ceil(p.rate * p.duration.Seconds()))
	for n > 0 && p.at(n-1) >= p.duration {
		n--
	}
	for p.at(n) < p.duration {
		n++
	}
	return n
}

// longestNap bounds how long the pacer does not look whether it should stop.
const longestNap = 20 * time.Millisecond

// run hands out when requests are due, as soon as they are, and closes the channel in the end. What finds the channel full is
// skipped. since is the time since the beginning.
func (p pace) run(ctx context.Context, since func() time.Duration, nap func(time.Duration), due chan<- time.Duration, skipped func(at time.Duration)) {
	defer close(due)
	for i, n := int64(0), p.count(); i < n && ctx.Err() == nil; {
		wait := p.at(i) - since()
		if wait > 0 {
			nap(min(wait, longestNap))
			continue
		}
		select {
		case due <- p.at(i):
		default:
			skipped(p.at(i))
		}
		i++
	}
}
