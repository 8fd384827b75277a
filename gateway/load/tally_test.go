package load

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func TestMergedShardsTellWhatOneWouldTell(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	many, one := newTally(7), newTally(1)
	var all []time.Duration
	for i := range 20_000 {
		took := time.Duration(rnd.ExpFloat64() * float64(5*time.Millisecond))
		all = append(all, took)
		v := verdict{kind: answered, checked: true, http: 200, outcome: []string{"verified", "expired"}[i%2], status: "00"}
		if i%10 == 0 {
			v = verdict{kind: refused, http: 503, code: "50303", retryAfter: true}
		}
		many[i%7].add(&v, nil, took)
		one[0].add(&v, nil, took)
	}
	slices.Sort(all)
	a, b := newReport(&Plan{}, many.merged(), newShard()), newReport(&Plan{}, one.merged(), newShard())
	if a.Latency != b.Latency || a.HDR != b.HDR || a.Good != b.Good || a.Trust != b.Trust {
		t.Errorf("%+v\n%+v", a, b)
	}
	for d := range a.By {
		if !slices.Equal(a.By[d].Rows, b.By[d].Rows) {
			t.Errorf("by %s: %+v\n%+v", a.By[d].Name, a.By[d].Rows, b.By[d].Rows)
		}
	}
	for percent, got := range map[float64]float64{50: a.Latency.P50, 90: a.Latency.P90, 99: a.Latency.P99, 99.9: a.Latency.P999} {
		want := float64(all[int(percent/100*20_000)-1].Microseconds()) / 1000
		if got < want*0.998 || got > want*1.002 {
			t.Errorf("p%v is %v ms, want %v", percent, got, want)
		}
	}
	if a.Requests != 20_000 || a.Good != 18_000 || a.count(byCode, "50303") != 2000 || a.Trust.RetryAfter != 2000 || a.count(byOutcome, "expired") != 10_000 {
		t.Errorf("%+v", a)
	}
	h, err := hdrhistogram.Decode([]byte(a.HDR))
	if err != nil || h.TotalCount() != 20_000 || ms(h.ValueAtPercentile(50)) != a.Latency.P50 {
		t.Errorf("the histogram does not come back: %v", err)
	}
}

func TestTimesOutsideTheHistogramAreCountedAtItsEnds(t *testing.T) {
	s := newShard()
	for _, took := range []time.Duration{-time.Second, 0, time.Hour} {
		s.add(&verdict{kind: late}, nil, took)
	}
	if r := newReport(&Plan{}, s, newShard()); r.Requests != 3 || r.Latency.Max < 119_000 || r.Latency.Max > 121_000 {
		t.Errorf("%d, %+v", r.Requests, r.Latency)
	}
}

func TestAGatewayCannotFillTheReportWithItsWords(t *testing.T) {
	s := newShard()
	for i := range 1000 {
		word := "word " + strconv.Itoa(i)
		s.add(&verdict{kind: answered, outcome: word, status: word, decision: word, from: word, system: word}, nil, time.Millisecond)
	}
	for _, d := range []int{byOutcome, byStatus, byDecision, byFrom} {
		if s.number(d, other) != 1000 || len(s.by[d]) != 1 {
			t.Errorf("by %s: %d rows", dimensionNames[d], len(s.by[d]))
		}
	}
	if n := len(s.by[bySystem]); n != maxSystems+1 || s.number(bySystem, other) != 1000-maxSystems {
		t.Errorf("%d systems", n)
	}
}

func TestALookTellsWhatHappenedSinceTheLast(t *testing.T) {
	tl := newTally(2)
	tl[0].add(&verdict{kind: answered}, nil, time.Millisecond)
	tl[1].add(&verdict{kind: refused}, nil, 3*time.Millisecond)
	tl[1].add(&verdict{kind: late}, nil, 5*time.Millisecond)
	s := tl.look()
	if p := s.point(4*time.Second, 2*time.Second); p != (Point{Second: 4, Good: 0.5, Refused: 0.5, Failed: 0.5, P50: 3.001, P99: 5.003}) {
		t.Errorf("%+v", p)
	}
	if again := tl.look(); again.good+again.refused+again.failed+again.took.TotalCount() != 0 {
		t.Errorf("%+v", again)
	}
	if tl.merged().all.TotalCount() != 3 {
		t.Error("a look takes away from the whole")
	}
}
