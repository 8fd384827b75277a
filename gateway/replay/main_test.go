package replay

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tongma/gateway/events"
	"tongma/gateway/freshness"
	"tongma/gateway/freshness/redistest"
	"tongma/gateway/registry"
	"tongma/gateway/store"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// nodes share nonces through a Redis, each on a way of its own, and a PostgreSQL.
type nodes struct {
	t     testing.TB
	redis *redistest.Server
	url   string // of the PostgreSQL, "" for none
	ways  []*redistest.Proxy
	all   []*Nonces
	made  atomic.Int64
	logs  []*said
}

// said is what a node has logged.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// times says how often an event was told.
func (s *said) times(event *events.Event) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.text.String(), event.Name)
}

const secret = "0123456789abcdef0123456789abcdef"

// startNodes starts them with the PostgreSQL at url, "" for none, and waits until Redis has the turn.
func startNodes(t *testing.T, count int, url string) *nodes {
	t.Helper()
	t.Parallel() // they wait more than they work
	h := &nodes{t: t, redis: redistest.Start(t), url: url}
	for i := range count {
		h.ways, h.logs = append(h.ways, redistest.StartProxy(t, h.redis.Address)), append(h.logs, &said{})
		h.all = append(h.all, h.open(i, url))
	}
	h.turned("redis", 20*time.Second)
	return h
}

// open opens what a node has.
func (h *nodes) open(node int, url string) *Nonces {
	h.t.Helper()
	c := Config{Redis: freshness.SharedConfig{Addresses: []string{"redis://" + h.ways[node].Address}, Secret: []byte(secret)}, Log: events.Seal(slog.New(slog.NewTextHandler(h.logs[node], nil)))}
	if url != "" {
		c.Database = openStore(h.t, url).Write
	}
	n, err := Open(c)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { n.Close() })
	return n
}

func openStore(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// one is a request that was made at a time.
type one struct {
	caller, nonce string
	at            time.Time
}

func (h *nodes) request() one { return h.requestAt(time.Now()) }

func (h *nodes) requestAt(at time.Time) one {
	return one{"gate", fmt.Sprintf("nonce-%012d", h.made.Add(1)), time.UnixMilli(at.UnixMilli())}
}

func (h *nodes) take(node int, r one) error { return h.all[node].Take(r.caller, r.nonce, r.at) }

// accepts waits until a node accepts a request made at that moment, and gives it.
func (h *nodes) accepts(node int, within time.Duration) (accepted one, took time.Duration) {
	h.t.Helper()
	took = redistest.Eventually(h.t, within, fmt.Sprintf("node %d accepts", node), func() bool {
		accepted = h.request()
		return h.take(node, accepted) == nil
	})
	return accepted, took
}

// inRedis is accepts for a request that Redis decides about: PostgreSQL had no turn at that time.
func (h *nodes) inRedis(node int) one {
	h.t.Helper()
	for {
		r, _ := h.accepts(node, 10*time.Second)
		if v := h.all[node].view.Load(); v.epoch != "" && r.at.UnixMilli() > v.since {
			return r
		}
	}
}

// refused sends a request again to every node that it has been accepted by one of before.
func (h *nodes) refused(why string, requests ...one) {
	h.t.Helper()
	for _, r := range requests {
		for i := range h.all {
			if err := h.take(i, r); err == nil {
				h.t.Errorf("%s: node %d accepts %s again", why, i, r.nonce)
			}
		}
	}
}

// turned waits until every node knows that the turn is at a place.
func (h *nodes) turned(place string, within time.Duration) time.Duration {
	h.t.Helper()
	return redistest.Eventually(h.t, within, "the turn is at "+place, func() bool {
		for _, n := range h.all {
			if v := n.view.Load(); v == nil || v.place() != place || !n.decides(v) {
				return false
			}
		}
		return true
	})
}

func isReplay(err error) bool { return errors.Is(err, registry.ErrReplayed) }

func isUnsure(err error) bool { return errors.Is(err, registry.ErrUnsure) }

// kept is all that is in Redis.
func (h *nodes) kept() string {
	var all strings.Builder
	for _, key := range h.redis.Do("KEYS", "*").([]any) {
		fmt.Fprintf(&all, "%v %v\n", key, h.redis.Do("DUMP", key))
	}
	return all.String()
}
