package evidence

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"tongma/gateway"
	"tongma/gateway/store"
	"tongma/gateway/store/storetest"
	"tongma/standard/proof"
)

func indexed(t testing.TB, s *store.Store) (rows int) {
	t.Helper()
	if err := s.Read.QueryRow("SELECT COUNT(*) FROM pseudonyms").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestAPersonIsFoundInTheIndexAndBehindIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newClock()
		a, b := timed(t, s, "node-a", c), timed(t, s, "node-b", c)
		var want []string
		for i := range 6 {
			addMany(t, a, 40)
			addMany(t, b, 20)
			want = append(want, add(t, b, person(1000)).ID, add(t, a, gateway.Person{System: "suikang", Subject: "subject-1000"}).ID)
			c.pass(time.Second)
			if i == 2 {
				c.pass(indexEvery)
				a.tidy(t.Context())
				if indexed(t, s) == 0 {
					t.Fatal("nothing is indexed")
				}
			}
			if i == 4 {
				c.pass(indexEvery)
				a.tidy(t.Context())
				b.tidy(t.Context())
			}
		}
		c.pass(indexEvery)
		if a.position.lag(c.now()) < indexEvery {
			t.Errorf("lag %v", a.position.lag(c.now()))
		}
		var got []string
		for _, f := range mustFind(t, a, person(1000), len(want)) {
			got = append(got, f.Entry.ID)
			if kept, err := a.Find(t.Context(), f.Entry.ID); err != nil || kept.Found != f {
				t.Errorf("found %v, and by its id %v, %v", f, kept, err)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("found %v, want %v", got, want)
		}
		mustFind(t, b, person(39), 6) // those of node a alone
		mustFind(t, b, person(2000), 0)
		a.tidy(t.Context())
		if lag := a.position.lag(c.now()); lag != 0 {
			t.Errorf("lag %v when all is indexed", lag)
		}
		before := indexed(t, s)
		if err := a.writeRun(t.Context(), &run{log: "node-a", end: 1}); err != nil {
			t.Fatal(err)
		}
		mustFind(t, a, person(1000), len(want))
		if indexed(t, s) != before {
			t.Error("the index was written twice")
		}
	})
}

func TestASearchLeavesAnEntryBeforeItAnswers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		l := open(t, config(t, s, "node-1"))
		addMany(t, l, 3)
		add(t, l, person(1))
		mustFind(t, l, person(1), 2)
		var searches []proof.Entry
		for _, e := range mustVerify(t, l, "node-1") {
			if e.Kind == proof.Search {
				searches = append(searches, e)
			}
		}
		if len(searches) != 1 || searches[0].Case != "case 7" || searches[0].Purpose != "complaint" || searches[0].Found != 2 || searches[0].Party != "privacy-1" {
			t.Errorf("searches %+v", searches)
		}
		for name, spoil := range map[string]func(*proof.Entry){
			"no case": func(e *proof.Entry) { e.Case = "" }, "no purpose": func(e *proof.Entry) { e.Purpose = "" },
			"nobody": func(e *proof.Entry) { e.Party = "" }, "another kind": func(e *proof.Entry) { e.Kind = proof.Verification },
		} {
			by := entry(time.Now())
			by.Kind, by.Case = proof.Search, "case 7"
			spoil(by)
			if found, err := l.Search(t.Context(), by, nil); err == nil || found != nil {
				t.Errorf("%s: %v", name, found)
			}
		}
		shut(l)
		if found, err := searchFor(t, l, person(1)); !errors.Is(err, ErrUnavailable) || found != nil {
			t.Errorf("a search that leaves no entry gave %v, %v", found, err)
		}
	})
}

func TestASearchHasBounds(t *testing.T) {
	s := storetest.Open(t, storetest.SQLiteURL(t))
	l := open(t, config(t, s, "node-1"))
	by := entry(time.Now())
	by.Kind, by.Case = proof.Search, "case 7"
	many := Wanted{Day: "2026-03-01"}
	for i := range MaxWanted + 1 {
		var p proof.Pseudonym
		binary.BigEndian.PutUint32(p[:], uint32(i+1))
		many.Pseudonyms = append(many.Pseudonyms, p)
	}
	if _, err := l.Search(t.Context(), by, []Wanted{many}); !errors.Is(err, ErrTooMuch) {
		t.Errorf("%v, want ErrTooMuch", err)
	}
	if _, err := l.Search(t.Context(), by, []Wanted{{Day: "yesterday", Pseudonyms: many.Pseudonyms[:1]}}); err == nil {
		t.Error("a day that is none was taken")
	}
}

func TestOldEntriesAreGivenUpAndTheChainStaysWhole(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newClock()
		made := config(t, s, "node-1")
		made.Now, made.Uptime, made.Keep = c.now, c.uptime, 48*time.Hour
		l := open(t, made)
		old := add(t, l, person(1))
		for range 200 {
			add(t, l, person(2))
		}
		c.pass(47 * time.Hour)
		l.tidy(t.Context())
		young := add(t, l, person(1))
		mustFind(t, l, person(1), 2)
		if indexed(t, s) == 0 {
			t.Error("nothing is indexed")
		}
		c.pass(2 * time.Hour)
		l.tidy(t.Context())
		if got := mustVerify(t, l, "node-1"); len(got) != 2 || got[young.ID].ID == "" { // and the search
			t.Errorf("%d entries are kept", len(got))
		}
		if _, err := l.Find(t.Context(), old.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("an entry that was given up: %v", err)
		}
		mustFind(t, l, person(1), 1)
		c.pass(23 * time.Hour)
		l.tidy(t.Context())
		var days int
		if err := s.Read.QueryRow("SELECT COUNT(*) FROM pseudonyms WHERE day < '2026-03-02'").Scan(&days); err != nil || days != 0 {
			t.Errorf("%d rows of the index are of days whose entries are given up, %v", days, err)
		}
		if _, err := l.Grow(t.Context(), "node-1", 3, 150); err != nil {
			t.Error(err)
		}
	})
}

func FuzzPlaces(f *testing.F) {
	p := proof.Pseudonym{1, 2, 3, 4, 5, 6}
	f.Add(appendPlace(appendPlace(nil, p, 300, 7), proof.Pseudonym{1, 9}, 1, 0))
	f.Add([]byte{2, 3, 4, 5, 0x80})
	f.Add([]byte{2, 3, 4, 5, 1, 0xff})
	f.Fuzz(func(t *testing.T, places []byte) {
		var again []byte
		err := placesOf(places, p, func(before, pos uint64) { again = appendPlace(again, p, before, pos) })
		if err == nil && len(again) > len(places) {
			t.Error("more was found than is there")
		}
		seen := 0
		if err := placesOf(again, p, func(uint64, uint64) { seen++ }); err != nil || seen*(tagSize+2) > len(again) {
			t.Errorf("%d places, %v", seen, err)
		}
	})
}

func TestPlacesAreReadAsTheyWereWritten(t *testing.T) {
	p, other := proof.Pseudonym{1, 2, 3, 4, 5, 6}, proof.Pseudonym{1, 2, 3, 4, 6}
	var places []byte
	places = appendPlace(places, p, 1, 0)
	places = appendPlace(places, other, 5, 5)
	places = appendPlace(places, p, 70000, 4095)
	var got [][2]uint64
	if err := placesOf(places, p, func(before, pos uint64) { got = append(got, [2]uint64{before, pos}) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, [][2]uint64{{1, 0}, {70000, 4095}}) {
		t.Errorf("%v", got)
	}
	for cut := range places {
		if err := placesOf(places[:cut], p, func(uint64, uint64) {}); (err == nil) != (cut == 0 || cut == 6 || cut == 12) {
			t.Errorf("cut to %d bytes: %v", cut, err)
		}
	}
	if bytes.Contains(places, p[:8]) {
		t.Error("the index holds more of a pseudonym than it needs")
	}
}
