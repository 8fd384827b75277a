package freshness

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"tongma/gateway/freshness/redistest"
	"tongma/standard"
	"tongma/standard/wire"
)

var secret = bytes.Repeat([]byte("s"), MinSecret)

// peer is one gateway's memory: what a node has.
type peer struct {
	t      testing.TB
	marks  *Marks
	cache  *Cache
	shared *Shared
	log    *bytes.Buffer
}

const testLife = 20 * time.Minute

func startPeer(t testing.TB, address string, change ...func(*SharedConfig)) *peer {
	t.Helper()
	began := time.Now()
	uptime := func() time.Duration { return time.Since(began) }
	p := &peer{t: t, marks: NewMarks(testLife, uptime), log: new(bytes.Buffer)}
	p.marks.Of("suishen") // as the gateway does at its start
	p.cache, _ = New(100, uptime)
	config := SharedConfig{
		Addresses: []string{"redis://" + address}, Secret: secret, Metrics: prometheus.NewRegistry(),
		Log: slog.New(slog.NewTextHandler(&locked{w: p.log}, nil)),
	}
	for _, c := range change {
		c(&config)
	}
	var err error
	if p.shared, err = OpenShared(config, p.marks); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.shared.Close() })
	return p
}

type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func (p *peer) ready() bool { return p.marks.Sure() && p.shared.era.Load() != nil }

// readyPeers starts nodes that have heard all.
func readyPeers(t testing.TB, n int, address string) []*peer {
	t.Helper()
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = startPeer(t, address)
	}
	settled(t, peers...)
	return peers
}

// settled waits until all nodes are at one position.
func settled(t testing.TB, peers ...*peer) {
	t.Helper()
	redistest.Eventually(t, 15*time.Second, "all nodes have heard all", func() bool {
		for _, p := range peers {
			if !p.ready() || p.marks.Position() != peers[0].marks.Position() {
				return false
			}
		}
		return true
	})
}

var aKey = Key{1, 2, 3}

// answer is one that was fetched now.
func (p *peer) answer(i int) *Entry {
	return &Entry{Record: sample(i), ObservedAt: time.Now(), Since: p.marks.uptime(), Began: p.marks.Position()}
}

// keep remembers an answer as the gateway does.
func (p *peer) keep(key Key, e *Entry) {
	marks := p.marks.Of("suishen")
	e.Concerns = marks.Concerns("scan", nil, e.Record)
	p.cache.Put(key, e, &Life{}, marks)
}

// remembers says whether the node would serve an answer for key from its own memory.
func (p *peer) remembers(key Key) bool {
	_, standing := p.cache.Get(key, p.marks.Of("suishen"))
	return standing != Absent
}

// share stores an answer and waits until the other node finds it.
func share(t testing.TB, from, to *peer, key Key, e *Entry) Entry {
	t.Helper()
	var got Entry
	redistest.Eventually(t, 5*time.Second, "the answer is found", func() bool {
		from.shared.Put(key, e, &Life{})
		var ok bool
		got, ok = to.shared.Get(t.Context(), key)
		return ok
	})
	return got
}

func tellAbout(t *testing.T, p *peer, seq uint64, changes ...Change) Receipt {
	t.Helper()
	r, err := p.shared.Tell(t.Context(), &Notice{System: "suishen", Seq: seq, Changes: changes})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnAnswerOfOneNodeServesTheOthers(t *testing.T) {
	s := redistest.Start(t)
	peers := readyPeers(t, 2, s.Address)
	e := peers[0].answer(1)
	e.ValidUntil = e.ObservedAt.Add(time.Hour)
	got := share(t, peers[0], peers[1], aKey, e)
	if got.Record.Holder.Name != e.Record.Holder.Name || got.Began != e.Began || got.ObservedAt.UnixMilli() != e.ObservedAt.UnixMilli() ||
		got.ValidUntil.UnixMilli() != e.ValidUntil.UnixMilli() {
		t.Errorf("%+v became %+v", e, got)
	}
	if age := peers[1].marks.uptime() - got.Since; age < 0 || age > 3*time.Second {
		t.Errorf("its age is %v", age)
	}
	peers[1].keep(aKey, &got)
	if !peers[1].remembers(aKey) {
		t.Error("it is not served")
	}
	none := peers[0].answer(2)
	none.Record, none.Reason = nil, standard.ReasonNoHolder
	if got := share(t, peers[0], peers[1], Key{9}, none); got.Record != nil || got.Reason != none.Reason {
		t.Errorf("%+v became %+v", none, got)
	}
	if ttl, _ := s.Admin.PTTL(t.Context(), peers[0].shared.nameOf(aKey)).Result(); ttl <= 0 || ttl > defaultGreen+defaultIfError {
		t.Errorf("Redis keeps it for %v", ttl)
	}
	if _, ok := peers[1].shared.Get(t.Context(), Key{4}); ok {
		t.Error("an answer that nobody has stored")
	}
}

// A node whose clock is ten minutes ahead fetches an answer, and ten minutes later another node finds it.
func TestAClockThatIsAheadMakesNoAnswerYoungOnAnotherNode(t *testing.T) {
	const ahead = 10 * time.Minute
	s := redistest.Start(t)
	later := func(c *SharedConfig) { c.Now = func() time.Time { return time.Now().Add(ahead) } }
	a, b := startPeer(t, s.Address), startPeer(t, s.Address, later)
	settled(t, a, b)
	e := a.answer(1)
	e.ObservedAt = e.ObservedAt.Add(ahead)
	share(t, a, b, aKey, e)
	var got Entry
	redistest.Eventually(t, 5*time.Second, "a green of ten minutes is taken for one", func() bool { // what share has put may be on its way once more
		s.Admin.PExpire(t.Context(), a.shared.nameOf(aKey), defaultGreen+defaultIfError-ahead) // so much of its time has passed
		var ok bool
		got, ok = b.shared.Get(t.Context(), aKey)
		return ok && b.marks.uptime()-got.Since >= ahead
	})
	if b.keep(aKey, &got); standingOf(b, aKey) > Resort {
		t.Error("and it is served as if it were fresh")
	}
	redistest.Eventually(t, 5*time.Second, "an answer whose time Redis has taken away is not served", func() bool {
		s.Admin.Persist(t.Context(), a.shared.nameOf(aKey))
		got, ok := b.shared.Get(t.Context(), aKey)
		return !ok || b.marks.uptime()-got.Since >= defaultGreen+defaultIfError
	})
}

func standingOf(p *peer, key Key) Standing {
	_, standing := p.cache.Get(key, p.marks.Of("suishen"))
	return standing
}

func TestWhatASystemNoLongerSaysIsTakenFromTheOthersToo(t *testing.T) {
	s := redistest.Start(t)
	peers := readyPeers(t, 2, s.Address)
	share(t, peers[0], peers[1], aKey, peers[0].answer(1))
	odd := peers[0].answer(1)
	odd.Record.Status = standard.None
	peers[0].shared.Put(aKey, odd, &Life{})
	redistest.Eventually(t, time.Second, "the green before it is gone", func() bool {
		_, ok := peers[1].shared.Get(t.Context(), aKey)
		return !ok
	})
}

func TestANoticeReachesEveryNodeWithinASecond(t *testing.T) {
	s := redistest.Start(t)
	peers := readyPeers(t, 2, s.Address)
	a, b := peers[0], peers[1]
	a.keep(aKey, a.answer(1))
	b.keep(aKey, b.answer(1))
	b.keep(Key{2}, b.answer(2))

	tellAbout(t, a, 1, Change{Subject: sample(1).Subject})
	if a.remembers(aKey) {
		t.Error("it is acknowledged before it is marked")
	}
	took := redistest.Eventually(t, time.Second, "the notice is marked on the other node", func() bool { return !b.remembers(aKey) })
	t.Logf("marked on the other node %v after it was told", took)
	if !b.remembers(Key{2}) {
		t.Error("another holder's answer is gone as well")
	}
	for _, c := range []struct {
		seq  uint64
		want Receipt
	}{
		{2, Receipt{Last: 2}},
		{2, Receipt{Repeated: true, Last: 2}},
		{1, Receipt{Repeated: true, Last: 2}},
		{6, Receipt{Missed: 3, Last: 6}},
	} {
		if got := tellAbout(t, peers[c.seq%2], c.seq); got != c.want {
			t.Errorf("number %d: %+v, want %+v", c.seq, got, c.want)
		}
	}
	redistest.Eventually(t, time.Second, "missed notices mark the whole system", func() bool { return !b.remembers(Key{2}) })
}

func TestEveryNodeForgetsWhatOneIsToForget(t *testing.T) {
	s := redistest.Start(t)
	peers := readyPeers(t, 2, s.Address)
	a, b := peers[0], peers[1]
	tellAbout(t, a, 7)
	b.keep(aKey, b.answer(1))
	silent := b.marks.Of("suikang")
	silent.Promise(time.Minute)
	for _, system := range []string{"suikang", "suishen"} {
		if err := a.shared.Forget(t.Context(), system); err != nil {
			t.Fatal(err)
		}
	}
	redistest.Eventually(t, time.Second, "the other node has forgotten it", func() bool { return !b.remembers(aKey) })
	if !silent.Overdue() {
		t.Error("a platform that has told nothing is taken to be there")
	}
	if got := tellAbout(t, b, 8); got != (Receipt{Last: 8}) {
		t.Errorf("the platform's next notice: %+v", got)
	}
	s.Kill()
	a.keep(aKey, a.answer(1))
	if err := a.shared.Forget(t.Context(), "suishen"); !errors.Is(err, ErrFeed) {
		t.Errorf("without Redis: %v, want ErrFeed", err)
	}
	if a.remembers(aKey) {
		t.Error("without Redis it is not forgotten even here")
	}
}

func TestAHeartbeatIsHeardByEveryNodeThatIsThere(t *testing.T) {
	s := redistest.Start(t)
	peers := readyPeers(t, 2, s.Address)
	overdue := func(p *peer) bool {
		marks := p.marks.Of("suishen")
		marks.Promise(time.Minute)
		return marks.Overdue()
	}
	if !overdue(peers[1]) {
		t.Fatal("a platform that has told nothing is not overdue")
	}
	tellAbout(t, peers[0], 1)
	redistest.Eventually(t, time.Second, "the other node has heard the platform", func() bool { return !overdue(peers[1]) })
	if overdue(peers[0]) {
		t.Error("the node that was told has not heard it")
	}
	if late := readyPeers(t, 1, s.Address)[0]; !overdue(late) {
		t.Error("a node that came later takes an old heartbeat for a new one")
	}
}

func TestNoticesOfAllNodesHaveOneOrder(t *testing.T) {
	s := redistest.Start(t)
	peers := readyPeers(t, 3, s.Address)
	var all sync.WaitGroup
	for i, p := range peers {
		all.Go(func() {
			for seq := range uint64(20) {
				if _, err := p.shared.Tell(t.Context(), &Notice{System: fmt.Sprint("system", i), Seq: seq + 1, Changes: []Change{{Subject: "x"}}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	settled(t, peers...)
	entries, _ := s.Admin.XRange(t.Context(), peers[0].shared.stream, "-", "+").Result()
	for i, m := range entries {
		if m.Values["n"] != fmt.Sprint(i+1) {
			t.Fatalf("notice %d has the number %v", i+1, m.Values["n"])
		}
	}
	if len(entries) < 60 {
		t.Errorf("%d notices, 60 were told", len(entries))
	}
}

// TestANodeThatJoinsTakesNoAnswerThatItCannotJudge: a notice was told before it came, about an answer that is still in Redis.
func TestANodeThatJoinsTakesNoAnswerThatItCannotJudge(t *testing.T) {
	s := redistest.Start(t)
	a := readyPeers(t, 1, s.Address)[0]
	share(t, a, a, aKey, a.answer(1))
	tellAbout(t, a, 1, Change{Subject: sample(1).Subject})

	b := readyPeers(t, 1, s.Address)[0] // it hears the notice
	if e, ok := b.shared.Get(t.Context(), aKey); ok {
		b.keep(aKey, &e)
	}
	if b.remembers(aKey) {
		t.Error("an overtaken answer is served")
	}
	tellAbout(t, a, 2)
	s.Do("XTRIM", a.shared.stream, "MAXLEN", "1") // the notice itself is gone
	c := readyPeers(t, 1, s.Address)[0]
	if _, ok := c.shared.Get(t.Context(), aKey); ok {
		t.Error("an answer is taken that a notice may have overtaken before this node came")
	}
	share(t, a, c, Key{5}, a.answer(5))
}

func TestACutOffNodeIsNotSure(t *testing.T) {
	s := redistest.Start(t)
	a := readyPeers(t, 1, s.Address)[0]
	between := redistest.StartProxy(t, s.Address)
	b := readyPeers(t, 1, between.Address)[0]
	settled(t, a, b)
	b.keep(aKey, b.answer(1))

	between.Cut()
	redistest.Eventually(t, 1500*time.Millisecond, "the node doubts", func() bool { return !b.marks.Sure() })
	if b.remembers(aKey) {
		t.Error("a green is served by a node that is cut off")
	}
	tellAbout(t, a, 1, Change{Subject: sample(1).Subject})
	if _, err := b.shared.Tell(t.Context(), &Notice{System: "suishen", Seq: 2}); !errors.Is(err, ErrFeed) {
		t.Errorf("a notice that nobody else hears of: %v", err)
	}
	between.Mend()
	settled(t, a, b)
	if b.remembers(aKey) {
		t.Error("the notice was missed")
	}
	share(t, b, a, Key{6}, b.answer(6))
}

func TestANodesOwnMarksNeverLeaveIt(t *testing.T) {
	s := redistest.Start(t)
	peers := readyPeers(t, 2, s.Address)
	a, b := peers[0], peers[1]
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.shared.Tell(gone, &Notice{System: "suishen", Seq: 1}); !errors.Is(err, ErrFeed) {
		t.Fatal(err)
	}
	own := a.answer(1) // at a position that no notice has
	settled(t, a, b)
	a.shared.Put(aKey, own, &Life{})
	share(t, a, b, Key{2}, a.answer(2))
	if _, ok := b.shared.Get(t.Context(), aKey); ok {
		t.Error("an answer at a position of the node's own making is taken by another")
	}
}

func TestWhatRedisChangesIsNoAnswer(t *testing.T) {
	s := redistest.Start(t)
	peers := readyPeers(t, 2, s.Address)
	a, b := peers[0], peers[1]
	other := Key{2}
	share(t, a, b, aKey, a.answer(1))
	share(t, a, b, other, a.answer(2))
	one, _ := s.Admin.Get(t.Context(), a.shared.nameOf(aKey)).Bytes()
	two, _ := s.Admin.Get(t.Context(), a.shared.nameOf(other)).Bytes()
	future := a.answer(1)
	future.ObservedAt = time.Now().Add(maxAhead + time.Minute)
	ahead, _ := a.shared.sealAnswer(aKey, future, time.Minute, a.shared.era.Load())
	elsewhere, _ := a.shared.sealAnswer(aKey, a.answer(1), time.Minute, &era{epoch: a.shared.newEpoch()})
	stranger := Shared{marks: a.marks, answers: sealerOf(bytes.Repeat([]byte("x"), MinSecret), wire.LineCache, DefaultPrefix)}
	strange, _ := stranger.sealAnswer(aKey, a.answer(1), time.Minute, a.shared.era.Load())
	flipped := bytes.Clone(one)
	flipped[len(flipped)/2] ^= 1
	for what, value := range map[string][]byte{
		"another key's": two, "cut off": one[:len(one)-1], "nothing": {}, "a bit changed": flipped, "text": []byte("green"),
		"another version": append([]byte{9}, one[1:]...), "from the future": ahead, "of another epoch": elsewhere, "of another secret": strange,
	} {
		s.Admin.Set(t.Context(), a.shared.nameOf(aKey), value, time.Minute)
		if e, ok := b.shared.Get(t.Context(), aKey); ok {
			t.Errorf("a value that is %s: %+v", what, e)
		}
	}
	s.Admin.Set(t.Context(), a.shared.nameOf(aKey), one, time.Minute)
	if _, ok := b.shared.Get(t.Context(), aKey); !ok {
		t.Error("the true value is not taken")
	}
	tellAbout(t, a, 1, Change{Subject: sample(1).Subject})
	settled(t, a, b)
	s.Admin.Set(t.Context(), a.shared.nameOf(aKey), one, time.Minute) // as it was before
	if e, ok := b.shared.Get(t.Context(), aKey); ok {
		b.keep(aKey, &e)
	}
	if b.remembers(aKey) {
		t.Error("an old value that Redis brings back is served")
	}
}

// TestALyingStreamIsNoticed: whatever happens to the notices in Redis, nodes drop what they remember, and go on.
func TestALyingStreamIsNoticed(t *testing.T) {
	for what, lie := range map[string]func(s *redistest.Server, sh *Shared){
		"everything is gone":          func(s *redistest.Server, sh *Shared) { s.Do("FLUSHALL") },
		"the state is gone":           func(s *redistest.Server, sh *Shared) { s.Do("DEL", sh.state) },
		"the stream and state are":    func(s *redistest.Server, sh *Shared) { s.Do("DEL", sh.state, sh.stream) },
		"the number is set back":      func(s *redistest.Server, sh *Shared) { s.Do("HSET", sh.state, "n", "1") },
		"the number is ahead":         func(s *redistest.Server, sh *Shared) { s.Do("HSET", sh.state, "n", "900") },
		"the number is none":          func(s *redistest.Server, sh *Shared) { s.Do("HSET", sh.state, "n", "many") },
		"the last ID is another":      func(s *redistest.Server, sh *Shared) { s.Do("HSET", sh.state, "id", "5-5") },
		"the last ID is out of range": func(s *redistest.Server, sh *Shared) { s.Do("HSET", sh.state, "id", "99999999999999999-1") },
		"the epoch is cut":            func(s *redistest.Server, sh *Shared) { s.Do("HSET", sh.state, "epoch", sh.check) },
		"a strange notice is added":   func(s *redistest.Server, sh *Shared) { s.Do("XADD", sh.stream, "*", "e", "x", "n", "3", "p", "y") },
		"a true one comes again": func(s *redistest.Server, sh *Shared) {
			last, _ := s.Admin.XRevRangeN(context.Background(), sh.stream, "+", "-", 1).Result()
			v := last[0].Values
			s.Do("XADD", sh.stream, "*", "e", v["e"], "n", v["n"], "p", v["p"])
		},
		"two have one number, as when an old replica became master": func(s *redistest.Server, sh *Shared) {
			from, _ := sh.heard()
			forged(s, sh, from.n, from.last+1)
		},
		"numbers are left out": func(s *redistest.Server, sh *Shared) {
			from, _ := sh.heard()
			forged(s, sh, from.n+5, from.last+1)
		},
		"one is hidden": func(s *redistest.Server, sh *Shared) { hideOne(s, sh) },
		"the last told is hidden and its place taken": func(s *redistest.Server, sh *Shared) {
			v := hideOne(s, sh)
			s.Do("XADD", sh.stream, "*", "e", v["e"], "n", v["n"], "p", "0123456789")
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t)
			peers := readyPeers(t, 2, s.Address)
			tellAbout(t, peers[0], 1, Change{Scan: "nobody's"})
			settled(t, peers...)
			for i, p := range peers {
				p.keep(aKey, p.answer(i))
			}
			lie(s, peers[0].shared)
			redistest.Eventually(t, 2*time.Second, "every node drops what it remembers", func() bool {
				return !peers[0].remembers(aKey) && !peers[1].remembers(aKey)
			})
			settled(t, peers...)
			if peers[0].remembers(aKey) || peers[1].remembers(aKey) {
				t.Error("what was remembered is back")
			}
			for i, p := range peers {
				p.keep(aKey, p.answer(i))
			}
			tellAbout(t, peers[1], 1, Change{Subject: sample(0).Subject})
			redistest.Eventually(t, time.Second, "notices are marked as before", func() bool { return !peers[0].remembers(aKey) })
			if !peers[1].remembers(aKey) {
				t.Error("more is marked than was told")
			}
		})
	}
}

// forged adds a notice as a node would that had heard another one under this number.
func forged(s *redistest.Server, sh *Shared, n uint64, at Position) {
	from, _ := sh.heard()
	number := fmt.Sprint(n)
	payload, _ := sh.notices.sealed(packNotice(&Notice{System: "suishen", Changes: []Change{{Subject: "x"}}}), noticePlace(from.epoch, n, at))
	pipe := s.Admin.TxPipeline()
	pipe.XAdd(context.Background(), &redis.XAddArgs{Stream: sh.stream, ID: at.id(), Values: []any{"e", from.epoch, "n", number, "p", payload}})
	pipe.HSet(context.Background(), sh.state, "n", number, "id", at.id())
	if _, err := pipe.Exec(context.Background()); err != nil {
		panic(err) // the Redis of this test
	}
}

// hideOne tells a notice on a node's behalf and takes it out of the stream in the same moment.
func hideOne(s *redistest.Server, sh *Shared) map[string]any {
	from, _ := sh.heard()
	n, at := from.n+1, from.last+1
	payload, _ := sh.notices.sealed(packNotice(&Notice{System: "suishen", Changes: []Change{{Subject: "x"}}}), noticePlace(from.epoch, n, at))
	s.Do("HSET", sh.state, "n", fmt.Sprint(n), "id", at.id())
	return map[string]any{"e": from.epoch, "n": fmt.Sprint(n), "p": payload}
}

// TestPositionsNeverFall: Redis lost everything while a node was cut off, and those who began anew have clocks that are behind.
func TestPositionsNeverFall(t *testing.T) {
	s := redistest.Start(t)
	between := redistest.StartProxy(t, s.Address)
	ahead := startPeer(t, between.Address, func(c *SharedConfig) {
		c.Now = func() time.Time { return time.Now().Add(time.Hour) }
	})
	settled(t, ahead)
	ahead.keep(aKey, ahead.answer(1))
	ahead.keep(Key{2}, ahead.answer(2))
	at := ahead.marks.Position()
	between.Cut()
	s.Do("FLUSHALL")
	other := readyPeers(t, 1, s.Address)[0]
	if other.marks.Position() >= at {
		t.Fatal("the other's clock is not behind")
	}
	tellAbout(t, other, 1, Change{Subject: sample(1).Subject})
	between.Mend()
	settled(t, ahead, other)
	if ahead.marks.Position() <= at {
		t.Errorf("a position of %d after %d", ahead.marks.Position(), at)
	}
	if ahead.remembers(aKey) || ahead.remembers(Key{2}) {
		t.Error("an answer outlives notices that have no place after it")
	}
	other.keep(aKey, other.answer(1))
	tellAbout(t, ahead, 2, Change{Subject: sample(1).Subject})
	settled(t, ahead, other)
	if other.remembers(aKey) {
		t.Error("the nodes have lost each other's order")
	}
}

// TestWhatAFailoverLosesIsMarkedByEveryNode: a notice was acknowledged, the master died before its replica had it, and another notice
// took its number. Whoever has heard the first says so to those who have not.
func TestWhatAFailoverLosesIsMarkedByEveryNode(t *testing.T) {
	s := redistest.Start(t)
	a := readyPeers(t, 1, s.Address)[0]
	between := redistest.StartProxy(t, s.Address)
	b := readyPeers(t, 1, between.Address)[0]
	tellAbout(t, a, 1)
	settled(t, a, b)
	b.keep(aKey, b.answer(1))
	between.Cut()

	stream, state := s.Do("DUMP", a.shared.stream).(string), s.Do("DUMP", a.shared.state).(string)
	before, _ := a.shared.heard()
	tellAbout(t, a, 2, Change{Subject: sample(1).Subject})
	at, number := a.marks.Position()+1, fmt.Sprint(before.n+1)
	payload, _ := a.shared.notices.sealed(packNotice(&Notice{System: "other"}), noticePlace(before.epoch, before.n+1, at))
	pipe := s.Admin.TxPipeline()
	pipe.RestoreReplace(t.Context(), a.shared.stream, 0, stream)
	pipe.RestoreReplace(t.Context(), a.shared.state, 0, state)
	pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: a.shared.stream, ID: at.id(), Values: []any{"e", before.epoch, "n", number, "p", payload}})
	pipe.HSet(t.Context(), a.shared.state, "n", number, "id", at.id())
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	between.Mend()
	settled(t, a, b)
	redistest.Eventually(t, 2*time.Second, "the node that has not heard the lost notice drops what it remembers", func() bool { return !b.remembers(aKey) })
	settled(t, a, b)
	if b.remembers(aKey) {
		t.Error("it was doubt only")
	}
}

func TestMissedNoticesDropEverything(t *testing.T) {
	s := redistest.Start(t)
	a := readyPeers(t, 1, s.Address)[0]
	between := redistest.StartProxy(t, s.Address)
	b := readyPeers(t, 1, between.Address)[0]
	settled(t, a, b)
	b.keep(aKey, b.answer(1))
	between.Cut()
	tellAbout(t, a, 1, Change{Subject: sample(1).Subject})
	tellAbout(t, a, 2, Change{Subject: "nobody's"})
	s.Do("XTRIM", a.shared.stream, "MAXLEN", "1")
	tellAbout(t, a, 3)
	between.Mend()
	settled(t, a, b)
	if b.remembers(aKey) {
		t.Error("an answer outlives notices that were missed")
	}
}

func TestARedisThatComesBackEmptyIsNoticed(t *testing.T) {
	s := redistest.Start(t)
	peers := readyPeers(t, 2, s.Address)
	for _, p := range peers {
		p.keep(aKey, p.answer(1))
	}
	s.Kill()
	redistest.Eventually(t, 1500*time.Millisecond, "the nodes doubt", func() bool { return !peers[0].marks.Sure() && !peers[1].marks.Sure() })
	began := time.Now()
	if _, ok := peers[0].shared.Get(t.Context(), aKey); ok || time.Since(began) > 5*getTime {
		t.Errorf("a look into a Redis that is gone takes %v", time.Since(began))
	}
	s.Restart()
	settled(t, peers...)
	for _, p := range peers {
		if p.remembers(aKey) {
			t.Error("what was remembered before is served")
		}
	}
	tellAbout(t, peers[0], 1)
}

func TestTheFirstNodeOfAllDropsNothing(t *testing.T) {
	s := redistest.Start(t)
	p := readyPeers(t, 1, s.Address)[0]
	unsound := p.shared.meters.gaps.WithLabelValues(gapUnsound)
	if testutil.ToFloat64(unsound) != 0 {
		t.Error("the first notices of all are told as a gap")
	}
	s.Do("FLUSHALL")
	redistest.Eventually(t, 2*time.Second, "notices that are gone are told as a gap", func() bool { return testutil.ToFloat64(unsound) > 0 })
	settled(t, p)
	p.shared.Close()
	if log := p.log.String(); !strings.Contains(log, "are begun: ") || strings.Count(log, "begun anew") != 1 {
		t.Errorf("the log: %s", log)
	}
}

// TestARedisThatIsFullMakesRoomForNotices: as README.md tells operators to set it.
func TestARedisThatIsFullMakesRoomForNotices(t *testing.T) {
	s := redistest.Start(t, "--maxmemory-policy", "volatile-ttl")
	peers := readyPeers(t, 2, s.Address)
	used, err := strconv.Atoi(s.Admin.InfoMap(t.Context(), "memory").Val()["Memory"]["used_memory"])
	if err != nil {
		t.Fatal(err)
	}
	s.Do("CONFIG", "SET", "maxmemory", used+1_000_000)
	meters := peers[0].shared.meters
	const batches = 20
	for seq := range uint64(batches) {
		for i := range uint64(maxPuts / 2) {
			peers[0].shared.Put(Key{byte(seq), byte(i), byte(i >> 8)}, peers[0].answer(int(i)), &Life{})
		}
		all := float64((seq + 1) * maxPuts / 2)
		redistest.Eventually(t, 5*time.Second, "answers are stored", func() bool { return testutil.ToFloat64(meters.stored) == all })
		tellAbout(t, peers[seq%2], seq+1, Change{Subject: "x"})
	}
	if held := s.Do("DBSIZE").(int64); held >= batches*maxPuts/2 {
		t.Fatalf("Redis holds all %d answers", held)
	}
	settled(t, peers...)
	if n := s.Do("XLEN", peers[0].shared.stream).(int64); n < batches {
		t.Errorf("%d notices are left", n)
	}
	for i, p := range peers {
		if strings.Contains(p.log.String(), "anew") {
			t.Errorf("node %d begins the notices anew", i)
		}
	}
}

func TestANodeStartsWithoutRedis(t *testing.T) {
	s := redistest.Start(t)
	s.Kill()
	p := startPeer(t, s.Address)
	p.keep(aKey, p.answer(1))
	if p.remembers(aKey) {
		t.Error("a green is served by a node that has never heard a notice")
	}
	p.shared.Put(aKey, p.answer(1), &Life{})
	s.Restart()
	settled(t, p)
}

// TestAHangingRedisCostsCallersLittle: it takes connections and says nothing.
func TestAHangingRedisCostsCallersLittle(t *testing.T) {
	s := redistest.Start(t)
	p := readyPeers(t, 1, s.Address)[0]
	p.keep(aKey, p.answer(1))
	s.Signal(syscall.SIGSTOP)
	var waited, most time.Duration
	for range 200 {
		began := time.Now()
		if _, ok := p.shared.Get(t.Context(), aKey); ok {
			t.Error("a hit")
		}
		waited, most = waited+time.Since(began), max(most, time.Since(began))
	}
	if most > 5*getTime || waited > 14*getTime {
		t.Errorf("200 looks waited %v, one of them %v", waited, most)
	}
	redistest.Eventually(t, 1500*time.Millisecond, "the node doubts", func() bool { return !p.marks.Sure() })
	before := p.marks.Position()
	if _, err := p.shared.Tell(t.Context(), &Notice{System: "suishen", Seq: 1, Changes: []Change{{Subject: "x"}}}); !errors.Is(err, ErrFeed) {
		t.Errorf("a notice is taken: %v", err)
	}
	if p.marks.Position() <= before {
		t.Error("it is not marked here")
	}
	s.Signal(syscall.SIGCONT)
	settled(t, p)
	if p.remembers(aKey) {
		t.Error("an answer outlives a notice that was not taken")
	}
	share(t, p, p, Key{2}, p.answer(2))
}

func TestASlowRedisMakesNodesSlowerAndNotWrong(t *testing.T) {
	s := redistest.Start(t)
	a := readyPeers(t, 1, s.Address)[0]
	between := redistest.StartProxy(t, s.Address)
	b := readyPeers(t, 1, between.Address)[0]
	settled(t, a, b)
	between.Delay(100 * time.Millisecond)
	slow := a.answer(1)
	a.shared.Put(aKey, slow, &Life{})
	began := time.Now()
	if _, ok := b.shared.Get(t.Context(), aKey); ok || time.Since(began) > 5*getTime {
		t.Errorf("a look into a slow Redis takes %v", time.Since(began))
	}
	b.keep(aKey, b.answer(1))
	tellAbout(t, a, 1, Change{Subject: sample(1).Subject})
	redistest.Eventually(t, time.Second, "the notice comes in time all the same", func() bool { return !b.remembers(aKey) })
	settled(t, a, b)

	between.Delay(1200 * time.Millisecond)
	redistest.Eventually(t, 2500*time.Millisecond, "a node doubts that hears too late", func() bool { return !b.marks.Sure() })
	between.Delay(0)
	between.Sever()
	settled(t, a, b)
}

func TestAFullRedisStillAnswers(t *testing.T) {
	s := redistest.Start(t, "--maxmemory-policy", "noeviction")
	peers := readyPeers(t, 2, s.Address)
	a, b := peers[0], peers[1]
	share(t, a, b, aKey, a.answer(1))
	for _, p := range peers {
		p.keep(Key{3}, p.answer(3))
	}
	s.Do("CONFIG", "SET", "maxmemory", "1")
	a.shared.Put(Key{2}, a.answer(2), &Life{})
	redistest.Eventually(t, time.Second, "what is not stored is counted", func() bool { return testutil.ToFloat64(a.shared.meters.failed) == 1 })
	if _, err := a.shared.Tell(t.Context(), &Notice{System: "suishen", Seq: 1, Changes: []Change{{Subject: "x"}}}); !errors.Is(err, ErrFeed) {
		t.Errorf("a notice is taken: %v", err)
	}
	if a.remembers(Key{3}) {
		t.Error("it is not marked on its own node")
	}
	if _, ok := b.shared.Get(t.Context(), aKey); !ok {
		t.Error("what is in it is not found")
	}
	a.shared.Put(Key{2}, a.answer(2), &Life{})
	if n := testutil.ToFloat64(a.shared.meters.dropped); n != 1 {
		t.Errorf("%v answers are dropped of 1 that could not be judged elsewhere", n)
	}
	if !a.marks.Sure() || !b.marks.Sure() || !b.remembers(Key{3}) {
		t.Error("a node doubts, and nobody was told that his notice was taken")
	}
	full := time.Now()
	redistest.Eventually(t, 2*time.Second, "what was heard before it was full proves nothing any more", func() bool { return time.Since(full) > heardFor })
	if !a.marks.Sure() || !b.marks.Sure() {
		t.Error("nodes do not follow the notices of a Redis that is full")
	}
	s.Do("CONFIG", "SET", "maxmemory", "0")
	settled(t, peers...)
	tellAbout(t, a, 1, Change{Subject: "x"})
	share(t, a, b, Key{2}, a.answer(2))
}

func TestNodesWithAnotherSecretLeaveTheNoticesAlone(t *testing.T) {
	s := redistest.Start(t)
	a := readyPeers(t, 1, s.Address)[0]
	at := a.marks.Position()
	b := startPeer(t, s.Address, func(c *SharedConfig) { c.Secret = bytes.Repeat([]byte("x"), MinSecret) })
	if _, err := b.shared.Tell(t.Context(), &Notice{System: "suishen", Seq: 1}); !errors.Is(err, ErrFeed) {
		t.Errorf("a notice is taken: %v", err)
	}
	if b.marks.Sure() || a.marks.Position() != at || !a.marks.Sure() {
		t.Error("a node with another secret is sure, or disturbs the others")
	}
	b.shared.Close()
	if !strings.Contains(b.log.String(), "another secret") {
		t.Errorf("the log does not say it: %s", b.log)
	}
	c := startPeer(t, s.Address, func(c *SharedConfig) {
		c.Secret, c.Prefix = bytes.Repeat([]byte("x"), MinSecret), "other"
	})
	settled(t, c)
}

func TestAClusterServesAsWell(t *testing.T) {
	s := redistest.Start(t, "--cluster-enabled", "yes")
	s.Do("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	redistest.Eventually(t, 10*time.Second, "the cluster is up", func() bool {
		return strings.Contains(s.Admin.ClusterInfo(t.Context()).Val(), "cluster_state:ok")
	})
	p := startPeer(t, s.Address, func(c *SharedConfig) { c.Cluster = true })
	settled(t, p)
	share(t, p, p, aKey, p.answer(1))
	share(t, p, p, Key{200}, p.answer(1))
	if r := tellAbout(t, p, 5, Change{All: true}); r.Last != 5 {
		t.Errorf("%+v", r)
	}
}

// TestNothingOfAPersonIsInRedis: what was put, told, changed and brought back leaves no trace that can be read.
func TestNothingOfAPersonIsInRedis(t *testing.T) {
	s := redistest.Start(t)
	conn, err := net.Dial("tcp", s.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "MONITOR\r\n")
	var seen bytes.Buffer
	var reading sync.WaitGroup
	ready := make(chan struct{})
	reading.Go(func() {
		in := bufio.NewReader(conn)
		in.ReadString('\n') // +OK
		close(ready)
		io.Copy(&seen, in)
	})
	<-ready

	peers := readyPeers(t, 2, s.Address)
	person := sample(4)
	person.Holder.Name, person.Holder.IDNumber, person.Holder.Phone, person.Subject = "金丝雀", "000000190001010001", "19911112222", "canary-subject"
	const scan = "https://canary.example/scan"
	for i := range byte(3) {
		e := peers[0].answer(1)
		e.Record = person
		share(t, peers[0], peers[1], Key{i}, e)
	}
	tellAbout(t, peers[0], 1, Change{Subject: person.Subject}, Change{Scan: scan}, Change{Document: person.Holder.IDNumber})
	tellAbout(t, peers[1], 2, Change{Document: person.Holder.IDNumber})
	before := peers[0].shared.era.Load()
	s.Do("XADD", peers[0].shared.stream, "*", "e", "x")
	redistest.Eventually(t, 2*time.Second, "the notices are begun anew", func() bool { return peers[0].shared.era.Load() != before })
	settled(t, peers...)
	share(t, peers[0], peers[1], Key{7}, &Entry{Record: person, ObservedAt: time.Now(), Began: peers[0].marks.Position()})
	tellAbout(t, peers[1], 3, Change{Scan: scan})

	var kept bytes.Buffer
	for _, key := range s.Do("KEYS", "*").([]any) {
		fmt.Fprintf(&kept, "%v ", key)
		switch kind := s.Do("TYPE", key); kind {
		case "string":
			fmt.Fprintf(&kept, "%s\n", s.Do("GET", key))
		case "stream":
			fmt.Fprintf(&kept, "%s\n", s.Do("XRANGE", key, "-", "+"))
		case "hash":
			fmt.Fprintf(&kept, "%s\n", s.Do("HGETALL", key))
		default:
			t.Errorf("a %v", kind)
		}
		fmt.Fprintf(&kept, "%s\n", s.Do("DUMP", key))
	}
	conn.Close()
	reading.Wait()
	if !bytes.Contains(seen.Bytes(), []byte("xadd")) && !bytes.Contains(seen.Bytes(), []byte("XADD")) {
		t.Fatal("MONITOR shows no notice")
	}
	if !bytes.Contains(kept.Bytes(), []byte(":a:")) || !bytes.Contains(kept.Bytes(), []byte("suishen")) {
		t.Fatal("nothing is kept")
	}
	text := strings.ToLower(kept.String() + seen.String() + peers[0].log.String())
	for _, s := range []string{person.Holder.Name, person.Holder.IDNumber, person.Holder.Phone, person.Subject, scan, "canary", "\\xe9\\x87\\x91", string(secret)} {
		if strings.Contains(text, strings.ToLower(s)) {
			t.Errorf("%q can be read in Redis", s)
		}
	}
}

// BenchmarkSharedGet says what a hit in a Redis on this machine costs: asked one after the other, and by as many as a node has calls.
func BenchmarkSharedGet(b *testing.B) {
	s := redistest.Start(b)
	p := readyPeers(b, 1, s.Address)[0]
	share(b, p, p, aKey, p.answer(1))
	hit := func() {
		if _, ok := p.shared.Get(context.Background(), aKey); !ok {
			b.Error("no hit")
		}
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			hit()
		}
	})
	b.Run("many", func(b *testing.B) {
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				hit()
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "hits/s")
	})
}

func TestASharedMemoryIsNotOpenedWithAWrongConfiguration(t *testing.T) {
	good := SharedConfig{Addresses: []string{"redis://127.0.0.1:1"}, Secret: secret}
	for what, spoil := range map[string]func(*SharedConfig){
		"a short secret":       func(c *SharedConfig) { c.Secret = secret[1:] },
		"a prefix with a slot": func(c *SharedConfig) { c.Prefix = "{x}" },
		"no address":           func(c *SharedConfig) { c.Addresses = nil },
		"two servers":          func(c *SharedConfig) { c.Addresses = []string{"redis://a", "redis://b"} },
		"another scheme":       func(c *SharedConfig) { c.Addresses = []string{"http://:hunter2@a"} },
		"no host":              func(c *SharedConfig) { c.Addresses = []string{"redis:///0"} },
		"a named database":     func(c *SharedConfig) { c.Addresses = []string{"redis://a/b"} },
		"a parameter":          func(c *SharedConfig) { c.Addresses = []string{"redis://a?pool_size=9"} },
	} {
		c := good
		spoil(&c)
		s, err := OpenShared(c, NewMarks(testLife, func() time.Duration { return 0 }))
		if err == nil {
			s.Close()
			t.Errorf("%s is taken", what)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error tells a password: %v", err)
		}
	}
}
