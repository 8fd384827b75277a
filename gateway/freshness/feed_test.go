package freshness

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// shop is a single node's feed with a clock that a test moves.
type shop struct {
	*board
	feed Feed
}

func newShop() *shop {
	b := newBoard(time.Hour)
	return &shop{b, NewLocal(b.Marks)}
}

// tell tells and gives the receipt.
func (s *shop) tell(t *testing.T, n Notice) Receipt {
	t.Helper()
	r, err := s.feed.Tell(t.Context(), &n)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// marks says what a notice has overtaken of what was remembered before it.
func (s *shop) marks(t *testing.T, n Notice) string {
	t.Helper()
	began := s.Position()
	s.tell(t, n)
	sui := s.Of(n.System)
	named := sui.Overtaken(began, sui.Concerns("SCAN", nil, holder("S", "D")))
	others := sui.Overtaken(began, sui.Concerns("OTHER", nil, holder("T", "E")))
	switch {
	case others && named:
		return "all"
	case others:
		return "others"
	case named:
		return "named"
	}
	return "nothing"
}

func TestAReceiptSaysWhatBecameOfANoticeAndTheMarksWhat(t *testing.T) {
	for name, c := range map[string]struct {
		before  []uint64
		seq     uint64
		changes []Change
		want    Receipt
		marks   string
	}{
		"the first of all":             {nil, 1, []Change{{Subject: "S"}}, Receipt{First: true, Last: 1}, "named"},
		"the first that is heard":      {nil, 42, []Change{{Subject: "S"}}, Receipt{First: true, Last: 42}, "all"},
		"a first heartbeat":            {nil, 42, nil, Receipt{First: true, Last: 42}, "all"},
		"the very first heartbeat":     {nil, 1, nil, Receipt{First: true, Last: 1}, "nothing"},
		"the next":                     {[]uint64{42}, 43, []Change{{Subject: "S"}}, Receipt{Last: 43}, "named"},
		"the next heartbeat":           {[]uint64{42}, 43, nil, Receipt{Last: 43}, "nothing"},
		"several changes":              {[]uint64{42}, 43, []Change{{Subject: "X"}, {Document: "D"}, {Scan: "Y"}}, Receipt{Last: 43}, "named"},
		"all":                          {[]uint64{42}, 43, []Change{{All: true}}, Receipt{Last: 43}, "all"},
		"one is missing":               {[]uint64{42}, 44, []Change{{Subject: "S"}}, Receipt{Missed: 1, Last: 44}, "all"},
		"many are missing":             {[]uint64{1, 2}, 100, []Change{{Subject: "S"}}, Receipt{Missed: 97, Last: 100}, "all"},
		"a heartbeat shows the gap":    {[]uint64{42}, 44, nil, Receipt{Missed: 1, Last: 44}, "all"},
		"the last once more":           {[]uint64{41, 42}, 42, []Change{{Subject: "S"}}, Receipt{Repeated: true, Last: 42}, "named"},
		"the last heartbeat once more": {[]uint64{41, 42}, 42, nil, Receipt{Repeated: true, Last: 42}, "nothing"},
		"one that comes late":          {[]uint64{41, 43}, 42, []Change{{Subject: "S"}}, Receipt{Repeated: true, Last: 43}, "all"},
		"a platform that counts anew":  {[]uint64{41, 42}, 1, nil, Receipt{Repeated: true, Last: 42}, "all"},
		"the largest number":           {[]uint64{1 << 53}, 1 << 53, nil, Receipt{Repeated: true, Last: 1 << 53}, "nothing"},
	} {
		s := newShop()
		before := func() {
			for _, seq := range c.before {
				s.tell(t, Notice{System: "suishen", Seq: seq})
			}
		}
		before()
		n := Notice{System: "suishen", Seq: c.seq, Changes: c.changes}
		if got := s.tell(t, n); got != c.want {
			t.Errorf("%s: receipt %+v, want %+v", name, got, c.want)
		}
		s = newShop()
		before()
		if got := s.marks(t, n); got != c.marks {
			t.Errorf("%s: it overtakes %s, want %s", name, got, c.marks)
		}
	}
}

func TestEachSystemHasNumbersOfItsOwn(t *testing.T) {
	s := newShop()
	yue := s.Of("yuekang", "sheni")
	s.tell(t, Notice{System: "yuekang", Seq: 1})
	s.tell(t, Notice{System: "suishen", Seq: 1})
	if r := s.tell(t, Notice{System: "sheni", Seq: 1}); r.Repeated || r.Missed > 0 {
		t.Errorf("the further system's first notice: %+v", r)
	}
	began := s.Position()
	s.tell(t, Notice{System: "sheni", Seq: 3}) // 2 is missing
	if r := s.tell(t, Notice{System: "yuekang", Seq: 2}); r.Repeated || r.Missed > 0 {
		t.Errorf("after another's gap: %+v", r)
	}
	if !yue.Overtaken(began, yue.Concerns("SCAN", nil, holder("S", "D"))) {
		t.Error("a gap of the further system marks nothing where it is asked")
	}
}

func TestWhatIsToldIsHeard(t *testing.T) {
	s := newShop()
	sui := s.Of("suishen")
	sui.Promise(time.Minute)
	for name, n := range map[string]Notice{"heartbeat": {Seq: 1}, "change": {Seq: 1, Changes: []Change{{Scan: "SCAN"}}}} {
		s.up += time.Hour
		if sui.Sure() {
			t.Fatalf("%s: sure before it", name)
		}
		n.System = "suishen"
		s.tell(t, n)
		if !sui.Sure() {
			t.Errorf("%s: not heard", name)
		}
	}
}

func TestWhatIsToBeForgottenIsNoWordOfThePlatform(t *testing.T) {
	s := newShop()
	sui := s.Of("suishen")
	s.tell(t, Notice{System: "suishen", Seq: 7})
	sui.Promise(time.Minute)
	s.up += time.Hour
	began := s.Position()
	if err := s.feed.Forget(t.Context(), "suishen"); err != nil {
		t.Fatal(err)
	}
	if !sui.Overtaken(began, sui.Concerns("SCAN", nil, holder("S", "D"))) {
		t.Error("it is not forgotten")
	}
	if sui.Sure() {
		t.Error("the platform is taken to be there")
	}
	if r := s.tell(t, Notice{System: "suishen", Seq: 8}); r != (Receipt{Last: 8}) {
		t.Errorf("the platform's next notice: %+v", r)
	}
}

// TestWhenANoticeIsAcknowledgedItIsMarked tells from many sides at once: no number is lost, and whoever has a receipt finds the mark.
func TestWhenANoticeIsAcknowledgedItIsMarked(t *testing.T) {
	const tellers, each = 8, 100
	m := NewMarks(time.Hour, func() time.Duration { return 0 })
	feed := NewLocal(m)
	sui := m.Of("suishen")
	var group sync.WaitGroup
	var mu sync.Mutex
	highest := uint64(0)
	for teller := range tellers {
		group.Go(func() {
			for i := range each {
				who := fmt.Sprint(teller, "/", i)
				began := m.Position()
				r, err := feed.Tell(t.Context(), &Notice{System: "suishen", Seq: uint64(1 + i*tellers + teller), Changes: []Change{{Subject: who}}})
				if err != nil || !sui.Overtaken(began, sui.Concerns("", nil, holder(who, "D"))) {
					t.Errorf("%s: told and not marked: %v", who, err)
				}
				if m.Position() <= began {
					t.Errorf("%s: the position has not risen", who)
				}
				mu.Lock()
				highest = max(highest, r.Last)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if highest != tellers*each || m.Position() != tellers*each {
		t.Errorf("last number %d, position %d, want %d", highest, m.Position(), tellers*each)
	}
}
