package node

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"tongma/gateway/client"
	"tongma/gateway/evidence"
	"tongma/gateway/store"
	"tongma/standard/proof"
	"tongma/standard/wire"
)

// kind says what may be amiss in a stage: one node, or what all nodes need.
type kind int

const (
	quiet kind = iota
	troubled
)

// tally counts what becomes of requests in a stage.
type tally struct {
	name       string
	kind       kind
	began      time.Time
	took       time.Duration
	answers    map[string]int // by version
	refused    map[string]int // by code: attempts that another node, or a later attempt, made good
	cut        int            // attempts that ended with their node
	unanswered int            // requests that no node has answered
	longest    time.Duration
	replays    map[string]int // by the code of their refusal
}

// stage does something under load. What is asked meanwhile is counted there.
func (c *country) stage(name string, k kind, do func()) {
	s := &tally{name: name, kind: k, began: time.Now(), answers: map[string]int{}, refused: map[string]int{}, replays: map[string]int{}}
	c.mu.Lock()
	c.stages = append(c.stages, s)
	c.mu.Unlock()
	do()
	c.mu.Lock()
	s.took = time.Since(s.began)
	c.mu.Unlock()
}

func (c *country) now() *tally { return c.stages[len(c.stages)-1] }

// answered counts an answer.
func (c *country) answered(p *process, at, began time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.now()
	s.answers[p.version]++
	s.longest = max(s.longest, time.Since(began))
	if at.After(p.since) {
		p.served++
	}
}

// passing are the refusals after which another node is asked: nonces or evidence cannot be kept, a notice has not reached all.
var passing = map[string]bool{wire.CodeNonces.Code: true, wire.CodeEvidence.Code: true, wire.CodeFeed.Code: true}

// failed judges an attempt that began at a time and was not answered.
func (c *country) failed(p *process, at time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.now()
	refused, is := errors.AsType[*client.RefusedError](err)
	switch {
	case is && (passing[refused.Code] || s.kind == troubled && refused.Code == wire.CodeTime.Code): // for its time: what may have been lost is older
		s.refused[refused.Code]++
	case p.mayBeGone(at) && (errors.Is(err, client.ErrUnreachable) || is && refused.Code == wire.CodeDraining.Code):
		s.cut++
	default:
		c.wrong[s.name+", "+p.log+": "+err.Error()]++
	}
}

// mayBeGone says whether a node was killed, or had told for long enough that it would end.
func (p *process) mayBeGone(at time.Time) bool {
	return p.killed || !p.leaves.IsZero() && at.After(p.leaves.Add(grace*3/4))
}

// hopeless says whether a request that began at a time has waited too long. Then it counts as one that was not answered.
func (c *country) hopeless(began time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wellAt.After(began) {
		began = c.wellAt
	}
	if time.Since(began) < patience {
		return false
	}
	c.now().unanswered++
	return true
}

// replayed counts what became of a request that was sent again.
func (c *country) replayed(code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now().replays[code]++
	if code == wire.CodeOK.Code {
		c.wrong["a replay was accepted"]++
	}
}

// lastLook asks each node about everybody who has turned red, and to prove some of what all nodes have said.
func (c *country) lastLook() {
	c.stage("a last look", quiet, func() {
		ids := slices.Collect(maps.Keys(c.told)) // in no order
		var all sync.WaitGroup
		for i, p := range c.nodes {
			all.Go(func() {
				for _, who := range c.latest {
					c.insist(p, who)
				}
				for _, id := range ids[i*provedByEach : (i+1)*provedByEach] {
					c.prove(p, id)
				}
			})
		}
		all.Wait()
	})
}

// provedByEach is how many answers each node is asked to prove.
const provedByEach = 50

// prove has a node prove an answer that any of them has given.
func (c *country) prove(p *process, id string) {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		at := time.Now()
		given, err := p.caller.Prove(c.t.Context(), id)
		if err != nil {
			c.failed(p, at, err)
			if c.hopeless(began) {
				return
			}
			continue
		}
		e, head, err := given.Verify(proof.KeysOf(c.key.Public()))
		c.mu.Lock()
		defer c.mu.Unlock()
		if v := c.told[id]; err != nil || e.ID != id || e.Answer != c.digests[id] || e.Status != v.status || head.Log != v.log {
			c.wrong["a proof that does not prove what was said"]++
		}
		c.proved++
		return
	}
}

// insist asks one node about somebody until it answers.
func (c *country) insist(p *process, who int) {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		at := time.Now()
		v, err := c.verify(p, requestFor(who))
		if err == nil {
			c.keep(p, at, who, v)
			c.answered(p, at, began)
			return
		}
		c.failed(p, at, err)
		if c.hopeless(began) {
			return
		}
	}
}

// judge compares what callers were told with what the nodes have kept.
func (c *country) judge() {
	t := c.t
	t.Helper()
	for _, s := range c.stages {
		c.judgeStage(s)
	}
	for what, n := range c.wrong {
		t.Errorf("%s: %d times", what, n)
	}
	kept := c.kept()
	lost, other := 0, 0
	for id, v := range c.told {
		switch e, ok := kept[id]; {
		case !ok:
			lost++
		case e.log != v.log || e.Answer != c.digests[id] || e.Status != v.status || e.Outcome != v.outcome:
			other++
		}
	}
	if lost > 0 || other > 0 {
		t.Errorf("of %d answers %d are not in the evidence, and of %d it says something else", len(c.told), lost, other)
	}
	if len(kept) < len(c.told) || len(kept) > c.asked {
		t.Errorf("%d entries for %d answers to %d requests on the wire", len(kept), len(c.told), c.asked)
	}
	t.Logf("%d requests on the wire, %d answers, %d entries, %d proofs, %d people turned red", c.asked, len(c.told), len(kept), c.proved, len(c.latest))
	if c.proved != provedByEach*len(c.nodes) {
		t.Errorf("%d answers were proved", c.proved)
	}
	if len(c.latest) < 20 {
		t.Errorf("only %d people turned red", len(c.latest))
	}
}

func (c *country) judgeStage(s *tally) {
	answers, refused := 0, 0
	for _, n := range s.answers {
		answers += n
	}
	for _, n := range s.refused {
		refused += n
	}
	c.t.Logf("%-24s %5.1fs: %5d answers %v, the slowest after %v; refused %v, cut %d; replays %v",
		s.name, s.took.Seconds(), answers, s.answers, s.longest.Round(time.Millisecond), s.refused, s.cut, s.replays)
	switch {
	case answers == 0:
		c.t.Errorf("%s: nothing was answered", s.name)
	case s.unanswered > 0:
		c.t.Errorf("%s: %d requests were answered by no node within %v", s.name, s.unanswered, patience)
	case s.kind == quiet && refused > answers/5: // a few are, where a busy machine keeps Redis or the disk waiting
		c.t.Errorf("%s: nodes refused %d attempts though they had all they need", s.name, refused)
	}
}

// record is an entry and the log that it is in.
type record struct {
	proof.Entry
	log string
}

// kept verifies the logs of all nodes and gives their entries.
func (c *country) kept() map[string]record {
	t := c.t
	t.Helper()
	s, err := store.Open(t.Context(), c.url)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	reader := evidence.NewReader(s)
	logs, err := reader.Logs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if names := slices.Sorted(maps.Keys(logs)); !slices.Equal(names, []string{logOf(0), logOf(1), logOf(2)}) {
		t.Errorf("the logs are %v", names)
	}
	kept := map[string]record{}
	for name := range logs {
		var export bytes.Buffer
		if err := reader.Export(t.Context(), &export, name, evidence.Range{}); err != nil {
			t.Fatal(err)
		}
		r, err := proof.NewReader(&export, proof.KeysOf(c.key.Public()))
		if err != nil {
			t.Fatal(err)
		}
		for {
			block, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("log %s: %v", name, err)
			}
			for _, e := range block.Entries {
				if _, again := kept[e.ID]; again {
					t.Errorf("two entries are of %s", e.ID)
				}
				kept[e.ID] = record{e, name}
			}
		}
	}
	return kept
}
