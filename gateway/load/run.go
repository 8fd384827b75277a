package load

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"tongma/standard/wire"
)

// Progress is how far a run is.
type Progress struct {
	Warming       bool // the warm set is asked about; nothing is measured yet
	Done, Planned int64
	Elapsed       time.Duration
	Last          Point // the last second
}

// run is a load under way.
type run struct {
	plan   *Plan
	caller *caller
	deck   *deck
	watch  func(Progress)
	tally  tally
	began  time.Time
	done   atomic.Int64
	queued atomic.Int64 // requests that were sent later than soon
	dry    atomic.Bool  // the source had no more
}

// Run puts the load on. watch, if not nil, is told once a second how far it is. When ctx ends the run stops, and the report is of
// what was done. The error is one of a plan that cannot be meant, [ErrUnreachable], [ErrSignature] or a *[RefusedError]: then nothing
// was measured.
func Run(ctx context.Context, plan Plan, source Source, watch func(Progress)) (*Report, error) {
	if err := plan.Check(); err != nil {
		return nil, err
	}
	c, err := newCaller(&plan)
	if err != nil {
		return nil, err
	}
	if err := c.meet(ctx); err != nil {
		return nil, err
	}
	if watch == nil {
		watch = func(Progress) {}
	}
	r := &run{plan: &plan, caller: c, watch: watch, deck: newDeck(source, plan.Hit, plan.Warm, time.Now())}
	renewing, stop := context.WithCancel(ctx)
	var renewer sync.WaitGroup
	defer renewer.Wait()
	defer stop()
	if plan.Sign == wire.HMACSM3 {
		renewer.Go(func() { c.renew(renewing) })
	}
	warmed := r.warm(ctx)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("stopped before anything was measured: %w", ctx.Err())
	}
	return r.measure(ctx, warmed), nil
}

// worker is what one connection's goroutine has.
type worker struct {
	*run
	conn   conn
	signer signer
	shard  *shard
}

// begin begins to count.
func (r *run) begin() {
	r.tally = newTally(min(r.plan.Connections, 2*runtime.GOMAXPROCS(0)))
	r.done.Store(0)
	r.began = time.Now()
}

// each runs f with a worker for every connection, and closes the connections when all have ended. Who is stopped by ctx does not wait
// for answers.
func (r *run) each(ctx context.Context, connections int, f func(w *worker)) {
	var group sync.WaitGroup
	for i := range connections {
		group.Go(func() {
			w := &worker{run: r, conn: conn{dialer: r.caller.dialer}, signer: signer{caller: r.caller}, shard: r.tally[i%len(r.tally)]}
			defer w.conn.close()
			defer context.AfterFunc(ctx, w.conn.interrupt)()
			f(w)
		})
	}
	group.Wait()
}

// maxWarming is how many connections ask about the warm set.
const maxWarming = 16

// warm asks about each member of the warm set once and gives what came of it.
func (r *run) warm(ctx context.Context) *shard {
	total := int64(len(r.deck.warm))
	var next atomic.Int64
	r.begin()
	watched := r.look(func(p Progress) { p.Warming, p.Planned = true, total; r.watch(p) })
	r.each(ctx, min(maxWarming, r.plan.Connections), func(w *worker) {
		for i := next.Add(1) - 1; i < total && ctx.Err() == nil; i = next.Add(1) - 1 {
			w.ask(ctx, r.deck.warm[i].Load(), time.Now())
		}
	})
	watched()
	return r.tally.merged()
}

// measure runs the loop and reports.
func (r *run) measure(ctx context.Context, warmed *shard) *Report {
	planned := r.plan.Planned()
	var points []Point
	r.begin()
	watched := r.look(func(p Progress) {
		points = append(points, p.Last)
		p.Planned = planned
		r.watch(p)
	})
	if r.plan.Rate > 0 {
		r.open(ctx)
	} else {
		r.closed(ctx)
	}
	took := time.Since(r.began)
	watched()
	report := newReport(r.plan, r.tally.merged(), warmed)
	report.Began, report.Timeline = r.began, whole(points)
	report.Queued = r.queued.Load()
	report.took(took)
	report.Interrupted, report.Exhausted = ctx.Err() != nil, r.dry.Load()
	return report
}

// look tells about every second until the function that it gives is called, which tells about the rest.
func (r *run) look(tell func(Progress)) (end func()) {
	quit := make(chan struct{})
	var looking sync.WaitGroup
	last := r.began
	once := func(now time.Time) {
		s := r.tally.look()
		p := s.point(now.Sub(r.began), now.Sub(last))
		last = now
		tell(Progress{Done: r.done.Load(), Elapsed: now.Sub(r.began), Last: p})
	}
	looking.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				once(now)
			case <-quit:
				return
			}
		}
	})
	return func() {
		close(quit)
		looking.Wait()
		once(time.Now())
	}
}

// maxDue bounds how many requests may be due and wait for a connection.
const maxDue = 1 << 20

// open runs the open loop.
func (r *run) open(ctx context.Context) {
	// Longer than the patience nobody waits, so that no more than this can be worth sending.
	due := make(chan time.Duration, int(min(r.plan.Rate*r.plan.Patience.Seconds()+1, maxDue)))
	issuing, stop := context.WithCancel(ctx)
	defer stop()
	var pacing sync.WaitGroup
	defer pacing.Wait()
	pacing.Go(func() {
		steadily(func() {
			pace{r.plan.Rate, r.plan.Duration}.run(issuing, func() time.Duration { return time.Since(r.began) }, nap, due, r.skip)
		})
	})
	r.each(ctx, r.plan.Connections, func(w *worker) {
		for at := range due {
			w.send(ctx, stop, r.began.Add(at))
		}
	})
}

// soon is how long after it was due a request may be sent without being counted: no connection was free, or the machine is busy.
const soon = 10 * time.Millisecond

// send asks at last what was due at that moment.
func (w *worker) send(ctx context.Context, stop func(), due time.Time) {
	switch {
	case ctx.Err() != nil || w.dry.Load():
	case time.Since(due) >= w.plan.Patience:
		w.record(&verdict{kind: unsent}, nil, time.Since(due))
	default:
		q := w.deck.draw(time.Now())
		if q == nil {
			w.dry.Store(true)
			stop()
			return
		}
		if time.Since(due) > soon {
			w.queued.Add(1)
		}
		w.ask(ctx, q, due)
	}
}

// skip counts a request for which there was not even a place to wait.
func (r *run) skip(at time.Duration) {
	r.tally[0].add(&verdict{kind: unsent}, nil, time.Since(r.began.Add(at)))
	r.done.Add(1)
}

// closed runs the closed loop.
func (r *run) closed(ctx context.Context) {
	r.each(ctx, r.plan.Connections, func(w *worker) {
		for time.Since(r.began) < r.plan.Duration && ctx.Err() == nil && !r.dry.Load() {
			now := time.Now()
			q := r.deck.draw(now)
			if q == nil {
				r.dry.Store(true)
				return
			}
			if w.ask(ctx, q, now) == unreachable {
				pause(ctx) // or it would only count how fast nobody is there
			}
		}
	})
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(50 * time.Millisecond):
	}
}

// ask sends a question that was due at that moment and counts what comes of it.
func (w *worker) ask(ctx context.Context, q *question, due time.Time) kind {
	v := w.exchange(ctx, q, due.Add(w.plan.Patience))
	if v.kind != stopped {
		w.record(&v, &q.Item, time.Since(due))
	}
	return v.kind
}

func (w *worker) record(v *verdict, item *Item, took time.Duration) {
	w.shard.add(v, item, took)
	w.done.Add(1)
}

func (w *worker) exchange(ctx context.Context, q *question, deadline time.Time) verdict {
	w.signer.use(w.caller.session.Load())
	request, err := w.signer.request(pathVerifications, q.body, q.sum)
	if err != nil {
		return verdict{kind: unreachable} // a key that cannot sign: the application for a session has used it before
	}
	r, err := w.conn.do(ctx, request, deadline)
	if err != nil {
		return trouble(ctx, err)
	}
	return w.signer.judge(q, r)
}
