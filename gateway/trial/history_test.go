package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tongma/adapters"
	"tongma/conformance/sandbox"
	"tongma/gateway"
	"tongma/gateway/freshness"
	"tongma/standard"
	"tongma/standard/wire"
)

// world is two systems whose people change colour while they are asked about. Everything that happens has a time by one clock, which
// each event moves.
type world struct {
	now    atomic.Int64
	people []*resident
	ahead  atomic.Int64 // of the clock on the wall, ns

	mu      sync.Mutex
	history history
	asking  map[string]int // questions under way, by key
}

func (w *world) tick() int64 { return w.now.Add(1) }

// resident is somebody with two codes and a document.
type resident struct {
	id     int
	system string
	scans  [2]string
	number string

	mu     sync.Mutex
	status standard.Status
}

var ourSystems = [...]string{"north", "south"}

const residents = 8

func newWorld() *world {
	w := &world{asking: map[string]int{}}
	for i := range residents {
		p := &resident{id: i, system: ourSystems[i%2], number: fmt.Sprintf("T%08d", i), status: colours[i%3]}
		for s := range p.scans {
			p.scans[s] = fmt.Sprintf("%s:%08x", p.system, 2*i+s)
		}
		w.people = append(w.people, p)
		w.history.states = append(w.history.states, []state{{at: 0, status: p.status}})
	}
	return w
}

// flip gives a person another colour.
func (w *world) flip(p *resident) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = colours[rand.IntN(len(colours))]
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history.states[p.id] = append(w.history.states[p.id], state{w.tick(), p.status})
}

// ours is a system of the world, in one version of its descriptor.
type ours struct {
	*world
	system  string
	version int32
}

func (o *ours) Info() adapters.Info {
	return adapters.Info{
		System: o.system, Name: standard.Text{Zh: o.system, En: o.system}, Region: "310000", Provenance: standard.FromSynthetic,
		Digest: fmt.Sprint(o.system, o.version),
	}
}

func (o *ours) Open(adapters.Host) adapters.Adapter { return o }

func (o *ours) Forms() []adapters.Form {
	return []adapters.Form{{Text: o.system + ":{token:hex:8}"}, {Document: []string{"03"}}}
}

func (o *ours) WriteKey(w io.Writer, q *adapters.Query) { io.WriteString(w, o.key(q)) }

func (o *ours) key(q *adapters.Query) string { return fmt.Sprint(o.version, " ", askedWith(q)) }

func askedWith(q *adapters.Query) string {
	if q.Ticket.Document != nil {
		return q.Ticket.Document.Number
	}
	return q.Ticket.Scan
}

func (w *world) whose(with string) *resident {
	for _, p := range w.people {
		if with == p.scans[0] || with == p.scans[1] || with == p.number {
			return p
		}
	}
	return nil
}

// Verify answers after a while what was true at some moment in between, or fails in one of the ways of adapters.
func (o *ours) Verify(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	key, p := o.system+o.key(q), o.whose(askedWith(q))
	r := reply{resident: p.id, begun: o.tick(), at: time.Now()}
	o.enter(key)
	defer o.leave(key)
	if err := nap(ctx, 3*time.Millisecond); err != nil {
		return adapters.Result{}, err
	}
	p.mu.Lock()
	r.status = p.status
	p.mu.Unlock()
	if err := nap(ctx, 3*time.Millisecond); err != nil {
		return adapters.Result{}, err
	}
	switch rand.IntN(40) {
	case 0:
		panic("odd")
	case 1:
		return adapters.Result{}, errors.New("odd")
	case 2:
		return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonUnreachable}
	case 3:
		<-ctx.Done()
		return adapters.Result{}, ctx.Err()
	}
	return adapters.Result{Outcome: standard.Verified, Record: o.record(p, o.replied(r), r.status), ObservedAt: r.at}, nil
}

func nap(ctx context.Context, most time.Duration) error {
	t := time.NewTimer(rand.N(most))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *world) enter(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asking[key]++
	w.history.atOnce = max(w.history.atOnce, w.asking[key])
}

func (w *world) leave(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asking[key]--
}

// replied writes a reply down and gives its number.
func (w *world) replied(r reply) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.ended = w.tick()
	w.history.replies = append(w.history.replies, r)
	return len(w.history.replies) - 1
}

// record has the reply's number in the text of the system's colour. Every third person's does not tell whose it is.
func (o *ours) record(p *resident, number int, status standard.Status) *standard.Record {
	r := &standard.Record{Status: status, System: standard.System{ID: o.system, Text: strconv.Itoa(number)}}
	if p.id%3 != 0 {
		r.Subject, r.Holder.IDType, r.Holder.IDNumber = fmt.Sprint("S", p.id), "03", p.number
	}
	return r
}

// worldLife is short, so that everything becomes of an answer that can.
var worldLife = freshness.Life{
	Freshness: adapters.Freshness{Green: worldGreen, Yellow: 40 * time.Millisecond, Red: 40 * time.Millisecond},
	Negative:  20 * time.Millisecond, Revalidate: 100 * time.Millisecond, IfError: 300 * time.Millisecond,
}

const worldGreen = 60 * time.Millisecond

func (w *world) backends(version int32, systems ...string) (list []gateway.Backend) {
	for _, s := range systems {
		list = append(list, gateway.Backend{
			Dialect: &ours{w, s, version}, Endpoint: "http://127.0.0.1:1", Life: worldLife,
			Limits: adapters.Limits{Timeout: 100 * time.Millisecond},
		})
	}
	return list
}

// verifies verifies somebody again and again until ctx ends.
func (w *world) verifies(ctx context.Context, t *testing.T, g *gateway.Gateway, caller int) {
	for ctx.Err() == nil {
		p := w.people[rand.IntN(len(w.people))]
		with := [...]string{p.scans[0], p.scans[1], p.number}[rand.IntN(3)]
		who := sandbox.Person{System: p.system, Scan: with}
		if with == p.number {
			who = sandbox.Person{System: p.system, Document: &standard.Document{Type: "03", Number: with, Name: "某某"}}
		}
		call := callFor(who, 200*time.Millisecond)
		call.Batch = rand.IntN(8) == 0
		if rand.IntN(8) == 0 {
			call.Request.Reference = "r" + strconv.Itoa(caller%4) + with
		}
		within, cancel := context.WithTimeout(ctx, time.Second)
		if rand.IntN(16) == 0 {
			within, cancel = context.WithTimeout(ctx, rand.N(5*time.Millisecond))
		}
		a := answer{resident: p.id, with: with, repeats: call.Request.Reference != "", called: w.tick(), at: time.Now()}
		v, err := g.Verify(within, call)
		a.returned, a.took = w.tick(), time.Since(a.at)
		cancel()
		if err != nil {
			if !errors.As(err, new(*standard.Error)) && !errors.As(err, new(*gateway.Overload)) {
				t.Error(err)
			}
			continue
		}
		a.Verification = v
		w.mu.Lock()
		w.history.answers = append(w.history.answers, a)
		w.mu.Unlock()
	}
}

// tells changes people of a system and tells of it.
func (w *world) tells(ctx context.Context, t *testing.T, g *gateway.Gateway, system string) {
	for seq := uint64(1); ctx.Err() == nil; seq++ {
		nap(ctx, 16*time.Millisecond)
		p := w.people[rand.IntN(len(w.people))]
		for p.system != system {
			p = w.people[rand.IntN(len(w.people))]
		}
		n := notice{system: system, resident: p.id}
		told := &freshness.Notice{System: system, Seq: seq}
		switch rand.IntN(8) {
		case 0:
			n.resident = everybody
			told.Changes = []freshness.Change{{All: true}}
		case 1, 2:
			n.with = p.scans[rand.IntN(2)]
			told.Changes = []freshness.Change{{Scan: n.with}}
		case 3, 4:
			told.Changes = []freshness.Change{{Document: p.number}}
		default:
			told.Changes = []freshness.Change{{Subject: fmt.Sprint("S", p.id)}}
		}
		w.flip(p)
		for {
			n.called = w.tick()
			_, err := g.Tell(ctx, told)
			n.returned = w.tick()
			if err == nil {
				break
			}
			if !errors.As(err, new(*standard.Error)) { // the system is not there for the moment: it is told again
				t.Error(err)
				return
			}
			if nap(ctx, time.Millisecond) != nil {
				return
			}
		}
		w.mu.Lock()
		w.history.notices = append(w.history.notices, n)
		w.mu.Unlock()
	}
}

// swaps exchanges descriptors, and takes a system away for a moment.
func (w *world) swaps(ctx context.Context, t *testing.T, g *gateway.Gateway) {
	for nap(ctx, 80*time.Millisecond) == nil {
		systems := ourSystems[:]
		if rand.IntN(6) == 0 {
			systems = systems[:1]
		}
		if err := g.Swap(w.backends(rand.Int32N(2), systems...)); err != nil {
			t.Error(err)
		}
		w.mu.Lock()
		w.history.swaps++
		w.mu.Unlock()
	}
}

// operates takes systems out of service for a moment.
func (w *world) operates(ctx context.Context, g *gateway.Gateway) {
	for nap(ctx, 150*time.Millisecond) == nil {
		system := ourSystems[rand.IntN(2)]
		g.Operate(ctx, system, wire.Actions[rand.IntN(len(wire.Actions))]) // one that is not there needs none
		nap(ctx, 20*time.Millisecond)
		g.Operate(ctx, system, wire.ActionWarm)
	}
}

// jumps sets the clock on the wall.
func (w *world) jumps(ctx context.Context) {
	for nap(ctx, 100*time.Millisecond) == nil {
		w.ahead.Store(int64([...]time.Duration{-time.Hour, 0, time.Hour}[rand.IntN(3)]))
	}
}

// TestNothingThatBeganBeforeANoticeIsServedAfterIt has everything happen at once for some seconds, and then reads the history.
func TestNothingThatBeganBeforeANoticeIsServedAfterIt(t *testing.T) {
	w := newWorld()
	g := open(t, gateway.Config{
		Backends: w.backends(0, ourSystems[:]...),
		Now:      func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) },
	})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() { w.verifies(ctx, t, g, i) })
	}
	for _, s := range ourSystems {
		all.Go(func() { w.tells(ctx, t, g, s) })
	}
	all.Go(func() { w.swaps(ctx, t, g) })
	all.Go(func() { w.operates(ctx, g) })
	all.Go(func() { w.jumps(ctx) })
	all.Wait()
	if err := g.Close(t.Context()); err != nil { // the last questions end
		t.Error(err)
	}
	h := &w.history
	h.systems = func(resident int) string { return w.people[resident].system }
	for i, what := range h.faults() {
		if i == 10 {
			t.Fatal("and more")
		}
		t.Error(what)
	}
	count := map[standard.From]int{}
	for _, a := range h.answers {
		if a.Freshness != nil {
			count[a.Freshness.From]++
		}
	}
	t.Logf("%d answers %v, %d replies, %d notices, %d swaps", len(h.answers), count, len(h.replies), len(h.notices), h.swaps)
	if len(h.notices) < 100 || h.swaps < 20 || min(count[standard.Live], count[standard.Cache], count[standard.Stale]) < 50 {
		t.Error("too little has happened to prove anything")
	}
}
