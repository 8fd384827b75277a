package trial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
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

// How often memory is looked at, and by how much the last third of the samples may exceed the first.
const (
	soakSamples = 30
	soakGrowth  = 1.2
)

// soakLife is short, so that what is remembered of answers and of notices is as much as it ever will be after a minute.
var soakLife = freshness.Life{
	Freshness:  adapters.Freshness{Green: 5 * time.Second, Yellow: 10 * time.Second, Red: 10 * time.Second},
	Revalidate: 5 * time.Second, IfError: 10 * time.Second,
}

// soak is a gateway with all systems, under all that can happen to it.
type soak struct {
	t       *testing.T
	box     *sandbox.Sandbox
	g       *gateway.Gateway
	urls    map[string]string
	serial  atomic.Uint32
	asked   atomic.Int64
	passed  atomic.Int64
	resting sync.RWMutex // held by who takes a sample
}

// TestSoak runs for as long as TONGMA_SOAK says (make soak), with faults, notices, operators and exchanges of backends, and holds memory
// and goroutines to what they were at the beginning.
func TestSoak(t *testing.T) {
	given := os.Getenv("TONGMA_SOAK")
	if given == "" {
		t.Skip("TONGMA_SOAK says for how long, such as 10m: make soak")
	}
	length, err := time.ParseDuration(given)
	if err != nil {
		t.Fatal(err)
	}
	s := &soak{t: t, box: sandbox.New(sandbox.Options{})}
	s.urls = listen(t, s.box)
	// What is kept is full before the first sample, so that it does not grow for that reason.
	s.g = open(t, gateway.Config{Backends: s.backends(), CacheRecords: 5000, References: 500})
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() { s.verifies(ctx) })
	}
	all.Go(func() { s.breaks(ctx) })
	all.Go(func() { s.tells(ctx) })
	all.Go(func() { s.swaps(ctx) })
	all.Go(func() { s.operates(ctx) })
	heap, goroutines := s.samples(ctx, length)
	cancel()
	all.Wait()
	t.Logf("%s: %d verifications, %d passed; heap %.1f MB in the first third, %.1f MB in the last; goroutines %.0f and %.0f",
		length, s.asked.Load(), s.passed.Load(), heap[0]/(1<<20), heap[1]/(1<<20), goroutines[0], goroutines[1])
	if heap[1] > soakGrowth*heap[0] {
		t.Errorf("the heap has grown from %.1f to %.1f MB", heap[0]/(1<<20), heap[1]/(1<<20))
	}
	if goroutines[1] > soakGrowth*goroutines[0] {
		t.Errorf("goroutines: %.0f at first, %.0f at last", goroutines[0], goroutines[1])
	}
	if s.passed.Load() == 0 {
		t.Error("nobody has passed")
	}
}

// samples gives the means of the first and the last third, of the heap after a collection and of goroutines, while nobody asks. The first
// tenth of the time is not looked at.
func (s *soak) samples(ctx context.Context, length time.Duration) (heap, goroutines [2]float64) {
	nap := time.NewTimer(length / 10)
	defer nap.Stop()
	select {
	case <-nap.C:
	case <-ctx.Done():
	}
	tick := time.NewTicker((length - length/10) / (soakSamples + 1))
	defer tick.Stop()
	for i := range soakSamples {
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Errorf("%d samples of %d", i, soakSamples)
			return heap, goroutines
		}
		h, n := s.sample()
		if third := i * 3 / soakSamples; third != 1 {
			heap[third/2] += h / (soakSamples / 3)
			goroutines[third/2] += n / (soakSamples / 3)
		}
	}
	return heap, goroutines
}

func (s *soak) sample() (heap, goroutines float64) {
	s.resting.Lock()
	defer s.resting.Unlock()
	time.Sleep(1200 * time.Millisecond) // pilots that have landed leave, and what hangs has run into its timeout
	return float64(heapNow()), float64(ownGoroutines())
}

// ownGoroutines is how many run, but for those of the backends: one for each connection that is open just now.
func ownGoroutines() int {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	own := 0
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if !strings.Contains(stack, "net/http.(*conn") {
			own++
		}
	}
	return own
}

func (s *soak) backends() (list []gateway.Backend) {
	for _, id := range s.box.Distinct() {
		b := backendOf(s.t, s.box, id, s.urls[id])
		b.Limits.Timeout, b.Life = timeout, soakLife
		list = append(list, b)
	}
	return list
}

// verifies verifies new codes and ones that were asked about before.
func (s *soak) verifies(ctx context.Context) {
	for ctx.Err() == nil {
		s.resting.RLock()
		s.verify()
		s.resting.RUnlock()
		time.Sleep(rand.N(5 * time.Millisecond))
	}
}

func (s *soak) verify() {
	systems := s.box.Distinct()
	serial := s.serial.Add(1)
	if rand.IntN(3) > 0 {
		serial -= rand.Uint32N(min(serial, 1000))
	}
	who := s.box.Mint(systems[serial%uint32(len(systems))], serial)
	call := callFor(who, patience)
	if rand.IntN(4) == 0 {
		call.Request.Reference = fmt.Sprint("r", serial)
	}
	begun := time.Now()
	v, err := s.g.Verify(context.Background(), call)
	took := time.Since(begun)
	s.asked.Add(1)
	switch {
	case errors.As(err, new(*gateway.Overload)), errors.As(err, new(*standard.Error)): // a reference is of another minute's code
		return
	case err != nil:
		s.t.Error(err)
		return
	case took > patience+2*slack:
		s.t.Errorf("answered after %s", took)
	}
	if v.Decision.Action != standard.Pass {
		return
	}
	s.passed.Add(1)
	if who.Status != standard.Green || v.Freshness.From == standard.Stale {
		s.t.Errorf("passed: a person who is %q, %+v", who.Status, v.Freshness)
	}
}

// often does something at random times until ctx ends.
func often(ctx context.Context, most time.Duration, do func()) {
	for nap(ctx, most) == nil {
		do()
	}
}

func (s *soak) breaks(ctx context.Context) {
	faults := sandbox.Faults()
	often(ctx, time.Second, func() {
		system := s.box.Distinct()[rand.IntN(len(s.urls))]
		kind := sandbox.Off
		if rand.IntN(2) == 0 {
			kind = faults[rand.IntN(len(faults))].Kind
		}
		s.box.SetFault(system, kind) // a port that somebody else has for the moment is opened the next time
	})
}

func (s *soak) tells(ctx context.Context) {
	seqs := map[string]uint64{}
	often(ctx, 50*time.Millisecond, func() {
		system := s.box.Distinct()[rand.IntN(len(s.urls))]
		seqs[system]++
		n := &freshness.Notice{System: system, Seq: seqs[system]}
		for range rand.IntN(20) {
			n.Changes = append(n.Changes, freshness.Change{Scan: fmt.Sprint(rand.Uint64())})
		}
		if rand.IntN(100) == 0 {
			n.Changes = []freshness.Change{{All: true}}
		}
		if _, err := s.g.Tell(ctx, n); err != nil {
			s.t.Error(err)
		}
	})
}

// swaps gives one system after another other limits.
func (s *soak) swaps(ctx context.Context) {
	often(ctx, 4*time.Second, func() {
		backends := s.backends()
		b := &backends[rand.IntN(len(backends))]
		b.Limits.Concurrency = 16 + rand.IntN(64)
		if err := s.g.Swap(backends); err != nil {
			s.t.Error(err)
		}
	})
}

func (s *soak) operates(ctx context.Context) {
	often(ctx, 5*time.Second, func() {
		system := s.box.Distinct()[rand.IntN(len(s.urls))]
		s.g.Operate(ctx, system, wire.Actions[rand.IntN(len(wire.Actions))])
		nap(ctx, time.Second)
		s.g.Operate(ctx, system, wire.ActionWarm)
	})
}
