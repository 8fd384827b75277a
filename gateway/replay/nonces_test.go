package replay

import (
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tongma/gateway/events"
	"tongma/gateway/freshness/redistest"
	"tongma/gateway/store/storetest"
)

func TestOfAllNodesOneAcceptsARequest(t *testing.T) {
	h := startNodes(t, 3, storetest.PostgresURL(t))
	once := func(place string) {
		t.Helper()
		var accepted [200]atomic.Int64
		var senders sync.WaitGroup
		for i := range accepted {
			r := h.request()
			for node := range h.all {
				for range 2 {
					senders.Go(func() {
						switch err := h.take(node, r); {
						case err == nil:
							accepted[i].Add(1)
						case !isReplay(err):
							t.Errorf("%s: node %d: %v", place, node, err)
						}
					})
				}
			}
		}
		senders.Wait()
		for i := range accepted {
			if n := accepted[i].Load(); n != 1 {
				t.Errorf("%s: a request was accepted %d times", place, n)
			}
		}
	}
	once("redis")
	h.redis.Kill()
	h.turned("postgresql", 5*time.Second)
	h.accepts(0, 3*time.Second)
	once("postgresql")
}

func TestNoRequestIsAcceptedAgainWhateverRedisDoes(t *testing.T) {
	h := startNodes(t, 2, storetest.PostgresURL(t))
	var accepted []one
	for name, trouble := range map[string]struct {
		begin, end func()
		place      string // where nonces are kept then
	}{
		"killed":    {h.redis.Kill, h.redis.Restart, "postgresql"},
		"hanging":   {func() { h.redis.Signal(syscall.SIGSTOP) }, func() { h.redis.Signal(syscall.SIGCONT) }, "postgresql"},
		"read-only": {func() { h.redis.Do("REPLICAOF", "127.0.0.1", "1") }, func() { h.redis.Do("REPLICAOF", "NO", "ONE") }, "postgresql"},
		"full":      {func() { h.redis.Do("CONFIG", "SET", "maxmemory", "1") }, func() { h.redis.Do("CONFIG", "SET", "maxmemory", "0") }, "postgresql"},
		"slow":      {func() { h.delay(2 * quickTime) }, func() { h.delay(0) }, "postgresql"},
	} {
		h.turned("redis", 20*time.Second)
		accepted = append(accepted, h.inRedis(0), h.inRedis(1))
		trouble.begin()
		h.refused(name+", at once", accepted...)
		took := h.turned(trouble.place, 5*time.Second)
		for node := range h.all {
			during, stall := h.accepts(node, 3*time.Second)
			accepted = append(accepted, during)
			if took+stall > 3*time.Second {
				t.Errorf("%s: node %d accepts again after %v", name, node, took+stall)
			}
		}
		h.refused(name, accepted...)
		trouble.end()
		h.refused(name+", when it is over", accepted...)
		back := h.turned("redis", 20*time.Second)
		h.refused(name+", when Redis has the turn again", accepted...)
		t.Logf("%s: the turn went over within %v, and back within %v", name, took.Round(time.Millisecond), back.Round(time.Millisecond))
	}
}

func (h *nodes) delay(d time.Duration) {
	for _, way := range h.ways {
		way.Delay(d)
	}
}

// TestARedisThatHasLostSomethingDecidesAboutNothingThatItHad: each of these leaves a Redis that answers.
func TestARedisThatHasLostSomethingDecidesAboutNothingThatItHad(t *testing.T) {
	for with, url := range map[string]string{"PostgreSQL": storetest.PostgresURL(t), "no PostgreSQL": ""} {
		t.Run(with, func(t *testing.T) {
			h := startNodes(t, 2, url)
			var accepted []one
			for name, lose := range map[string]func(){
				"emptied":                  func() { h.redis.Do("FLUSHALL") },
				"restarted":                func() { h.redis.Kill(); h.redis.Restart() },
				"a set evicted":            func() { h.redis.Do("DEL", h.set()) },
				"its hash evicted":         func() { h.redis.Do("DEL", "tongma:{nonces}") },
				"another was master":       func() { h.redis.Do("REPLICAOF", "127.0.0.1", "1"); h.redis.Do("REPLICAOF", "NO", "ONE") },
				"back with an older copy":  func() { accepted = append(accepted, h.older()) },
				"back, but without a node": func() { h.ways[0].Cut(); h.redis.Do("FLUSHALL"); defer h.ways[0].Mend() },
			} {
				h.turned("redis", 20*time.Second)
				accepted = append(accepted, h.inRedis(0), h.inRedis(1))
				lose()
				h.refused(name, accepted...)
				_, took := h.accepts(1, 10*time.Second)
				h.refused(name+", when nodes accept again", accepted...)
				t.Logf("%s: nothing was accepted for %v", name, took.Round(time.Millisecond))
			}
		})
	}
}

// set is one of the sets that nonces are in.
func (h *nodes) set() string { return h.redis.Do("KEYS", "tongma:{nonces}:*").([]any)[0].(string) }

// older brings Redis back with what it had a while ago, and gives a request that it had accepted since.
func (h *nodes) older() one {
	copies := map[any]any{}
	for _, key := range h.redis.Do("KEYS", "tongma:*").([]any) {
		copies[key] = h.redis.Do("DUMP", key)
	}
	since := h.inRedis(0)
	h.redis.Kill()
	h.redis.Restart()
	for key, value := range copies {
		h.redis.Do("RESTORE", key, 0, value, "REPLACE")
	}
	return since
}

func TestANodeThatAloneDoesNotReachRedisRefusesAndTheOthersGoOn(t *testing.T) {
	h := startNodes(t, 3, storetest.PostgresURL(t))
	r, _ := h.accepts(0, time.Second)
	h.ways[2].Cut()
	redistest.Eventually(t, 5*time.Second, "the node is not ready", func() bool {
		for node := range 2 {
			if err := h.take(node, h.request()); err != nil {
				t.Errorf("node %d: %v", node, err)
			}
		}
		if err := h.take(2, h.request()); !isUnsure(err) {
			t.Errorf("the node that is cut off: %v", err)
		}
		h.refused("cut off", r)
		return h.all[2].Ready() != nil
	})
	if v := h.all[0].view.Load(); v.place() != "redis" || h.all[0].Ready() != nil {
		t.Errorf("the turn is at %s; %v", v.place(), h.all[0].Ready())
	}
	h.ways[2].Mend()
	h.accepts(2, 5*time.Second)
	redistest.Eventually(t, time.Second, "it is ready", func() bool { return h.all[2].Ready() == nil })
}

func TestWithoutPostgreSQLNobodySaysWhoDecides(t *testing.T) {
	postgres := storetest.StartPostgres(t)
	h := startNodes(t, 2, postgres.Database(t))
	before, _ := h.accepts(0, time.Second)
	postgres.Kill()
	began := time.Now()
	redistest.Eventually(t, 3*time.Second, "nothing is accepted", func() bool { return isUnsure(h.take(0, h.request())) && isUnsure(h.take(1, h.request())) })
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("Redis decided for another %v only", took)
	}
	redistest.Eventually(t, 5*time.Second, "no node is ready", func() bool { return h.all[0].Ready() != nil && h.all[1].Ready() != nil })
	h.redis.Kill()
	h.refused("both are gone", before)
	postgres.Restart(t)
	h.turned("postgresql", 10*time.Second)
	between, _ := h.accepts(1, 5*time.Second)
	h.refused("PostgreSQL is back", before, between)
	h.redis.Restart()
	h.turned("redis", 10*time.Second)
	h.accepts(0, time.Second)
	h.refused("both are back", before, between)
}

func TestACallerWhoseClockIsAheadHasBoundsOfItsOwn(t *testing.T) {
	h := startNodes(t, 2, storetest.PostgresURL(t))
	first := h.acceptsEarly(0) // once it is sure that no node knows of a caller's bounds
	h.refused("in Redis", first)
	h.redis.Kill()
	h.turned("postgresql", 5*time.Second)
	h.accepts(0, 2*time.Second) // others need not wait for that caller's time
	h.refused("after Redis", first)
	var second one
	redistest.Eventually(t, 5*time.Second, "the caller goes on in its own time", func() bool {
		second = h.early()
		return h.take(1, second) == nil
	})
	if floor := h.all[1].Floor("ahead"); floor.Before(first.at) || floor.After(second.at) {
		t.Errorf("the floor is %v", floor)
	}
	if floor := h.all[1].Floor("gate"); floor.After(time.Now().Add(window)) {
		t.Errorf("the floor of the others is %v", floor)
	}
	h.redis.Restart()
	h.turned("redis", 10*time.Second)
	h.refused("after PostgreSQL", first, second)
	if err := h.take(0, h.early()); err != nil {
		t.Error(err)
	}
}

func TestRedisAloneRefusesWhatIsFarAhead(t *testing.T) {
	h := startNodes(t, 2, "")
	h.accepts(0, 10*time.Second) // nobody knows what a Redis that is empty has forgotten
	if err := h.take(0, h.requestAt(time.Now().Add(ahead-time.Second))); err != nil {
		t.Error(err)
	}
	if err := h.take(0, h.requestAt(time.Now().Add(ahead+time.Second))); err == nil || isUnsure(err) || isReplay(err) {
		t.Errorf("too far ahead: %v", err)
	}
	r, _ := h.accepts(0, time.Second)
	h.redis.Kill()
	redistest.Eventually(t, 5*time.Second, "no node is ready", func() bool {
		h.refused("without Redis", r)
		return h.all[0].Ready() != nil && h.all[1].Ready() != nil
	})
}

func TestANodeSaysOnceThatItCannotDecideAndOnceThatItCan(t *testing.T) {
	for with, url := range map[string]string{"PostgreSQL": storetest.PostgresURL(t), "no PostgreSQL": ""} {
		t.Run(with, func(t *testing.T) {
			h := startNodes(t, 2, url)
			log := h.logs[0]
			h.accepts(0, 10*time.Second)
			before := log.times(events.NonceDoubt) // there may have been some already
			h.ways[0].Cut()
			redistest.Eventually(t, 10*time.Second, "the node is not ready", func() bool { return h.all[0].Ready() != nil })
			if n := log.times(events.NonceDoubt); n == 0 || n > before+1 {
				t.Errorf("it says %d times that it cannot, %d of them before", n, before)
			}
			h.ways[0].Mend()
			redistest.Eventually(t, 20*time.Second, "it has said that it can", func() bool {
				return h.take(0, h.request()) == nil && log.times(events.NonceSure) == log.times(events.NonceDoubt)
			})
		})
	}
}

func TestNothingOfACallerCanBeRead(t *testing.T) {
	h := startNodes(t, 1, storetest.PostgresURL(t))
	r, _ := h.accepts(0, time.Second)
	redistest.Eventually(t, 10*time.Second, "somebody is accepted", func() bool {
		return h.take(0, one{"gate-of-somebody", "nonce-of-somebody", time.Now().Add(time.Minute)}) == nil
	})
	kept := h.kept()
	h.redis.Kill()
	h.turned("postgresql", 5*time.Second)
	h.accepts(0, 3*time.Second)
	rows, err := h.all[0].sure.db.Query("SELECT caller || ' ' || nonce FROM nonces UNION ALL SELECT caller FROM nonce_turns")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		kept += text + "\n"
	}
	if !strings.Contains(kept, "tongma:{nonces}") || len(kept) < 200 {
		t.Fatalf("little is kept: %q", kept)
	}
	for _, clear := range []string{r.nonce, "nonce-", "gate", "somebody"} {
		if strings.Contains(kept, clear) {
			t.Errorf("%q can be read", clear)
		}
	}
}
