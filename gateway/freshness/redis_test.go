package freshness

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tongma/gateway/freshness/redistest"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

func TestWhatIsSealedOpensInItsPlaceAlone(t *testing.T) {
	s := sealerOf(secret, wire.LineCache, "p")
	plain := []byte("a text")
	sealed, err := s.sealed(plain, "here")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.opened(sealed, "here"); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%q, %v", got, err)
	}
	again, _ := s.sealed(plain, "here")
	if bytes.Equal(again, sealed) {
		t.Error("the same text is sealed alike twice")
	}
	for what, other := range map[string]*sealer{
		"line": sealerOf(secret, wire.LineChange, "p"), "prefix": sealerOf(secret, wire.LineCache, "q"),
		"secret": sealerOf(bytes.Repeat([]byte("x"), MinSecret), wire.LineCache, "p"),
	} {
		if _, err := other.opened(sealed, "here"); !errors.Is(err, sm.ErrOpen) {
			t.Errorf("it opens with another %s: %v", what, err)
		}
	}
	if _, err := s.opened(sealed, "there"); !errors.Is(err, sm.ErrOpen) {
		t.Errorf("it opens in another place: %v", err)
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := s.opened(changed, "here"); !errors.Is(err, sm.ErrOpen) {
			t.Errorf("it opens with byte %d changed: %v", i, err)
		}
		if _, err := s.opened(sealed[:i], "here"); !errors.Is(err, sm.ErrOpen) {
			t.Errorf("it opens cut to %d bytes: %v", i, err)
		}
	}
}

func TestPositionsAreTheIDsOfNotices(t *testing.T) {
	for _, p := range []Position{0, 1, maxSeq, maxSeq + 1, positionAt(noon), math.MaxUint64} {
		if got, ok := positionOf(p.id()); !ok || got != p {
			t.Errorf("%d is written %s and read %d, %v", p, p.id(), got, ok)
		}
	}
	for _, id := range []string{"", "1", "1-", "-1", "x-1", "1-1048576", "17592186044416-0", "1-1-1", "18446744073709551616-0", "+1-1"} {
		if p, ok := positionOf(id); ok {
			t.Errorf("%q is read as %d", id, p)
		}
	}
	if positionAt(time.Time{}) != 0 || positionAt(noon).time() != noon.Local() {
		t.Error("times of positions")
	}
}

func FuzzUnpackNotice(f *testing.F) {
	f.Add(packNotice(&Notice{}))
	f.Add(packNotice(&Notice{System: "suishen", Changes: []Change{{Subject: "a"}, {Scan: "b"}, {Document: "c"}, {All: true}}}))
	f.Add([]byte{0, 255, 255, 255, 255, 15})
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := unpackNotice(b)
		if err != nil {
			return
		}
		for i := range n.Changes {
			if c := &n.Changes[i]; *c == (Change{}) {
				c.All = true // an empty name is none: whatever there is is meant
			}
		}
		again, err := unpackNotice(packNotice(n))
		if err != nil || !reflect.DeepEqual(again, n) {
			t.Errorf("%+v became %+v, %v", n, again, err)
		}
	})
}

func TestANoticeThatIsTooLongNamesTheWholeSystem(t *testing.T) {
	n := &Notice{System: "suishen", Changes: []Change{{Subject: string(make([]byte, maxChanges))}}}
	got, err := unpackNotice(packNotice(n))
	if err != nil || got.System != "suishen" || len(got.Changes) != 1 || !got.Changes[0].All {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTheGateShutsAfterFailuresAndLetsOneTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		for range gateFailures {
			if !g.enter() {
				t.Fatal("it is shut too early")
			}
			g.leave(false)
		}
		if g.enter() {
			t.Fatal("it is open after failures")
		}
		time.Sleep(1500 * time.Millisecond)
		first := g.enter()
		if second := g.enter(); !first || second {
			t.Fatal("not exactly one may try")
		}
		g.leave(false)
		if g.enter() {
			t.Fatal("it is open although the trial has failed")
		}
		time.Sleep(1500 * time.Millisecond)
		g.enter()
		g.leave(true)
		for range 2 * gateFailures {
			if !g.enter() {
				t.Fatal("it stays shut although Redis has answered")
			}
		}
	})
}

func TestPausesGrowAndAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pause{least: 100 * time.Millisecond, most: time.Second}
		first := p.over()
		if second := p.over(); !first || second {
			t.Fatal("not exactly one attempt at once")
		}
		for range 10 {
			time.Sleep(1500 * time.Millisecond)
			if !p.over() {
				t.Fatal("a pause is longer than it may be")
			}
		}
		time.Sleep(400 * time.Millisecond)
		if p.over() {
			t.Fatal("pauses do not grow")
		}
		time.Sleep(4 * time.Second)
		p.rest()
		p.over()
		time.Sleep(150 * time.Millisecond)
		if !p.over() {
			t.Fatal("after a rest, pauses are as long as before")
		}
	})
}

func TestCloseEndsWhateverWasBegun(t *testing.T) {
	running := goleak.IgnoreCurrent()
	for _, address := range []string{redistest.Start(t).Address, "127.0.0.1:1"} {
		began := time.Now()
		s, err := OpenShared(SharedConfig{Addresses: []string{"redis://" + address}, Secret: secret},
			NewMarks(testLife, func() time.Duration { return time.Since(began) }))
		if err != nil {
			t.Fatal(err)
		}
		s.Put(aKey, &Entry{}, &Life{})
		s.Get(t.Context(), aKey)
		s.Tell(t.Context(), &Notice{System: "suishen", Seq: 1})
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	goleak.VerifyNone(t, running)
}

// TestASlowReplyProvesLittle: what counts is when Redis was asked.
func TestASlowReplyProvesLittle(t *testing.T) {
	var uptime time.Duration
	marks := NewMarks(testLife, func() time.Duration { return uptime })
	s := &Shared{marks: marks}
	s.era.Store(&era{})
	f := &follower{Shared: s, joined: true, n: 5, last: 9}
	uptime = time.Minute
	for took, sure := range map[time.Duration]bool{0: true, heardFor - time.Millisecond: true, heardFor: false, time.Minute: false} {
		marks.Doubt()
		if caught, err := f.settle(t.Context(), state{n: 5, last: 9}, uptime-took); !caught || err != nil || marks.Sure() != sure {
			t.Errorf("a reply after %v: sure %v, %v, %v", took, marks.Sure(), caught, err)
		}
	}
}
