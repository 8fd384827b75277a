package gateway

import (
	"context"

	"tongma/gateway/upstream"
	"tongma/standard"
	"tongma/standard/wire"
)

// Operate does what an operator wants of a system. A mode holds until something else is wanted, or the gateway ends. The error is a
// [*standard.Error] if there is no such system or action, and [freshness.ErrFeed] if other nodes may not have been told to forget.
func (g *Gateway) Operate(ctx context.Context, id string, action wire.Action) error {
	if action == wire.ActionForget {
		if _, err := g.system(id); err != nil {
			return err
		}
		return g.feed.Forget(ctx, id)
	}
	g.swapping.Lock() // a backend that is put in the place of another gets the mode of that other: not one that has just ended
	defer g.swapping.Unlock()
	s, err := g.system(id)
	if err != nil {
		return err
	}
	switch action {
	case wire.ActionAuto:
		s.Switch(upstream.ModeAuto)
	case wire.ActionOpen:
		s.Switch(upstream.ModeOpen)
	case wire.ActionDrain:
		s.Switch(upstream.ModeDrain)
	case wire.ActionWarm:
		s.Warm()
	default:
		return &standard.Error{Kind: standard.KindField, Field: "action", What: "is none of open, drain, warm, auto, forget"}
	}
	return nil
}
