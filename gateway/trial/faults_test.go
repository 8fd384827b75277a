package trial

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tongma/adapters"
	"tongma/conformance/sandbox"
	"tongma/gateway"
	"tongma/gateway/freshness"
	"tongma/gateway/upstream"
	"tongma/standard"
)

// The times of the matrix.
const (
	patience = 300 * time.Millisecond
	slack    = 400 * time.Millisecond // this machine's, which runs a dozen of these at once under the race detector
	timeout  = 700 * time.Millisecond // of a system; patience ends first
	life     = 10 * time.Second
	aged     = 2 * life // no longer fresh, and still to be served where nothing else can be had
	recovery = 10 * time.Second
)

// matrixLife is the same for all colours, so that all of them are stale at the same age.
var matrixLife = freshness.Life{Freshness: adapters.Freshness{Green: life, Yellow: life, Red: life}, Revalidate: -1, IfError: 10 * time.Minute}

// A sort of fault says what the gateway should make of it.
type sort int

const (
	failure sort = iota // the breaker opens
	busy                // the system wants to be left alone, and is not sick
	spoken              // the system has answered, with nothing that is a status
	mixed               // one after another: anything but a false answer
)

// The faults that the sandbox has no name for.
const (
	flapping = "flapping" // another one every few milliseconds, and none in between
	crawling = "crawling" // ten requests a second
)

func sortOf(system, fault string) sort {
	switch {
	case fault == flapping, fault == crawling:
		return mixed
	case fault == "busy":
		return busy
	case fault == "unknown-status", fault == "null" && system == sandbox.Suishen:
		return spoken
	}
	return failure
}

// trialOf is one system with one fault, beside a sound one.
type trialOf struct {
	t       *testing.T
	box     *sandbox.Sandbox
	g       *gateway.Gateway
	system  string
	witness string // another system
	fault   string
	sort    sort
	uptime  atomic.Int64
	serial  atomic.Uint32
}

// TestEveryFaultOfEveryDialect has every fault happen to every dialect, for people of whom nothing is remembered (cold), something
// fresh (warm), and something that is no longer (stale).
func TestEveryFaultOfEveryDialect(t *testing.T) {
	goroutines, heap := runtime.NumGoroutine(), heapNow()
	t.Run("of", func(t *testing.T) {
		systems := sandbox.New(sandbox.Options{}).Distinct()
		faults := []string{flapping, crawling}
		for _, f := range sandbox.Faults() {
			faults = append(faults, f.Kind)
		}
		for i, system := range systems {
			for _, fault := range faults {
				t.Run(system+"/"+fault, func(t *testing.T) {
					t.Parallel()
					begin(t, system, systems[(i+1)%len(systems)], fault).run()
				})
			}
		}
	})
	if now := settled(goroutines + 8); now > goroutines+8 {
		t.Errorf("%d goroutines before, %d after", goroutines, now)
	}
	if now := heapNow(); now > heap+32<<20 {
		t.Errorf("%d MB of heap before, %d after", heap>>20, now>>20)
	}
}

// settled waits a while for goroutines to end and gives how many there are.
func settled(want int) int {
	for until := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > want && time.Now().Before(until); {
		time.Sleep(50 * time.Millisecond)
	}
	return runtime.NumGoroutine()
}

func heapNow() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func begin(t *testing.T, system, witness, fault string) *trialOf {
	m := &trialOf{t: t, box: sandbox.New(sandbox.Options{}), system: system, witness: witness, fault: fault, sort: sortOf(system, fault)}
	urls := listen(t, m.box)
	var backends []gateway.Backend
	for _, id := range []string{system, witness} {
		b := backendOf(t, m.box, id, urls[id])
		b.Life = matrixLife
		b.Limits.Timeout = timeout
		backends = append(backends, b)
	}
	backends[1].Limits.Timeout = 0 // the witness' answers may take the time that this machine needs
	m.g = open(t, gateway.Config{Backends: backends, Uptime: func() time.Duration { return time.Duration(m.uptime.Load()) }})
	return m
}

// someone gives a person of a status whom nobody has asked about.
func (m *trialOf) someone(system string, status standard.Status) sandbox.Person {
	for {
		if p := m.box.Mint(system, m.serial.Add(1)); p.Status == status {
			return p
		}
	}
}

var colours = []standard.Status{standard.Green, standard.Yellow, standard.Red}

// trio is somebody of each colour that the system has a word for.
func (m *trialOf) trio() (people []sandbox.Person) {
	for _, c := range m.box.Statuses(m.system) {
		people = append(people, m.someone(m.system, c))
	}
	return people
}

// ask verifies, and checks what holds for every answer: it comes in time, and is no false one.
func (m *trialOf) ask(who sandbox.Person, patience time.Duration) *standard.Verification {
	m.t.Helper()
	call := callFor(who, patience)
	begun := time.Now()
	v, err := m.g.Verify(m.t.Context(), call)
	took := time.Since(begun)
	if took > patience+slack {
		m.t.Errorf("answered after %s to somebody who waits for %s", took, patience)
	}
	if overload := (*gateway.Overload)(nil); errors.As(err, &overload) {
		return &standard.Verification{Outcome: standard.Unavailable, Decision: standard.Decision{Action: standard.Manual}}
	}
	if err != nil {
		m.t.Fatal(err)
	}
	if v.Status != standard.None && v.Status != who.Status {
		m.t.Errorf("%q of a person who is %q", v.Status, who.Status)
	}
	passed := v.Decision.Action == standard.Pass
	if passed && (who.Status != standard.Green || v.Freshness.From == standard.Stale || v.Freshness.AgeMs > life.Milliseconds()) {
		m.t.Errorf("passed: a person who is %q, %+v", who.Status, v.Freshness)
	}
	return v
}

// sound asks about people of the system while it works.
func (m *trialOf) sound(people []sandbox.Person) {
	m.t.Helper()
	for _, who := range people {
		if v := m.ask(who, 5*time.Second); v.Status != who.Status || v.Decision.Action != who.Action || v.Freshness.From != standard.Live {
			m.t.Fatalf("before the fault: %s %q %+v", v.Outcome, v.Status, v.Reason)
		}
	}
}

func (m *trialOf) run() {
	stale, warm := m.trio(), m.trio()
	m.sound(stale)
	m.uptime.Add(int64(aged))
	m.sound(warm)
	end := m.cause()
	m.untouched()
	m.cold(m.trio())
	m.warm(warm)
	m.stale(stale)
	m.hammer()
	m.untouched()
	if m.sort == failure && !m.t.Failed() {
		m.open(stale, warm)
	}
	end()
	m.recovers()
	m.untouched()
}

// cause begins the fault and gives what ends it.
func (m *trialOf) cause() (end func()) {
	switch m.fault {
	case crawling:
		m.box.SetCapacity(m.system, 10)
		return func() { m.box.SetCapacity(m.system, 0) }
	case flapping:
		return m.flap()
	}
	m.set(m.fault)
	return func() { m.set(sandbox.Off) }
}

// set is SetFault. A port that was shut may belong to somebody else for a moment.
func (m *trialOf) set(kind string) {
	var err error
	for until := time.Now().Add(recovery); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if err = m.box.SetFault(m.system, kind); err == nil {
			return
		}
	}
	m.t.Error(err)
}

// flap has every fault for a moment, one after another, until its end is called.
func (m *trialOf) flap() (end func()) {
	quit := make(chan struct{})
	var flapping sync.WaitGroup
	flapping.Go(func() {
		for tick := time.NewTicker(15 * time.Millisecond); ; {
			for _, f := range sandbox.Faults() {
				for _, kind := range []string{f.Kind, sandbox.Off} {
					select {
					case <-quit:
						tick.Stop()
						return
					case <-tick.C:
						m.set(kind)
					}
				}
			}
		}
	})
	return func() {
		close(quit)
		flapping.Wait()
		m.set(sandbox.Off)
	}
}

// untouched checks that another system is asked and answers as ever.
func (m *trialOf) untouched() {
	m.t.Helper()
	who := m.someone(m.witness, standard.Green)
	begun := time.Now()
	v := m.ask(who, 5*time.Second)
	if took := time.Since(begun); v.Decision.Action != standard.Pass || v.Freshness.From != standard.Live || took > time.Second {
		m.t.Errorf("another system: %s %q %+v after %s", v.Outcome, v.Status, v.Reason, took)
	}
}

// cold asks about people of whom nothing is known.
func (m *trialOf) cold(people []sandbox.Person) {
	m.t.Helper()
	for _, who := range people {
		v := m.ask(who, patience)
		if m.sort == mixed {
			continue
		}
		if v.Status != standard.None || v.Decision.Action != standard.Manual {
			m.t.Errorf("cold: %s %q %s", v.Outcome, v.Status, v.Decision.Action)
		}
		if (v.Outcome == standard.Unavailable) != (m.sort != spoken) {
			m.t.Errorf("cold: %s %+v", v.Outcome, v.Reason)
		}
	}
}

// warm asks about people whose answers are fresh: nothing has changed for them.
func (m *trialOf) warm(people []sandbox.Person) {
	m.t.Helper()
	for _, who := range people {
		if v := m.ask(who, patience); v.Status != who.Status || v.Decision.Action != who.Action || v.Freshness.From != standard.Cache {
			m.t.Errorf("warm: %s %q %s %+v", v.Outcome, v.Status, v.Decision.Action, v.Freshness)
		}
	}
}

// stale asks about people whose answers are too old: they are told as such, and no green of them lets anybody pass.
func (m *trialOf) stale(people []sandbox.Person) {
	m.t.Helper()
	for _, who := range people {
		v := m.ask(who, patience)
		if m.sort == mixed {
			continue
		}
		if m.sort == spoken {
			if v.Status != standard.None || v.Decision.Action != standard.Manual {
				m.t.Errorf("stale: the system has said something else, and the answer is %s %q %s", v.Outcome, v.Status, v.Decision.Action)
			}
			continue
		}
		action := standard.Manual
		if who.Status == standard.Red {
			action = standard.Deny
		}
		if v.Outcome != standard.Verified || v.Status != who.Status || v.Decision.Action != action || v.Freshness.From != standard.Stale {
			m.t.Errorf("stale: %s %q %s %+v %+v", v.Outcome, v.Status, v.Decision.Action, v.Reason, v.Freshness)
		}
		if v.Freshness != nil && v.Freshness.AgeMs < aged.Milliseconds() {
			m.t.Errorf("stale: %d ms old", v.Freshness.AgeMs)
		}
	}
}

// hammer asks about many people at once, and says in the end whether the breaker is what it should be.
func (m *trialOf) hammer() {
	m.t.Helper()
	for range 3 {
		var all sync.WaitGroup
		for range 8 {
			who := m.someone(m.system, standard.Green)
			all.Go(func() { m.ask(who, patience) })
		}
		all.Wait()
		if m.condition().Breaker != upstream.Closed {
			break
		}
	}
	if m.sort == failure {
		for until := time.Now().Add(2 * timeout); m.condition().Breaker == upstream.Closed && time.Now().Before(until); {
			time.Sleep(10 * time.Millisecond) // what hangs has not failed yet
		}
	}
	c := m.condition()
	switch {
	case m.sort == failure && c.Breaker == upstream.Closed:
		m.t.Errorf("the breaker has not opened: %+v", c)
	case (m.sort == busy || m.sort == spoken) && c.Breaker != upstream.Closed:
		m.t.Errorf("the breaker is %s, of a system that is not sick", c.Breaker)
	case c.UnderWay > 64 || c.Queued > 64*64:
		m.t.Errorf("no bounds: %+v", c)
	}
}

func (m *trialOf) condition() upstream.Condition { return m.g.Systems()[0].Guard }

// open checks that everybody is answered at once while the breaker is open.
func (m *trialOf) open(stale, warm []sandbox.Person) {
	m.t.Helper()
	before, begun := m.condition(), time.Now()
	m.cold([]sandbox.Person{m.someone(m.system, standard.Green)})
	m.stale(stale)
	m.warm(warm)
	took, after := time.Since(begun), m.condition()
	// Where it was tried meanwhile, by a traveller say, that one has waited.
	if open := after.Breaker == upstream.Open && after.OpenUntil.Equal(before.OpenUntil); open && took > slack {
		m.t.Errorf("with the breaker open seven answers took %s", took)
	}
}

// recovers asks until the system answers again, and checks that it then does as before.
func (m *trialOf) recovers() {
	m.t.Helper()
	var last *standard.Verification
	for until := time.Now().Add(recovery); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		who := m.someone(m.system, standard.Green)
		last = m.ask(who, time.Second)
		if last.Decision.Action == standard.Pass && m.condition().Breaker == upstream.Closed {
			for _, who := range m.trio() {
				if v := m.ask(who, 2*time.Second); v.Status != who.Status || v.Decision.Action != who.Action {
					m.t.Errorf("after the fault: %s %q %+v", v.Outcome, v.Status, v.Reason)
				}
			}
			return
		}
	}
	m.t.Errorf("not recovered %s after the fault: %s %+v %+v", recovery, last.Outcome, last.Reason, m.condition())
}

// TestTheMatrixKnowsEveryFault: a fault that the sandbox learns is put into its sort by somebody.
func TestTheMatrixKnowsEveryFault(t *testing.T) {
	var kinds []string
	for _, f := range sandbox.Faults() {
		kinds = append(kinds, f.Kind)
	}
	known := []string{"refuse", "reset", "hang", "drip", "5xx", "busy", "malformed", "truncated", "null", "html", "unknown-status", "huge"}
	if !slices.Equal(kinds, known) {
		t.Errorf("the sandbox has %q: say in sortOf what should become of them", kinds)
	}
}
