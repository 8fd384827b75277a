package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tongma/gateway/client"
	"tongma/gateway/freshness/redistest"
	"tongma/standard"
	"tongma/standard/wire"
)

// residents are the people whose status changes under load. Everybody else is asked about once, and so always live.
const residents = 24

// rush is a load on both nodes while people change and the platform tells of it. It finds every answer that should not have been given.
type rush struct {
	*twins
	stop context.CancelFunc
	done sync.WaitGroup

	doubtful atomic.Int64 // bits of the nodes that must serve no green from memory
	lies     int          // how many times Redis may have lied
	old      []any        // what it brings back

	mu      sync.Mutex
	facts   [residents][]fact
	wrong   map[string]int
	stage   string
	counts  map[string]int             // greens by stage and where they are from
	waited  map[string][]time.Duration // live answers about strangers, by stage
	refused int                        // notices that were not accepted
	taken   int
}

// fact is a change that a node must know at a time: whoever asks it from then on is told that version or a later one.
type fact struct {
	version int
	node    int
	since   time.Time
	heard   bool // from the platform itself: then it holds for every colour, and else for green
}

// startRush begins the load. It ends with the test, or with end.
func startRush(p *twins) *rush {
	ctx, cancel := context.WithCancel(context.Background())
	r := &rush{twins: p, stop: cancel, wrong: map[string]int{}, counts: map[string]int{}, waited: map[string][]time.Duration{}, stage: "calm"}
	var next atomic.Int64
	for node := range p.nodes {
		for range 3 {
			r.done.Go(func() {
				for ; ctx.Err() == nil; pause(ctx, rand.N(12*time.Millisecond)) {
					who := rand.IntN(residents)
					if rand.IntN(3) == 0 {
						who = 1000 + int(next.Add(1))
					}
					r.visit(node, who)
				}
			})
		}
	}
	r.done.Go(func() { r.change(ctx) })
	p.t.Cleanup(r.end)
	return r
}

func (r *rush) end() {
	r.stop()
	r.done.Wait()
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// enter begins a stage of the test.
func (r *rush) enter(stage string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stage = stage
}

func (r *rush) fault(what string, args ...any) { r.wrong[fmt.Sprintf(r.stage+": "+what, args...)]++ }

// visit asks a node about somebody and judges what it says.
func (r *rush) visit(node, who int) {
	doubtful := r.doubtful.Load()&(1<<node) != 0
	began := time.Now()
	least, leastGreen := r.known(node, who, began)
	v, err := r.nodes[node].gate.Verify(context.Background(), requestFor(who))
	took := time.Since(began)

	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || v.Outcome != standard.Verified {
		r.fault("node %d gives no answer: %v", node, err)
		return
	}
	from, green := fromOf(v), v.Status == standard.Green
	if green {
		r.counts[r.stage+" "+string(from)]++
	}
	if who >= residents {
		r.waited[r.stage] = append(r.waited[r.stage], took)
	}
	switch version, of := told(v); {
	case of != who:
		r.fault("node %d serves another's answer", node)
	case version < least:
		r.fault("node %d serves what it was told is over", node)
	case green && version < leastGreen:
		r.fault("node %d serves a green that was over for a second", node)
	case green && doubtful && from != standard.Live:
		r.fault("node %d may have missed a notice and serves a green from %s", node, from)
	}
}

// known gives the least version that a node may give of somebody, and the least as a green.
func (r *rush) known(node, who int, at time.Time) (least, leastGreen int) {
	if who >= residents {
		return 0, 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.facts[who] {
		if f.node != node || at.Before(f.since) {
			continue
		}
		leastGreen = max(leastGreen, f.version)
		if f.heard {
			least = max(least, f.version)
		}
	}
	return least, leastGreen
}

// change turns people, and tells of each until it is accepted, in order, now one node and now the other.
func (r *rush) change(ctx context.Context) {
	type turned struct{ who, version int }
	var untold []turned
	again := false
	for ; ctx.Err() == nil; pause(ctx, 30*time.Millisecond) {
		who := rand.IntN(residents)
		to := standard.Red
		if r.town.statusOf(who) == standard.Red {
			to = standard.Green
		}
		untold = append(untold, turned{who, r.town.turn(who, to)})
		for len(untold) > 0 && ctx.Err() == nil {
			first, node := untold[0], rand.IntN(2)
			tell := r.tell
			if again {
				tell = r.again
			}
			_, err := tell(node, changeOf(first.who))
			r.note(node, first.who, first.version, err)
			if again = err != nil; again {
				pause(ctx, 300*time.Millisecond)
				break
			}
			untold = untold[1:]
		}
	}
}

// changeOf names somebody in one of the ways that there are.
func changeOf(who int) standard.Change {
	switch who % 3 {
	case 0:
		return standard.Change{Subject: subjectOf(who)}
	case 1:
		return standard.Change{Scan: scanOf(who)}
	}
	return standard.Change{Document: &standard.ChangedDocument{Type: "03", Number: passportOf(who)}}
}

// note keeps what follows from a notice: who was told obeys at once, accepted or not; and if accepted, all others within a second.
func (r *rush) note(node, who, version int, err error) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.facts[who] = append(r.facts[who], fact{version, node, now, true})
	if err == nil {
		r.taken++
		r.facts[who] = append(r.facts[who], fact{version, 1 - node, now.Add(time.Second), false})
		return
	}
	r.refused++
	if refused, ok := errors.AsType[*client.RefusedError](err); !ok || refused.Code != wire.CodeFeed.Code {
		r.fault("a notice ends in %v", err)
	}
}

// share is the time that so large a share of the strangers' answers of a stage took at most.
func (r *rush) share(stage string, of float64) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	waited := slices.Sorted(slices.Values(r.waited[stage]))
	if len(waited) < 20 {
		r.t.Fatalf("%s: only %d answers", stage, len(waited))
	}
	return waited[min(int(of*float64(len(waited))), len(waited)-1)]
}

func (r *rush) count(stage string, from standard.From) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[stage+" "+string(from)]
}

// redisTrouble is something that can happen to Redis or on the way to it.
type redisTrouble struct {
	args  []string // of the server
	begin func(r *rush, way [2]*redistest.Proxy)
	lie   func(r *rush, i int) // done again and again meanwhile
	end   func(r *rush, way [2]*redistest.Proxy)
	// doubtful are the nodes, as bits, that serve no green from memory from a second after the beginning on. Both that are not serve.
	doubtful int64
	refuses  bool // notices are not accepted
	grows    []string
	log      string
}

// The metrics that tell of trouble.
const (
	lookupErrors   = `tongma_shared_lookups_total{result="error"}`
	lookupSkipped  = `tongma_shared_lookups_total{result="skipped"}`
	lookupRejected = `tongma_shared_lookups_total{result="rejected"}`
	putsDropped    = `tongma_shared_puts_total{result="dropped"}`
	gapsUnsound    = `tongma_notices_gaps_total{reason="unsound"}`
	gapsEpoch      = `tongma_notices_gaps_total{reason="epoch"}`
	followed       = "tongma_notices_followed"
)

const both = 3

var redisTroubles = map[string]redisTrouble{
	"killed": {
		begin:    func(r *rush, _ [2]*redistest.Proxy) { r.redis.Kill() },
		end:      func(r *rush, _ [2]*redistest.Proxy) { r.redis.Restart() },
		doubtful: both, refuses: true, grows: []string{lookupSkipped}, log: "change notices may be missed",
	},
	"hanging": {
		begin:    func(r *rush, _ [2]*redistest.Proxy) { r.redis.Signal(syscall.SIGSTOP) },
		end:      func(r *rush, _ [2]*redistest.Proxy) { r.redis.Signal(syscall.SIGCONT) },
		doubtful: both, refuses: true, grows: []string{lookupErrors, lookupSkipped}, log: "change notices may be missed",
	},
	"cut off from one node": {
		begin:    func(_ *rush, way [2]*redistest.Proxy) { way[1].Cut() },
		end:      func(_ *rush, way [2]*redistest.Proxy) { way[1].Mend() },
		doubtful: 2, refuses: true, log: "change notices may be missed",
	},
	"slow": {
		begin: func(_ *rush, way [2]*redistest.Proxy) { slow(way, 300*time.Millisecond) },
		end:   func(_ *rush, way [2]*redistest.Proxy) { slow(way, 0) },
		grows: []string{lookupErrors, lookupSkipped},
	},
	"full": {
		args:    []string{"--maxmemory-policy", "noeviction"},
		begin:   func(r *rush, _ [2]*redistest.Proxy) { r.redis.Do("CONFIG", "SET", "maxmemory", "1") },
		end:     func(r *rush, _ [2]*redistest.Proxy) { r.redis.Do("CONFIG", "SET", "maxmemory", "0") },
		refuses: true, grows: []string{lookupSkipped, putsDropped},
	},
	"flushed": {
		begin: func(r *rush, _ [2]*redistest.Proxy) { r.redis.Do("FLUSHALL") },
		lie: func(r *rush, i int) {
			if i == 20 {
				r.redis.Do("FLUSHALL")
			}
		},
		grows: []string{gapsUnsound, gapsEpoch}, log: "begun anew",
	},
	"lying about answers": {lie: func(r *rush, i int) { swapAnswers(r.twins, i) }, grows: []string{lookupRejected}},
	"lying about notices": {lie: func(r *rush, i int) { lieOfNotices(r, i) }, grows: []string{gapsUnsound, gapsEpoch}, log: "cannot be opened"},
}

func slow(way [2]*redistest.Proxy, by time.Duration) {
	for _, p := range way {
		p.Delay(by)
	}
}

// swapAnswers puts each answer in another's place, spoils one, and brings back old ones.
func swapAnswers(p *twins, i int) {
	keys := p.redis.Do("KEYS", "tongma:a:*").([]any)
	var last any
	for _, key := range keys {
		value := p.redis.Do("GET", key)
		if last != nil && value != nil {
			p.redis.Do("SET", key, last, "PX", 60_000)
		}
		last = value
	}
	if len(keys) > 0 {
		p.redis.Do("SETRANGE", keys[i%len(keys)], 60, "x")
	}
}

// lieOfNotices brings back what was, hides, forges.
func lieOfNotices(p *rush, i int) {
	const stream, state = "tongma:{changes}:stream", "tongma:{changes}:state"
	switch i {
	case 2:
		p.old = []any{p.redis.Do("DUMP", stream), p.redis.Do("DUMP", state)}
	case 12:
		p.redis.Do("EVAL", "redis.call('RESTORE',KEYS[1],0,ARGV[1],'REPLACE') redis.call('RESTORE',KEYS[2],0,ARGV[2],'REPLACE')",
			2, stream, state, p.old[0], p.old[1])
	case 26:
		p.redis.Do("XADD", stream, "*", "e", "x", "n", "3", "p", "y")
	case 40:
		p.redis.Do("HSET", state, "n", "7")
	}
}

// suffer lets time pass, and Redis lie.
func (r *rush) suffer(t *testing.T, c redisTrouble, d time.Duration) {
	for began := time.Now(); time.Since(began) < d; pause(t.Context(), 25*time.Millisecond) {
		if r.lies++; c.lie != nil {
			c.lie(r, r.lies)
		}
	}
}

// recovers waits until both nodes follow the notices, take new ones and share answers, and says how long it took.
func (r *rush) recovers(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	redistest.Eventually(t, 15*time.Second, "notices are followed again", func() bool {
		return r.nodes[0].metric(followed) == 1 && r.nodes[1].metric(followed) == 1
	})
	taken := r.accepted()
	redistest.Eventually(t, 15*time.Second, "notices are accepted again", func() bool { return r.accepted() > taken })
	r.sharing(15 * time.Second)
	return time.Since(began)
}

func (r *rush) accepted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken
}

func TestRedisInTroubleMakesNodesSlowerAndNotWrong(t *testing.T) {
	for name, c := range redisTroubles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t, c.args...)
			way := [2]*redistest.Proxy{redistest.StartProxy(t, s.Address), redistest.StartProxy(t, s.Address)}
			r := startRush(startTwins(t, s, [2]string{way[0].Address, way[1].Address}))
			pause(t.Context(), 700*time.Millisecond)
			before := r.nodes[1].all(c.grows)

			r.enter("trouble")
			if c.begin != nil {
				c.begin(r, way)
			}
			began := time.Now()
			r.suffer(t, c, time.Second)
			r.doubtful.Store(c.doubtful)
			r.enter("later")
			for i, node := range r.nodes {
				if want := c.doubtful&(1<<i) == 0; c.doubtful != 0 && (node.metric(followed) == 1) != want {
					t.Errorf("node %d follows the notices: %v", i, !want)
				}
			}
			r.suffer(t, c, 1500*time.Millisecond)
			after := r.nodes[1].all(c.grows)
			r.doubtful.Store(0)
			r.enter("recovery")
			if c.end != nil {
				c.end(r, way)
			}
			lasted := time.Since(began)
			recovered := r.recovers(t)
			r.enter("after")
			pause(t.Context(), 300*time.Millisecond)
			r.end()

			for what, n := range r.wrong {
				t.Errorf("%d times %s", n, what)
			}
			for i, metric := range c.grows {
				if after[i] <= before[i] {
					t.Errorf("%s does not tell of it", metric)
				}
			}
			if !strings.Contains(r.nodes[0].log.String()+r.nodes[1].log.String(), c.log) {
				t.Errorf("the log does not say %q", c.log)
			}
			if c.refuses != (r.refused > 0) && name != "slow" {
				t.Errorf("%d notices were not accepted", r.refused)
			}
			for stage, remembers := range map[string]bool{"calm": true, "later": c.doubtful != both, "after": true} {
				if (r.count(stage, standard.Cache) > 0) != remembers {
					t.Errorf("%s: greens come from memory: %v", stage, !remembers)
				}
			}
			calm50, calm99, first99 := r.share("calm", .5), r.share("calm", .99), r.share("trouble", .99)
			later50, later99 := r.share("later", .5), r.share("later", .99)
			t.Logf("trouble of %v, all well %v later; notices: %d accepted, %d not; a live answer took p50 %v, p99 %v before, p99 %v in the first second, then p50 %v, p99 %v; greens %v",
				lasted, recovered, r.taken, r.refused, calm50, calm99, first99, later50, later99, r.counts)
			// A caller waits 50 ms for Redis at most, and few do; the rest is room for a busy machine.
			if first99 > calm99+250*time.Millisecond || later50 > calm50+30*time.Millisecond {
				t.Error("callers wait")
			}
		})
	}
}
