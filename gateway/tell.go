package gateway

import (
	"context"

	"tongma/gateway/freshness"
	"tongma/standard"
)

// Tell has a change notice (变更通知) marked, here before it returns and on every other node within a second: once it is, nothing that
// began before is served from memory. The system may be a further one that a dialect answers for. A system that is not there is an error
// of [standard.KindSystem], and a notice that must be told again one of [freshness.ErrFeed].
func (g *Gateway) Tell(ctx context.Context, n *freshness.Notice) (freshness.Receipt, error) {
	for e := range g.live.Load().Entries() {
		if _, ok := e.Adapter.(*system).identities[n.System]; ok {
			return g.feed.Tell(ctx, n)
		}
	}
	return freshness.Receipt{}, &standard.Error{Kind: standard.KindSystem, Field: "system", What: "is not one of this gateway"}
}
