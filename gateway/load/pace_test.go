package load

import (
	"context"
	"slices"
	"testing"
	"time"
)

func TestRequestsAreDueAtEvenDistancesUntilTheEnd(t *testing.T) {
	for _, tt := range []struct {
		rate     float64
		duration time.Duration
		count    int64
	}{
		{1, time.Second, 1},
		{1, 1500 * time.Millisecond, 2},
		{10, time.Second, 10},
		{3, time.Second, 3},
		{0.5, time.Second, 1},
		{1e5, time.Hour, 36e7},
		{99_999.9, time.Hour, 359_999_640},
		{7, 10 * time.Second, 70},
	} {
		p := pace{tt.rate, tt.duration}
		n := p.count()
		if n != tt.count || p.at(0) != 0 || p.at(n-1) >= tt.duration || p.at(n) < tt.duration {
			t.Errorf("%v/s for %s: %d, the last at %s; want %d", tt.rate, tt.duration, n, p.at(n-1), tt.count)
		}
		gap := time.Duration(float64(time.Second) / tt.rate)
		for _, i := range []int64{0, n / 2, n - 1} {
			if d := p.at(i+1) - p.at(i) - gap; d < -1 || d > 2 {
				t.Errorf("%v/s: %d and the next are %s apart", tt.rate, i, p.at(i+1)-p.at(i))
			}
		}
	}
}

// clock moves when somebody naps.
type clock struct{ now time.Duration }

func (c *clock) since() time.Duration    { return c.now }
func (c *clock) nap(d time.Duration)     { c.now += d }
func (c *clock) oversleep(time.Duration) { c.now += 35 * time.Millisecond }

func TestAPacerThatOversleepsHandsOutAllThatWasDue(t *testing.T) {
	for name, nap := range map[string]func(*clock) func(time.Duration){
		"in time":    func(c *clock) func(time.Duration) { return c.nap },
		"oversleeps": func(c *clock) func(time.Duration) { return c.oversleep },
	} {
		var c clock
		due := make(chan time.Duration, 100)
		pace{100, 100 * time.Millisecond}.run(t.Context(), c.since, nap(&c), due, func(time.Duration) { t.Error("skipped") })
		var got, want []time.Duration
		for at := range due {
			got = append(got, at)
		}
		for i := range 10 {
			want = append(want, time.Duration(i)*10*time.Millisecond)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestWhatHasNoPlaceToWaitIsSkippedAndNotForgotten(t *testing.T) {
	var c clock
	due := make(chan time.Duration, 3)
	skipped := 0
	pace{100, 100 * time.Millisecond}.run(t.Context(), c.since, c.nap, due, func(time.Duration) { skipped++ })
	if len(due) != 3 || skipped != 7 {
		t.Errorf("%d wait, %d skipped", len(due), skipped)
	}
}

func TestAStoppedPacerStops(t *testing.T) {
	var c clock
	ctx, cancel := context.WithCancel(t.Context())
	due := make(chan time.Duration, 100)
	pace{10, time.Hour}.run(ctx, c.since, func(d time.Duration) {
		if c.nap(d); c.now > 250*time.Millisecond {
			cancel()
		}
	}, due, nil)
	if len(due) != 3 {
		t.Errorf("%d handed out", len(due))
	}
}
