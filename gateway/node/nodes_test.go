package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tongma/adapters"
	"tongma/gateway/client"
	"tongma/gateway/freshness/redistest"
	"tongma/gateway/registry"
	"tongma/standard"
	"tongma/standard/wire"
)

// town is a system whose backend is in the test: its people's scans are town: and 8 hex digits.
type town struct {
	mu    sync.Mutex
	state map[int]resident
	asked map[int]int
	down  bool
}

// resident is how the town's backend knows somebody: the version rises with each change.
type resident struct {
	status  standard.Status
	version int
}

// The town knows everybody below nobody, at first as green.
const nobody = 1 << 24

func newTown() *town { return &town{state: map[int]resident{}, asked: map[int]int{}} }

func scanOf(who int) string { return fmt.Sprintf("town:%08x", who) }

func subjectOf(who int) string { return fmt.Sprintf("subject-%d", who) }

func passportOf(who int) string { return fmt.Sprintf("E%07d", who) }

func (c *town) Info() adapters.Info {
	return adapters.Info{System: "town", Name: standard.Text{Zh: "镇码", En: "town"}, Region: "310000", Provenance: standard.FromSynthetic}
}

func (c *town) Open(adapters.Host) adapters.Adapter { return c }

func (c *town) Forms() []adapters.Form { return []adapters.Form{{Text: "town:{token:hex:8}"}} }

func (c *town) WriteKey(w io.Writer, q *adapters.Query) { io.WriteString(w, q.Ticket.Scan) }

// Verify looks at some time while it is asked.
func (c *town) Verify(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	began := time.Now()
	who, err := strconv.ParseInt(q.Ticket.Field("token"), 16, 64)
	if err != nil {
		return adapters.Result{}, err
	}
	c.takes(ctx)
	found := c.look(int(who))
	c.takes(ctx)
	if c.isDown() {
		return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonUnreachable}
	}
	if who >= nobody {
		return adapters.Result{Outcome: standard.NotFound, Reason: standard.ReasonNoHolder, ObservedAt: began}, nil
	}
	return adapters.Result{Outcome: standard.Verified, ObservedAt: began, Record: &standard.Record{
		Status: found.status, Subject: subjectOf(int(who)),
		System: standard.System{ID: "town", Text: fmt.Sprintf("%d of %d", found.version, who)},
		Holder: standard.Holder{Name: "张某某", IDType: "03", IDNumber: passportOf(int(who))},
	}}, nil
}

func (c *town) takes(ctx context.Context) {
	select {
	case <-time.After(rand.N(1500 * time.Microsecond)):
	case <-ctx.Done():
	}
}

func (c *town) look(who int) resident {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[who]++
	return c.now(who)
}

func (c *town) now(who int) resident {
	if found, ok := c.state[who]; ok {
		return found
	}
	return resident{standard.Green, 1}
}

func (c *town) isDown() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.down
}

func (c *town) setDown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = true
}

func (c *town) statusOf(who int) standard.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now(who).status
}

// turn gives somebody another status and gives the version.
func (c *town) turn(who int, to standard.Status) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := resident{to, c.now(who).version + 1}
	c.state[who] = found
	return found.version
}

// calls is how often the backend was asked about somebody.
func (c *town) calls(who int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[who]
}

// twins are two nodes of one gateway, the town behind both, and the Redis that they share.
type twins struct {
	t     *testing.T
	town  *town
	redis *redistest.Server
	nodes [2]*member
	seq   uint64
	fresh int // nobody has asked about whoever is above
}

// member is one of them.
type member struct {
	t       *testing.T
	gate    *client.Client // and the town's platform
	officer *client.Client
	metrics string
	log     safeBuffer
}

type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// startTwins starts two nodes that find Redis at these addresses, and waits until they share it.
func startTwins(t *testing.T, redis *redistest.Server, addresses [2]string, change ...func(*Config)) *twins {
	t.Helper()
	p := &twins{t: t, town: newTown(), redis: redis, fresh: 1 << 20}
	dir := sharedFolder(t)
	for i, address := range addresses {
		cfg, err := load(t, dir, good+"metrics: 127.0.0.1:0\nshared: {redis: 'redis://"+address+"', secret: {file: secrets/shared}, nonces: own}\n")
		if err != nil {
			t.Fatal(err)
		}
		cfg.State = t.TempDir()
		cfg.Dialects = append(cfg.Dialects, p.town)
		cfg.Systems["town"] = System{Endpoint: "http://127.0.0.1:1"}
		platform := standard.RolesOf(standard.RoleGate, standard.RolePlatform)
		cfg.Callers = []registry.Party{
			{ID: "gate", KeyID: "k", Key: cfg.Key.Public(), Roles: platform, Systems: []string{"town"}},
			{ID: "officer", KeyID: "k", Key: cfg.Key.Public(), Roles: standard.RolesOf(standard.RoleOfficer)},
		}
		for _, c := range change {
			c(cfg)
		}
		p.nodes[i] = startMember(t, cfg)
	}
	p.sharing(10 * time.Second)
	return p
}

func startMember(t *testing.T, cfg *Config) *member {
	t.Helper()
	m := &member{t: t}
	cfg.Log = slog.New(slog.NewTextHandler(&m.log, nil))
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m.metrics = n.MetricsURL()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	as := func(id string) *client.Client {
		c, err := client.New(client.Config{URL: n.URL(), GatewayID: "gw", GatewayKey: cfg.Key.Public(), Rid: id, KeyID: "k", Key: cfg.Key})
		if err == nil {
			err = c.Session(t.Context(), 15*time.Minute)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	m.gate, m.officer = as("gate"), as("officer")
	return m
}

// ask verifies somebody's scan.
func (m *member) ask(who int) *standard.Verification {
	m.t.Helper()
	v, err := m.gate.Verify(context.Background(), requestFor(who))
	if err != nil {
		m.t.Fatal(err)
	}
	return v
}

func requestFor(who int) *standard.Request {
	return &standard.Request{Scan: scanOf(who), Place: standard.Place{Region: "310000"}}
}

// fromOf is where an answer is from; live where it does not say, as one without a record.
func fromOf(v *standard.Verification) standard.From {
	if v.Freshness == nil {
		return standard.Live
	}
	return v.Freshness.From
}

// versionOf gives the version of somebody that an answer tells.
func versionOf(v *standard.Verification) int {
	version, _ := told(v)
	return version
}

// told reads what the town says besides the status: which version of whom.
func told(v *standard.Verification) (version, who int) {
	if v.System == nil {
		return 0, 0
	}
	a, b, _ := strings.Cut(v.System.Text, " of ")
	version, _ = strconv.Atoi(a)
	who, _ = strconv.Atoi(b)
	return version, who
}

// metric gives the value of a metric, named with its labels as it is printed.
func (m *member) metric(name string) float64 {
	m.t.Helper()
	_, text := get(m.t, m.metrics)
	_, rest, ok := strings.Cut(text, "\n"+name+" ")
	line, _, _ := strings.Cut(rest, "\n")
	value, err := strconv.ParseFloat(line, 64)
	if !ok || err != nil {
		m.t.Fatalf("no metric %s", name)
	}
	return value
}

// all gives the values of several metrics.
func (m *member) all(names []string) []float64 {
	values := make([]float64, len(names))
	for i, name := range names {
		values[i] = m.metric(name)
	}
	return values
}

func (m *member) stored() float64 { return m.metric(`tongma_shared_puts_total{result="stored"}`) }

// somebody gives a person whom nobody has asked about.
func (p *twins) somebody() int {
	p.fresh++
	return p.fresh
}

// shared has the first node ask about a person, or nobody, and waits until the answer is in Redis.
func (p *twins) shared(who int) *standard.Verification {
	p.t.Helper()
	before := p.nodes[0].stored()
	v := p.nodes[0].ask(who)
	redistest.Eventually(p.t, 5*time.Second, "the answer is in Redis", func() bool { return p.nodes[0].stored() > before })
	return v
}

// sharing waits until what the first node has asked for serves the second. It takes somebody red, because greens may wait for a
// heartbeat.
func (p *twins) sharing(within time.Duration) time.Duration {
	p.t.Helper()
	return redistest.Eventually(p.t, within, "the nodes share answers", func() bool {
		who := p.somebody()
		p.town.turn(who, standard.Red)
		before := p.nodes[0].stored()
		p.nodes[0].ask(who)
		return p.nodes[0].stored() > before && fromOf(p.nodes[1].ask(who)) == standard.Cache
	})
}

// tell tells a node the next notice of the town.
func (p *twins) tell(node int, changes ...standard.Change) (*standard.NoticeReceipt, error) {
	p.seq++
	return p.again(node, changes...)
}

// again tells a node a notice with the last number.
func (p *twins) again(node int, changes ...standard.Change) (*standard.NoticeReceipt, error) {
	changes = append([]standard.Change(nil), changes...)
	for i := range changes {
		changes[i].At = time.Now()
	}
	return p.nodes[node].gate.Notify(context.Background(), &standard.Notice{System: "town", Seq: p.seq, Changes: changes})
}

// told tells, which must succeed.
func (p *twins) told(node int, changes ...standard.Change) {
	p.t.Helper()
	if _, err := p.tell(node, changes...); err != nil {
		p.t.Fatal(err)
	}
}

// kept gives all that is in Redis.
func (p *twins) kept() string {
	p.t.Helper()
	var all strings.Builder
	for _, key := range p.redis.Do("KEYS", "*").([]any) {
		fmt.Fprintf(&all, "%v %v\n", key, p.redis.Do("DUMP", key))
	}
	return all.String()
}

func TestAnAnswerThatOneNodeHasFetchedIsServedByTheOther(t *testing.T) {
	s := redistest.Start(t)
	p := startTwins(t, s, [2]string{s.Address, s.Address})
	who := p.somebody()
	before := time.Now()
	first := p.shared(who)
	answered := time.Now()
	redistest.Eventually(t, time.Second, "a while passes", func() bool { return time.Since(answered) > 60*time.Millisecond })
	asked := time.Now()
	second, err := p.nodes[1].officer.Verify(t.Context(), requestFor(who))
	if err != nil {
		t.Fatal(err)
	}
	if fromOf(first) != standard.Live || fromOf(second) != standard.Cache || second.Status != standard.Green || second.Decision.Action != standard.Pass {
		t.Errorf("first %s; then %s, %q, %s", fromOf(first), fromOf(second), second.Status, second.Decision.Action)
	}
	if n := p.town.calls(who); n != 1 {
		t.Errorf("the backend was asked %d times", n)
	}
	const rounding = 2 * time.Millisecond
	age := time.Duration(second.Freshness.AgeMs) * time.Millisecond
	if age < asked.Sub(answered)-rounding || age > time.Since(before)+rounding || !second.Freshness.ObservedAt.Equal(first.Freshness.ObservedAt) {
		t.Errorf("observed at %v and then at %v, %v ago", first.Freshness.ObservedAt, second.Freshness.ObservedAt, age)
	}
	third := p.nodes[1].ask(who)
	if first.Holder.IDNumber != "" || third.Holder.IDNumber != "" || second.Holder.IDNumber == "" || second.Holder.IDNumber == passportOf(who) {
		t.Errorf("a gate sees the number %q, an officer %q, and a gate again %q", first.Holder.IDNumber, second.Holder.IDNumber, third.Holder.IDNumber)
	}

	none := nobody + 1
	if v := p.shared(none); v.Outcome != standard.NotFound {
		t.Errorf("nobody is %s", v.Outcome)
	}
	if v := p.nodes[1].ask(none); v.Outcome != standard.NotFound || fromOf(v) != standard.Cache || p.town.calls(none) != 1 {
		t.Errorf("nobody is %s on the other node, from %s, after %d calls", v.Outcome, fromOf(v), p.town.calls(none))
	}
	p.told(1, standard.Change{Subject: subjectOf(who)}, standard.Change{Scan: scanOf(who)})
	kept := p.kept()
	if !strings.Contains(kept, "tongma:a:") || !strings.Contains(kept, "tongma:{changes}:stream") {
		t.Fatal("nothing is in Redis")
	}
	for _, clear := range []string{"张", passportOf(who), subjectOf(who), scanOf(who)} {
		if strings.Contains(kept, clear) {
			t.Errorf("%q can be read in Redis", clear)
		}
	}
}

func TestANoticeToldToOneNodeIsObeyedByTheOtherWithinASecond(t *testing.T) {
	s := redistest.Start(t)
	p := startTwins(t, s, [2]string{s.Address, s.Address})
	var most time.Duration
	for name, c := range map[string]struct {
		change func(who int) standard.Change
		all    bool
	}{
		"by subject": {func(who int) standard.Change { return standard.Change{Subject: subjectOf(who)} }, false},
		"by document": {func(who int) standard.Change {
			return standard.Change{Document: &standard.ChangedDocument{Type: "03", Number: passportOf(who)}}
		}, false},
		"by scan": {func(who int) standard.Change { return standard.Change{Scan: scanOf(who)} }, false},
		"all":     {func(int) standard.Change { return standard.Change{All: true} }, true},
	} {
		who, inRedis, other := p.somebody(), p.somebody(), p.somebody()
		for _, person := range []int{who, inRedis, other} {
			p.shared(person)
		}
		for _, person := range []int{who, other} {
			if from := fromOf(p.nodes[1].ask(person)); from != standard.Cache {
				t.Fatalf("%s: before it the answer is %s", name, from)
			}
		}
		changed := map[int]int{who: p.town.turn(who, standard.Red), inRedis: p.town.turn(inRedis, standard.Red)}
		p.told(0, c.change(who), c.change(inRedis))
		took := redistest.Eventually(t, time.Second, name+": the other node obeys", func() bool { return p.nodes[1].ask(who).Status == standard.Red })
		most = max(most, took)
		for person, version := range changed {
			for i, node := range p.nodes {
				if v := node.ask(person); v.Status != standard.Red || versionOf(v) != version {
					t.Errorf("%s: node %d says %q, version %d, want version %d", name, i, v.Status, versionOf(v), version)
				}
			}
		}
		calls := p.town.calls(other)
		p.nodes[1].ask(other)
		if again := p.town.calls(other) > calls; again != c.all {
			t.Errorf("%s: the backend is asked about another holder: %v", name, again)
		}
	}
	t.Logf("obeyed by the other node within %v of the receipt", most)

	who := p.somebody()
	p.nodes[1].ask(who)
	p.town.turn(who, standard.Red)
	p.seq += 2 // two never came
	p.told(0)
	redistest.Eventually(t, time.Second, "missed notices mark everything", func() bool { return p.nodes[1].ask(who).Status == standard.Red })
}

func TestAHeartbeatToldToOneNodeIsHeardByTheOther(t *testing.T) {
	s := redistest.Start(t)
	p := startTwins(t, s, [2]string{s.Address, s.Address}, func(c *Config) {
		town := c.Systems["town"]
		town.Heartbeat = time.Hour
		c.Systems["town"] = town
	})
	who := p.somebody()
	p.shared(who)
	for i, node := range p.nodes {
		if from := fromOf(node.ask(who)); from != standard.Live {
			t.Errorf("before the first heartbeat node %d serves a green from %s", i, from)
		}
	}
	p.told(0)
	redistest.Eventually(t, time.Second, "greens are served by the other node", func() bool { return fromOf(p.nodes[1].ask(who)) == standard.Cache })
	if from := fromOf(p.nodes[0].ask(who)); from != standard.Cache {
		t.Errorf("after a heartbeat the node that heard it serves a green from %s", from)
	}
}

// TestWhatAnotherNodeHasFetchedStandsInForASystemThatIsDown: it is too old to be served as it is, and all that there is.
func TestWhatAnotherNodeHasFetchedStandsInForASystemThatIsDown(t *testing.T) {
	s := redistest.Start(t)
	const fresh = 200 * time.Millisecond
	p := startTwins(t, s, [2]string{s.Address, s.Address}, func(c *Config) {
		town := c.Systems["town"]
		town.Life.Green = fresh
		c.Systems["town"] = town
	})
	who := p.somebody()
	p.shared(who)
	stored := time.Now()
	redistest.Eventually(t, time.Second, "the answer is no longer fresh", func() bool { return time.Since(stored) > fresh })
	p.town.setDown()
	if v := p.nodes[1].ask(who); v.Outcome != standard.Verified || fromOf(v) != standard.Stale || v.Decision.Action != standard.Manual {
		t.Errorf("%s from %s: %s", v.Outcome, fromOf(v), v.Decision.Action)
	}
	if v := p.nodes[1].ask(p.somebody()); v.Outcome != standard.Unavailable {
		t.Errorf("somebody whom no node knows: %s", v.Outcome)
	}
}

func TestANoticeWithoutRedisIsNotAcceptedAndObeyedWhereItCame(t *testing.T) {
	s := redistest.Start(t)
	p := startTwins(t, s, [2]string{s.Address, s.Address})
	who := p.somebody()
	p.town.turn(who, standard.Red)
	p.shared(who)
	p.nodes[1].ask(who)
	s.Kill()
	version := p.town.turn(who, standard.Yellow)
	began := time.Now()
	_, err := p.tell(0, standard.Change{Subject: subjectOf(who)})
	refused, ok := errors.AsType[*client.RefusedError](err)
	if !ok || refused.Code != wire.CodeFeed.Code || !refused.Signed || refused.Todo() == "" {
		t.Errorf("without Redis: %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the platform waits %v", took)
	}
	if v := p.nodes[0].ask(who); versionOf(v) != version {
		t.Errorf("where it came the answer is %q, version %d, from %s", v.Status, versionOf(v), fromOf(v))
	}
	s.Restart()
	redistest.Eventually(t, 10*time.Second, "the notice is accepted", func() bool {
		_, err := p.again(0, standard.Change{Subject: subjectOf(who)})
		return err == nil
	})
	redistest.Eventually(t, time.Second, "the other node obeys", func() bool { return versionOf(p.nodes[1].ask(who)) == version })
	p.sharing(5 * time.Second)
}
