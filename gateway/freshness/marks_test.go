package freshness

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tongma/standard"
)

// board is a memory of marks with a clock that a test moves.
type board struct {
	*Marks
	up time.Duration
}

func newBoard(life time.Duration) *board {
	b := &board{}
	b.Marks = NewMarks(life, func() time.Duration { return b.up })
	return b
}

// tell marks changes of a system at the next position.
func (b *board) tell(system string, changes ...Change) {
	b.Apply(b.next(), &Notice{System: system, Changes: changes})
}

// holder is a record that tells whom it is about.
func holder(subject, number string) *standard.Record {
	return &standard.Record{Subject: subject, Holder: standard.Holder{IDType: "99", IDNumber: number}}
}

func TestAMarkConcernsWhomItNames(t *testing.T) {
	type answer struct {
		scan     string
		document *standard.Document
		record   *standard.Record
	}
	full := answer{scan: "SCAN", record: holder("S", "D")}
	for name, c := range map[string]struct {
		change Change
		answer answer
		want   bool
	}{
		"the subject":                        {Change{Subject: "S"}, full, true},
		"another subject":                    {Change{Subject: "T"}, full, false},
		"a subject that is a scan":           {Change{Subject: "SCAN"}, full, false},
		"the scan":                           {Change{Scan: "SCAN"}, full, true},
		"another scan":                       {Change{Scan: "scan"}, full, false},
		"the document":                       {Change{Document: "D"}, full, true},
		"the document in small letters":      {Change{Document: "d"}, full, true},
		"another document":                   {Change{Document: "E"}, full, false},
		"all":                                {Change{All: true}, full, true},
		"a subject, nobody knows whose":      {Change{Subject: "T"}, answer{scan: "SCAN", record: holder("", "D")}, true},
		"a document, nobody knows whose":     {Change{Document: "E"}, answer{scan: "SCAN", record: holder("S", "")}, true},
		"a document, and a masked number":    {Change{Document: "E"}, answer{scan: "SCAN", record: holder("S", "E**F")}, true},
		"a subject, and no record":           {Change{Subject: "T"}, answer{scan: "SCAN"}, true},
		"a document, and no record":          {Change{Document: "E"}, answer{scan: "SCAN"}, true},
		"a scan, and no record":              {Change{Scan: "other"}, answer{scan: "SCAN"}, false},
		"a scan, of a query by document":     {Change{Scan: "SCAN"}, answer{document: &standard.Document{Number: "D"}, record: holder("S", "D")}, false},
		"the document that was asked with":   {Change{Document: "D"}, answer{document: &standard.Document{Number: "D"}}, true},
		"not the document asked with":        {Change{Document: "E"}, answer{document: &standard.Document{Number: "D"}}, false},
		"the one asked with, others in it":   {Change{Document: "D"}, answer{document: &standard.Document{Number: "D"}, record: holder("S", "E")}, true},
		"a subject of a query by document":   {Change{Subject: "T"}, answer{document: &standard.Document{Number: "D"}}, true},
		"a change that names nothing is all": {Change{}, full, true},
	} {
		b := newBoard(time.Hour)
		s := b.Of("suishen")
		concerns := s.Concerns(c.answer.scan, c.answer.document, c.answer.record)
		began := b.Position()
		b.tell("suishen", c.change)
		if got := s.Overtaken(began, concerns); got != c.want {
			t.Errorf("%s: overtaken is %v", name, got)
		}
		if s.Overtaken(b.Position(), concerns) {
			t.Errorf("%s: overtaken although it began afterwards", name)
		}
		if b.Of("suikang").Overtaken(began, b.Of("suikang").Concerns("SCAN", nil, holder("S", "D"))) {
			t.Errorf("%s: another system's answer is overtaken", name)
		}
	}
}

func TestANumberInARecordIsComparedAsItIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		kind, number string
		want         string // as a notice names it; "": nobody knows whose the record is
	}{
		"a resident":                     {"01", "000000194507219983", "000000194507219983"},
		"a resident with a small x":      {"01", "00000019450721983x", ""}, // the check character is wrong
		"15 digits of the old form":      {"01", "000000450721998", "000000194507219983"},
		"no type, a resident":            {"", "000000194507219983", "000000194507219983"},
		"no type, something else":        {"", "E1234567", ""},
		"Hong Kong, with an issue count": {"06", "H1234567801", "H12345678"},
		"Taiwan, with an issue count":    {"07", "1234567801", "12345678"},
		"a passport in small letters":    {"03", "e1234567", "E1234567"},
		"a masked one":                   {"01", "000***********9983", ""},
		"another masked one":             {"99", "A**", ""},
		"none":                           {"01", "", ""},
		"an unknown type":                {"42", "E1234567", ""},
	} {
		b := newBoard(time.Hour)
		s := b.Of("suishen")
		concerns := s.Concerns("", nil, &standard.Record{Subject: "S", Holder: standard.Holder{IDType: c.kind, IDNumber: c.number}})
		b.tell("suishen", Change{Document: "somebody else's"})
		if got := s.Overtaken(0, concerns); got != (c.want == "") {
			t.Errorf("%s: somebody else's number overtakes it: %v", name, got)
		}
		between := b.Position()
		b.tell("suishen", Change{Document: c.want, All: c.want == ""})
		if !s.Overtaken(between, concerns) {
			t.Errorf("%s: its own number does not overtake it", name)
		}
	}
}

func TestAFurtherSystemIsMarkedWhereItIsAsked(t *testing.T) {
	b := newBoard(time.Hour)
	s := b.Of("yuekang", "sheni")
	concerns := s.Concerns("SCAN", nil, holder("S", "D"))
	b.tell("sheni", Change{Subject: "S"})
	if !s.Overtaken(0, concerns) {
		t.Error("not overtaken by a notice of the further system")
	}
	if b.Of("sheni") != s {
		t.Error("the further system has marks of its own")
	}
	if b.Len() != 1 {
		t.Errorf("%d marks, want 1", b.Len())
	}
}

func TestOfEverySystemAllIsMarkedAtOnce(t *testing.T) {
	b := newBoard(time.Hour)
	one, other := b.Of("suishen"), b.Of("suikang")
	b.ApplyAll(7)
	for _, s := range []*SystemMarks{one, other} {
		if c := s.Concerns("SCAN", nil, holder("S", "D")); !s.Overtaken(6, c) || s.Overtaken(7, c) {
			t.Error("not overtaken by exactly what began before")
		}
	}
	if b.Position() != 7 {
		t.Errorf("position %d, want 7", b.Position())
	}
}

func TestAPositionNeverFalls(t *testing.T) {
	b := newBoard(time.Hour)
	b.Apply(9, &Notice{System: "suishen"})
	b.Apply(4, &Notice{System: "suishen"})
	if b.Position() != 9 {
		t.Errorf("position %d, want 9", b.Position())
	}
}

// TestAMarkIsRememberedForItsLife moves the clock in steps in which a generation may end, and marks others meanwhile.
func TestAMarkIsRememberedForItsLife(t *testing.T) {
	const life = time.Minute
	for _, first := range []time.Duration{0, 1, life / 3, life/2 - 1, life / 2, life - 1} { // into the young generation
		b := newBoard(life)
		s := b.Of("suishen")
		b.tell("suishen", Change{Subject: "the first of a generation"})
		b.up += first
		concerns, began := s.Concerns("", nil, holder("S", "D")), b.Position()
		b.tell("suishen", Change{Subject: "S"})
		for range 60 {
			b.tell("suishen", Change{Subject: "T"})
			if !s.Overtaken(began, concerns) {
				t.Fatalf("marked %v into a generation: forgotten after less than its life", first)
			}
			b.up += life / 60
		}
		for range 3 {
			b.up += life
			b.tell("suishen", Change{Subject: "T"})
		}
		if s.Overtaken(began, concerns) || b.Len() > 2 {
			t.Errorf("marked %v into a generation: %d marks are remembered for ever", first, b.Len())
		}
	}
}

func TestMarksAreBoundedAndStillForgetNothing(t *testing.T) {
	b := newBoard(time.Hour)
	s := b.Of("suishen")
	other := b.Of("suikang")
	first := s.Concerns("", nil, holder("0", "D"))
	changes := make([]Change, 1<<12)
	for n := 0; n <= maxMarks; n += len(changes) {
		for i := range changes {
			changes[i] = Change{Subject: fmt.Sprint(n + i)}
		}
		b.tell("suishen", changes...)
	}
	if b.Len() > maxMarks {
		t.Errorf("%d marks, at most %d may be kept", b.Len(), maxMarks)
	}
	if !s.Overtaken(0, first) {
		t.Error("the first mark is forgotten")
	}
	if other.Overtaken(0, other.Concerns("", nil, holder("0", "D"))) {
		t.Error("another system pays for it")
	}
	if s.Overtaken(b.Position(), first) {
		t.Error("what began afterwards is overtaken")
	}
	// Whoever looked at the mark of the whole system before it was made, and at the single marks after they were dropped:
	if !s.overtook(0, aSubject, first.subject, true) {
		t.Error("the first mark is forgotten by who looks meanwhile")
	}
}

func TestNothingIsSureBetweenADoubtAndTheNextCatch(t *testing.T) {
	b := newBoard(time.Hour)
	s := b.Of("suishen")
	sure := func(want bool, when string) {
		t.Helper()
		if b.Sure() != want || s.Sure() != want {
			t.Errorf("%s: sure is %v of all, %v of the system", when, b.Sure(), s.Sure())
		}
	}
	sure(true, "alone")
	b.up = 24 * time.Hour
	sure(true, "alone, for a day")
	b.Doubt()
	sure(false, "in doubt")
	b.Caught(time.Second)
	sure(true, "caught up")
	b.up += time.Second - 1
	sure(true, "almost a second later")
	b.up++
	sure(false, "a second later")
}

func TestAPromiseIsBrokenBySilence(t *testing.T) {
	const every = 30 * time.Second
	b := newBoard(time.Hour)
	s, other := b.Of("yuekang", "sheni"), b.Of("suishen")
	s.Promise(every)
	sure := func(want bool, when string) {
		t.Helper()
		if s.Sure() != want || s.Overdue() == want {
			t.Errorf("%s: sure is %v, overdue %v", when, s.Sure(), s.Overdue())
		}
		if !other.Sure() || other.Overdue() {
			t.Errorf("%s: another system pays for it", when)
		}
	}
	sure(false, "nothing heard since the start")
	b.Heard("sheni")
	sure(false, "another platform was heard")
	b.Heard("yuekang") // at uptime 0
	sure(true, "just heard")
	b.up += every
	sure(true, "heard as long ago as promised")
	b.up++
	sure(false, "silent for longer")
	b.Heard("yuekang")
	sure(true, "heard again")
	b.Doubt()
	if s.Sure() {
		t.Error("sure although this node may have missed what was told")
	}
	b.Caught(time.Hour)
	b.up += every + 1
	s.Promise(0)
	sure(true, "nothing is promised any more")
}

// naive remembers all notices and compares every answer with each.
type naive struct{ notices []naiveNotice }

type naiveNotice struct {
	at     Position
	system string
	change Change
	told   time.Duration
}

// overtaken says whether an answer must count as overtaken, because of what was told since a time.
func (n *naive) overtaken(system string, began Position, since time.Duration, scan, subject, number string) bool {
	for _, m := range n.notices {
		if m.system != system || m.at <= began || m.told < since {
			continue
		}
		c := m.change
		switch {
		case c.Subject != "" && (subject == "" || subject == c.Subject),
			c.Document != "" && (number == "" || number == c.Document),
			c.Scan != "" && scan == c.Scan,
			c.All:
			return true
		}
	}
	return false
}

// TestMarksSayWhatAListOfAllNoticesSays: never "not overtaken" when the list says so within a mark's life, and never "overtaken" when it
// does not at all.
func TestMarksSayWhatAListOfAllNoticesSays(t *testing.T) {
	const life = 10 * time.Second
	systems := []string{"suishen", "suikang"}
	names := []string{"", "A", "B", "C"}
	rapid.Check(t, func(t *rapid.T) {
		b, list := newBoard(life), &naive{}
		at := Position(0)
		name := func(label string) string { return rapid.SampledFrom(names).Draw(t, label) }
		t.Repeat(map[string]func(*rapid.T){
			"tell": func(t *rapid.T) {
				system := rapid.SampledFrom(systems).Draw(t, "system")
				at += Position(rapid.IntRange(1, 3).Draw(t, "step"))
				var changes []Change
				for range rapid.IntRange(0, 3).Draw(t, "changes") {
					who := rapid.SampledFrom(names[1:]).Draw(t, "who")
					c := rapid.SampledFrom([]Change{{Subject: who}, {Document: who}, {Scan: who}, {All: true}}).Draw(t, "change")
					changes = append(changes, c)
					list.notices = append(list.notices, naiveNotice{at, system, c, b.up})
				}
				b.Apply(at, &Notice{System: system, Changes: changes})
				if b.Position() != at {
					t.Fatalf("position %d, want %d", b.Position(), at)
				}
			},
			"pass": func(t *rapid.T) { b.up += time.Duration(rapid.IntRange(0, 7).Draw(t, "s")) * time.Second },
			"look": func(t *rapid.T) {
				system := rapid.SampledFrom(systems).Draw(t, "system")
				scan, subject, number := name("scan"), name("subject"), name("number")
				began := Position(rapid.Uint64Range(0, uint64(at)).Draw(t, "began"))
				s := b.Of(system)
				got := s.Overtaken(began, s.Concerns(scan, nil, holder(subject, number)))
				if !got && list.overtaken(system, began, b.up-life, scan, subject, number) {
					t.Fatalf("not overtaken, although a notice says so")
				}
				if got && !list.overtaken(system, began, 0, scan, subject, number) {
					t.Fatalf("overtaken, although no notice says so")
				}
			},
		})
	})
}

// TestWhoeverSeesAPositionSeesItsMarks: a backend that is asked once a position can be seen began after all that it stands for.
func TestWhoeverSeesAPositionSeesItsMarks(t *testing.T) {
	const notices = 2000
	m := NewMarks(time.Hour, func() time.Duration { return 0 })
	s := m.Of("suishen")
	concerns := make([]Concerns, notices+1)
	for i := range concerns {
		concerns[i] = s.Concerns("", nil, holder(fmt.Sprint(i), "D"))
	}
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for at := Position(0); at < notices; {
				at = m.Position()
				if at > 0 && !s.Overtaken(at-1, concerns[at]) {
					t.Errorf("position %d is there, its mark is not", at)
					return
				}
				if s.Overtaken(at, concerns[at]) {
					t.Errorf("what began at position %d is overtaken by its own", at)
					return
				}
			}
		})
	}
	changes := make([]Change, 100) // so that a notice takes a while
	for i := range changes {
		changes[i].Subject = "somebody else"
	}
	for i := Position(1); i <= notices; i++ {
		changes[len(changes)-1].Subject = fmt.Sprint(i)
		m.Apply(i, &Notice{System: "suishen", Changes: changes})
	}
	readers.Wait()
}
