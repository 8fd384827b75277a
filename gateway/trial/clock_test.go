package trial

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tongma/adapters"
	"tongma/conformance/sandbox"
	"tongma/gateway"
	"tongma/gateway/freshness"
	"tongma/standard"
)

// watch is a wall clock that somebody sets, beside the time that really passes.
type watch struct {
	mu     sync.Mutex
	passed time.Duration
	ahead  time.Duration
}

var noon = time.Date(2022, 1, 10, 12, 0, 0, 0, standard.Zone)

// read gives how much time has passed, and how far ahead the clock is.
func (w *watch) read() (passed, ahead time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.passed, w.ahead
}

// set has time pass and then sets the clock.
func (w *watch) set(passes, ahead time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passed, w.ahead = w.passed+passes, ahead
}

func (w *watch) now() time.Time {
	passed, ahead := w.read()
	return noon.Add(passed + ahead)
}

func (w *watch) uptime() time.Duration {
	passed, _ := w.read()
	return passed
}

// dated is a system whose people are green, with scans that hold until a time of their own.
type dated struct {
	*watch
	meanwhile func() // while the system is asked
}

// holds is until when a scan holds.
var holds = map[string]time.Duration{"dated:00": time.Minute, "dated:01": 10 * time.Second, "dated:02": 3 * time.Hour}

func (d *dated) Info() adapters.Info {
	return adapters.Info{System: "dated", Name: standard.Text{Zh: "x", En: "x"}, Region: "310000", Provenance: standard.FromSynthetic}
}

func (d *dated) Open(adapters.Host) adapters.Adapter     { return d }
func (d *dated) Forms() []adapters.Form                  { return []adapters.Form{{Text: "dated:{token:hex:2}"}} }
func (d *dated) WriteKey(w io.Writer, q *adapters.Query) { io.WriteString(w, q.Ticket.Scan) }

// Verify puts into the record's text when it was asked, and whether the clock was right then.
func (d *dated) Verify(_ context.Context, q *adapters.Query) (adapters.Result, error) {
	passed, ahead := d.read()
	began := d.now()
	d.meanwhile()
	return adapters.Result{
		Outcome: standard.Verified, ObservedAt: began, ValidUntil: noon.Add(holds[q.Ticket.Scan]),
		Record: &standard.Record{Status: standard.Green, System: standard.System{ID: "dated", Text: fmt.Sprint(int64(passed), " ", ahead == 0)}},
	}, nil
}

const datedGreen = 30 * time.Second

// step is a while that passes, the clock as it is set then, and a question, during which the same happens again.
type step struct {
	passes, takes    time.Duration
	ahead, meanwhile time.Duration
	scan, reference  string
}

func drawStep(t *rapid.T) step {
	jump := rapid.SampledFrom([]time.Duration{-time.Hour, 0, time.Hour})
	s := step{
		passes:    rapid.SampledFrom([]time.Duration{0, time.Second, 10 * time.Second, 25 * time.Second, time.Minute}).Draw(t, "passes"),
		ahead:     jump.Draw(t, "ahead"),
		takes:     rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(t, "takes"),
		meanwhile: jump.Draw(t, "meanwhile"),
		scan:      rapid.SampledFrom([]string{"dated:00", "dated:01", "dated:02"}).Draw(t, "scan"),
	}
	if rapid.IntRange(0, 3).Draw(t, "with a reference") == 0 {
		s.reference = "again-" + s.scan[6:]
	}
	return s
}

// TestNoClockThatIsSetMakesAGreenLive sets the clock an hour forward and back at any moment, and has time pass: no green lets
// anybody pass who was asked about longer ago than a green may live, or whose code no longer holds. (A clock that is wrong when a system is
// asked cannot tell when its codes end; then the green's life alone bounds it.)
func TestNoClockThatIsSetMakesAGreenLive(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 12).Draw(r, "steps")
		synctest.Test(t, func(*testing.T) {
			if err := live(steps); err != nil {
				r.Error(err)
			}
		})
	})
}

func live(steps []step) error {
	d := &dated{watch: &watch{}}
	g, err := gateway.New(gateway.Config{
		Backends: []gateway.Backend{{Dialect: d, Endpoint: "http://127.0.0.1:1", Life: freshness.Life{Freshness: adapters.Freshness{Green: datedGreen}}}},
		Now:      d.now, Uptime: d.uptime,
	})
	if err != nil {
		return err
	}
	defer g.Close(context.Background())
	for _, s := range steps {
		if err := take(g, d, s); err != nil {
			return err
		}
		synctest.Wait() // what is asked for anew in the background
	}
	return nil
}

func take(g *gateway.Gateway, d *dated, s step) error {
	d.set(s.passes, s.ahead)
	d.meanwhile = func() { d.set(s.takes, s.meanwhile) }
	call := callFor(sandbox.Person{Scan: s.scan}, 0)
	call.Request.Reference = s.reference
	served, _ := d.read() // not before
	v, err := g.Verify(context.Background(), call)
	if err != nil {
		return err
	}
	if v.Decision.Action != standard.Pass {
		return nil
	}
	var asked time.Duration
	var right bool
	if _, err := fmt.Sscan(v.System.Text, (*int64)(&asked), &right); err != nil {
		return err
	}
	most := datedGreen
	if s.reference != "" {
		most += time.Minute // the same request with its reference has the same answer for so long
	} else if v.Freshness.From == standard.Live {
		served, _ = d.read()
	}
	if age := served - asked; age > most {
		return fmt.Errorf("passed with an answer of %s ago: %+v", age, v.Freshness)
	}
	if s.reference == "" && right && served >= holds[s.scan] {
		return fmt.Errorf("passed at %s with a code that held until %s", served, holds[s.scan])
	}
	return nil
}

// TestAClockThatIsSetStopsNobody sets the clock while callers wait: for their system, in its queue, for the breaker.
func TestAClockThatIsSetStopsNobody(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-time.Hour, time.Hour} {
		var offset atomic.Int64
		box := sandbox.New(sandbox.Options{})
		b := backendOf(t, box, sandbox.Suikang, listen(t, box)[sandbox.Suikang])
		b.Limits = adapters.Limits{Timeout: timeout, Concurrency: 4}
		g := open(t, gateway.Config{Backends: []gateway.Backend{b}, Now: func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }})
		m := &trialOf{t: t, box: box, g: g, system: sandbox.Suikang, sort: failure}
		m.sound(m.trio())
		m.set("hang")
		waiting := make(chan struct{})
		go func() {
			defer close(waiting)
			for range 3 {
				m.hammer()
			}
		}()
		time.Sleep(patience / 3)
		offset.Store(int64(ahead))
		<-waiting
		m.set(sandbox.Off)
		offset.Store(0)
		m.recovers()
	}
}
