package node

import (
	"errors"
	"testing"
	"time"

	"tongma/gateway/client"
	"tongma/gateway/freshness/redistest"
	"tongma/gateway/store/storetest"
	"tongma/standard/wire"
)

// TestWhereNobodyRemembersRequestsNoneIsAccepted: nodes that share ask Redis or PostgreSQL whether a request is new, and refuse where there is neither.
// Those that are told to remember for themselves need nobody.
func TestWhereNobodyRemembersRequestsNoneIsAccepted(t *testing.T) {
	refuses := func(p *post) {
		t.Helper()
		redistest.Eventually(t, 20*time.Second, "it refuses and is not ready", func() bool {
			_, err := p.Verify(t.Context(), requestFor(1))
			refused, ok := errors.AsType[*client.RefusedError](err)
			status, _ := get(t, p.node.URL()+"/readyz")
			return ok && refused.Code == wire.CodeNonces.Code && status == 503
		})
	}
	answers := func(p *post) {
		t.Helper()
		redistest.Eventually(t, 20*time.Second, "it answers and is ready", func() bool {
			_, err := p.Verify(t.Context(), requestFor(1)) // nobody's scan has an answer too
			status, _ := get(t, p.node.URL()+"/readyz")
			return err == nil && status == 200
		})
	}
	start := func(redis *redistest.Server, more string) *post {
		t.Helper()
		p := startPost(t, "shared: {redis: 'redis://"+redis.Address+"', secret: {file: secrets/evidence}"+more)
		answers(p)
		return p
	}
	redis := redistest.Start(t)
	alone, own := start(redis, "}\n"), start(redis, ", nonces: own}\n")
	redis.Kill()
	refuses(alone)
	if _, err := own.Verify(t.Context(), requestFor(1)); err != nil {
		t.Errorf("a node that remembers for itself: %v", err)
	}
	answers(own)
	redis.Restart()
	answers(alone)

	postgres := storetest.StartPostgres(t)
	t.Setenv("STORE", postgres.Database(t))
	both := start(redis, "}\nstore: {env: STORE}\n")
	redis.Kill()
	answers(both)
	postgres.Kill()
	refuses(both)
	postgres.Restart(t)
	answers(both)
}
