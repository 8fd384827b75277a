package registry

import (
	"net/netip"
	"testing"
	"time"
)

func TestACallerGetsItsRateAndOneSecondsWorthAtOnce(t *testing.T) {
	c := newClock()
	r := NewRates(c.now)
	p := &Party{ID: "gate", Rate: 3}
	allowed := func(tries int) (n int) {
		for range tries {
			if r.Allow(p) {
				n++
			}
		}
		return n
	}
	if got := allowed(10); got != 3 {
		t.Errorf("at once: %d, want 3", got)
	}
	c.pass(time.Second)
	if got := allowed(10); got != 3 {
		t.Errorf("a second later: %d, want 3", got)
	}
	if !r.Allow(&Party{ID: "officer", Rate: 0.1}) {
		t.Error("another caller was refused its first call")
	}
}

func TestACallerWithoutARateIsNotLimited(t *testing.T) {
	c := newClock()
	r := NewRates(c.now)
	for range 10_000 {
		if !r.Allow(&Party{ID: "gate"}) {
			t.Fatal("refused")
		}
	}
}

func TestASourceThatKeepsFailingIsNotHeardForAWhile(t *testing.T) {
	c := newClock()
	s := NewSources(c.now)
	bad, good := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for range sourceBurst {
		if !s.Heard(bad) {
			t.Fatal("not heard too early")
		}
		s.Failed(bad)
	}
	if s.Heard(bad) {
		t.Error("still heard")
	}
	if !s.Heard(good) {
		t.Error("a source that never failed is not heard")
	}
	c.pass(time.Second)
	if !s.Heard(bad) {
		t.Error("not heard a second later")
	}
}

func TestOneNetworkIsOneSource(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8::1", "2001:db8::ffff:1", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::1%eth1", true},
	} {
		if got := network(netip.MustParseAddr(c.a)) == network(netip.MustParseAddr(c.b)); got != c.same {
			t.Errorf("%s and %s: same source is %v, want %v", c.a, c.b, got, c.same)
		}
	}
}

func TestSourcesAreBounded(t *testing.T) {
	c := newClock()
	s := NewSources(c.now)
	a := netip.MustParseAddr("10.0.0.0")
	for range maxSources + 100 {
		s.Failed(a)
		a = a.Next()
	}
	if got := s.limiters.Len(); got > maxSources {
		t.Errorf("%d sources are kept", got)
	}
}
