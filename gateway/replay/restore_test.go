package replay

import (
	"bytes"
	"testing"
	"time"

	"tongma/gateway/events"
	"tongma/gateway/freshness/redistest"
	"tongma/gateway/store/storetest"
	"tongma/standard/wire"
)

// early is a request of a caller whose clock is ahead.
func (h *nodes) early() one {
	r := h.requestAt(time.Now().Add(150 * time.Second))
	r.caller = "ahead"
	return r
}

// acceptsEarly is accepts for such a request.
func (h *nodes) acceptsEarly(node int) (accepted one) {
	h.t.Helper()
	redistest.Eventually(h.t, 10*time.Second, "a node accepts what is ahead", func() bool {
		accepted = h.early()
		return h.take(node, accepted) == nil
	})
	return accepted
}

// inPostgres kills Redis and gives requests that PostgreSQL alone knows of.
func (h *nodes) inPostgres() []one {
	h.t.Helper()
	h.redis.Kill()
	h.turned("postgresql", 10*time.Second)
	first, _ := h.accepts(0, 5*time.Second)
	second, _ := h.accepts(1, 5*time.Second)
	return []one{first, second, h.acceptsEarly(0)}
}

func (h *nodes) exec(statements ...string) {
	h.t.Helper()
	for _, s := range statements {
		if _, err := h.all[0].sure.db.Exec(s); err != nil {
			h.t.Fatalf("%s: %v", s, err)
		}
	}
}

// TestAPostgreSQLThatHasGoneBackDecidesAboutNothingThatItHad: what it has lost since the copy no node accepts again, not for a moment.
func TestAPostgreSQLThatHasGoneBackDecidesAboutNothingThatItHad(t *testing.T) {
	for name, back := range map[string]func(h *nodes){
		"to a copy": func(h *nodes) {
			h.exec(`BEGIN; TRUNCATE nonces, nonce_turns; INSERT INTO nonces SELECT * FROM nonces_then; INSERT INTO nonce_turns SELECT * FROM turns_then; COMMIT`)
		},
		"to nothing": func(h *nodes) { h.exec(`TRUNCATE nonces, nonce_turns`) },
	} {
		t.Run(name, func(t *testing.T) {
			h := startNodes(t, 2, storetest.PostgresURL(t))
			h.exec(`CREATE TABLE nonces_then AS SELECT * FROM nonces`, `CREATE TABLE turns_then AS SELECT * FROM nonce_turns`)
			accepted := h.inPostgres()
			back(h)
			redistest.Eventually(t, 10*time.Second, "each node knows", func() bool {
				h.refused("at once", accepted...)
				return !h.all[0].Floor("gate").Before(accepted[1].at) && !h.all[1].Floor("gate").Before(accepted[1].at)
			})
			_, took := h.accepts(0, 10*time.Second)
			h.accepts(1, 10*time.Second)
			h.refused("when nodes accept again", accepted...)
			accepted = append(accepted, h.acceptsEarly(1))
			h.redis.Restart()
			h.turned("redis", 20*time.Second)
			h.refused("when Redis has the turn", accepted...)
			t.Logf("nothing was accepted for %v", took.Round(time.Millisecond))
		})
	}
}

// TestAStoreThatWasRestoredKnowsNoNonceAndAcceptsNoneAgain: a backup holds none, and no node lives that would know. Redis has lost all.
func TestAStoreThatWasRestoredKnowsNoNonceAndAcceptsNoneAgain(t *testing.T) {
	h := startNodes(t, 2, storetest.PostgresURL(t))
	h.exec(`INSERT INTO logs (name, holder, until) VALUES ('node-1', 'h', 0)`)
	var backup bytes.Buffer
	if _, err := openStore(t, h.url).Backup(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	r, _ := h.accepts(0, 5*time.Second)
	accepted := append(h.inPostgres(), r)
	url := storetest.PostgresURL(t)
	if _, err := openStore(t, url).Restore(t.Context(), bytes.NewReader(backup.Bytes()), false); err != nil {
		t.Fatal(err)
	}
	restored := time.Now()
	h.redis.Restart()
	for i := range h.all {
		h.all[i].Close()
		h.all[i] = h.open(i, url)
	}
	h.turned("redis", 20*time.Second)
	h.refused("when nodes have started", accepted...)
	floor := h.all[0].Floor("gate")
	if floor.Before(restored.Add(wire.Skew-5*time.Second)) || floor.After(restored.Add(wire.Skew)) {
		t.Errorf("the floor is %v, the store was restored %v", floor, restored)
	}
	if h.all[0].Ready() == nil || h.logs[0].times(events.NonceDoubt) == 0 {
		t.Error("a node that refuses all requests for minutes says that it is ready, or does not say why")
	}
	later := h.requestAt(floor.Add(time.Second))
	redistest.Eventually(t, 5*time.Second, "what is above the floor is accepted", func() bool { return h.take(0, later) == nil })
	h.refused("after that", append(accepted, later)...)
}
