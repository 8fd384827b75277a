package evidence

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"tongma/gateway"
	"tongma/gateway/store"
	"tongma/gateway/store/storetest"
	"tongma/standard"
	"tongma/standard/proof"
)

// timed is a log whose clock the test sets.
func timed(t testing.TB, s *store.Store, name string, c *clock) *Log {
	t.Helper()
	made := config(t, s, name)
	made.Now, made.Uptime = c.now, c.uptime
	return open(t, made)
}

// search is what the officer's machine does: it opens the keys and makes the pseudonyms.
func searchFor(t testing.TB, l *Log, about gateway.Person) ([]Found, error) {
	t.Helper()
	keys, err := l.DayKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wanted []Wanted
	for _, k := range keys {
		day, err := k.Open(officer)
		if err != nil {
			continue
		}
		wanted = append(wanted, Wanted{k.Day, []proof.Pseudonym{
			day.Holder(about.Document.Type, about.Document.Number), day.Subject(about.System, about.Subject),
		}})
	}
	by := entry(l.config.Now())
	by.Kind, by.Party, by.Case, by.Purpose = proof.Search, "privacy-1", "case 7", "complaint"
	return l.Search(t.Context(), by, wanted)
}

func mustFind(t testing.TB, l *Log, about gateway.Person, want int) []Found {
	t.Helper()
	found, err := searchFor(t, l, about)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != want {
		t.Fatalf("found %d entries, want %d", len(found), want)
	}
	return found
}

func wrappedDays(t testing.TB, s *store.Store) (days []string) {
	t.Helper()
	rows, err := s.Write.Query("SELECT day FROM day_keys WHERE wrapped IS NOT NULL ORDER BY day, part")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var day string
		if err := rows.Scan(&day); err != nil {
			t.Fatal(err)
		}
		days = append(days, day)
	}
	return days
}

func TestNodesOfOneStoreShareTheKeyOfADay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newClock()
		a, b := timed(t, s, "node-a", c), timed(t, s, "node-b", c)
		begin := make(chan struct{})
		got := make(chan *proof.Entry, 2)
		for _, l := range []*Log{a, b} {
			go func() {
				<-begin
				e := entry(c.now())
				if err := l.Append(t.Context(), e, person(1)); err != nil {
					t.Error(err)
				}
				got <- e
			}()
		}
		close(begin)
		x, y := <-got, <-got
		if x.Holder != y.Holder || x.Subject != y.Subject || x.Holder == x.Subject {
			t.Errorf("pseudonyms %x %x, %x %x", x.Holder, x.Subject, y.Holder, y.Subject)
		}
		if days := wrappedDays(t, s); len(days) != 1 {
			t.Errorf("keys of %v", days)
		}
		if other := add(t, a, person(2)); other.Holder == x.Holder || other.Subject == x.Subject {
			t.Error("two people have one pseudonym")
		}
		c.pass(24 * time.Hour)
		if next := add(t, a, person(1)); next.Holder == x.Holder || next.Subject == x.Subject {
			t.Error("a person has the same pseudonym on two days")
		}
		mustFind(t, b, person(1), 3)
	})
}

func TestAKeyLeavesTheNodesWhenItsDayIsOverAndTheOfficerWhenItsRetentionIs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newClock() // noon
		l := timed(t, s, "node-1", c)
		first := add(t, l, person(1))
		if first.Holder == (proof.Pseudonym{}) {
			t.Fatal("no pseudonym")
		}
		c.pass(12*time.Hour + afterDay - time.Second)
		l.tidy(t.Context())
		if days := wrappedDays(t, s); len(days) != 1 {
			t.Errorf("within two minutes of the day: keys of %v", days)
		}
		c.pass(2 * time.Second)
		l.tidy(t.Context())
		if days := wrappedDays(t, s); len(days) != 0 {
			t.Errorf("when the day is over: keys of %v", days)
		}
		if len(l.days.open) != 0 || l.days.latest.Load() != nil {
			t.Error("when the day is over: it is in memory")
		}
		mustFind(t, l, person(1), 1)

		for range 30 {
			c.pass(24 * time.Hour)
			l.tidy(t.Context())
		}
		c.pass(-10 * time.Minute) // a little less than 30 days after the day
		keys, err := l.DayKeys(t.Context())
		if err != nil || keys[0].Sealed != nil {
			t.Fatalf("the retention is over: %v, %v", keys, err)
		}
		if _, err := keys[0].Open(officer); err == nil || !strings.Contains(err.Error(), "destroyed") {
			t.Errorf("a destroyed key: %v", err)
		}
		mustFind(t, l, person(1), 0)
		if got := mustVerify(t, l, "node-1"); got[first.ID].Holder != first.Holder {
			t.Error("the chain is not whole")
		}
	})
}

func TestTheSealedKeyIsThereUntilTheRetentionIsOver(t *testing.T) {
	s := storetest.Open(t, storetest.SQLiteURL(t))
	c := newClock()
	l := timed(t, s, "node-1", c)
	add(t, l, person(1))
	for range 30 {
		c.pass(24 * time.Hour)
		l.tidy(t.Context())
	}
	mustFind(t, l, person(1), 1) // noon of the last day
	c.pass(13 * time.Hour)
	l.tidy(t.Context()) // the clock has gone evenly, but looks twice
	mustFind(t, l, person(1), 0)
}

func TestAClockThatJumpsDestroysNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newClock()
		made := config(t, s, "node-1")
		made.Now, made.Uptime, made.Keep = c.now, c.uptime, 24*time.Hour
		l := open(t, made)
		first := add(t, l, person(1))
		c.set(365 * 24 * time.Hour)
		for range 3 {
			c.pass(10 * time.Minute)
			l.tidy(t.Context())
		}
		c.set(-365 * 24 * time.Hour)
		l.tidy(t.Context())
		second := add(t, l, person(1)) // its day was over: it has another key
		if second.Holder == first.Holder {
			t.Error("a key that was deleted is used")
		}
		found := mustFind(t, l, person(1), 2)
		if found[0].Entry.ID != first.ID || found[1].Entry.ID != second.ID {
			t.Errorf("found %v", found)
		}
		shut(l)

		c.set(365 * 24 * time.Hour) // a node that starts with a clock that the store does not agree with
		l = open(t, made)
		l.tidy(t.Context())
		c.pass(30 * time.Minute)
		l.tidy(t.Context())
		mustFind(t, l, person(1), 2)
		c.pass(40 * time.Minute) // an hour of even time: so it is a year later
		l.tidy(t.Context())
		mustFind(t, l, person(1), 0)
	})
}

func TestANodeWithAnotherSecretMakesAKeyThatTheOfficerHasToo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newClock()
		a := timed(t, s, "node-a", c)
		x := add(t, a, person(1))
		made := config(t, s, "node-b")
		made.Now, made.Uptime, made.Secret = c.now, c.uptime, bytes.Repeat([]byte("y"), minSecret)
		b := open(t, made)
		y := add(t, b, person(1))
		if x.Holder == y.Holder {
			t.Error("a key was opened with another secret")
		}
		mustFind(t, a, person(1), 2)
	})
}

func TestAKeyIsBoundToItsDayAndItsOfficer(t *testing.T) {
	var key [32]byte
	k := DayKey{Day: "2026-03-01"}
	if err := k.seal(officer.Public(), &key); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Open(officer); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Open(signer); err == nil {
		t.Error("another private key opens it")
	}
	under := wrapping(secret)
	wrapped, err := k.wrap(under, &key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.unwrap(under, wrapped); err != nil || *got != key {
		t.Fatal(got, err)
	}
	for _, other := range []DayKey{{Day: "2026-03-02"}, {Day: "2026-03-01", Part: 1}} {
		other.Sealed = k.Sealed
		if _, err := other.Open(officer); err == nil {
			t.Errorf("it passes for that of %s, part %d", other.Day, other.Part)
		}
		if _, err := other.unwrap(under, wrapped); !errors.Is(err, errWrapped) {
			t.Errorf("wrapped, it passes for that of %s, part %d", other.Day, other.Part)
		}
	}
	for _, text := range [][]byte{nil, wrapped[:5], wrapped[:len(wrapped)-1]} {
		if _, err := k.unwrap(under, text); !errors.Is(err, errWrapped) {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
}

// TestAStolenFileDoesNotHoldAKeyThatIsGone looks for the wrapped and the sealed form in all files of the database.
func TestAStolenFileDoesNotHoldAKeyThatIsGone(t *testing.T) {
	url := storetest.SQLiteURL(t)
	s := storetest.Open(t, url)
	c := newClock()
	l := timed(t, s, "node-1", c)
	add(t, l, person(1))
	var wrapped, sealed []byte
	if err := s.Write.QueryRow("SELECT wrapped, sealed FROM day_keys").Scan(&wrapped, &sealed); err != nil {
		t.Fatal(err)
	}
	holds := func(what []byte) bool {
		path := strings.TrimPrefix(url, "sqlite:")
		for _, name := range []string{path, path + "-wal"} {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(data, what) {
				return true
			}
		}
		return false
	}
	if !holds(wrapped) || !holds(sealed) {
		t.Fatal("it looks in the wrong place")
	}
	for _, trait := range []string{person(1).Document.Number, person(1).Subject} {
		if holds([]byte(trait)) {
			t.Errorf("it holds %s", trait)
		}
	}
	c.pass(24 * time.Hour)
	l.tidy(t.Context())
	if holds(wrapped) || !holds(sealed) {
		t.Errorf("when the day is over: wrapped %v, sealed %v", holds(wrapped), holds(sealed))
	}
	for range 31 {
		c.pass(24 * time.Hour)
		l.tidy(t.Context())
	}
	if holds(sealed) {
		t.Error("when the retention is over: sealed is there")
	}
}

// TestABackupOfPostgreSQLKeepsNoNodeFromItsKey has somebody read the table of keys for long, as pg_dump does, while a key of it is deleted.
func TestABackupOfPostgreSQLKeepsNoNodeFromItsKey(t *testing.T) {
	s := storetest.Open(t, storetest.PostgresURL(t))
	c := newClock()
	l := timed(t, s, "node-1", c)
	add(t, l, person(1))
	backup, err := s.Write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer backup.Rollback()
	if _, err := backup.Exec("LOCK TABLE day_keys IN ACCESS SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	c.pass(24 * time.Hour)
	cleaned := make(chan struct{})
	go func() {
		defer close(cleaned)
		l.tidy(t.Context())
	}()
	eventually(t, "the key of the new day is had", func() bool {
		return l.Append(t.Context(), entry(c.now()), person(1)) == nil
	})
	<-cleaned
	if days := wrappedDays(t, s); len(days) != 1 || !l.unclean {
		t.Errorf("keys of %v; something is left to clean: %v", days, l.unclean)
	}
	backup.Rollback()
	l.tidy(t.Context())
	if l.unclean {
		t.Error("when the backup is over nothing is cleaned")
	}
}

func TestADayIsADateInTheZoneOfTheStandard(t *testing.T) {
	for at, want := range map[time.Time]string{
		time.Date(2026, 2, 28, 15, 59, 59, 0, time.UTC):     "2026-02-28",
		time.Date(2026, 2, 28, 16, 0, 0, 0, time.UTC):       "2026-03-01",
		time.Date(2026, 3, 1, 0, 0, 0, 0, standard.Zone):    "2026-03-01",
		time.Date(2026, 3, 1, 23, 59, 59, 0, standard.Zone): "2026-03-01",
	} {
		if got := dayOf(at); got != want {
			t.Errorf("%v is on %s, want %s", at, got, want)
		}
	}
	if end, err := endOf("2026-02-28"); err != nil || !end.Equal(time.Date(2026, 3, 1, 0, 0, 0, 0, standard.Zone)) {
		t.Errorf("%v, %v", end, err)
	}
}
