package evidence

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"

	"tongma/gateway"
	"tongma/gateway/store"
	"tongma/gateway/store/storetest"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
)

var (
	signer  = mustKey()
	officer = mustKey()
	secret  = bytes.Repeat([]byte("x"), minSecret)
	keys    = proof.KeysOf(signer.Public())
)

func mustKey() *sm.PrivateKey {
	k, err := sm.GenerateKey()
	if err != nil {
		panic(err)
	}
	return k
}

// clock is a clock that tests set. Its uptime goes on only with Add.
type clock struct {
	mu   sync.Mutex
	at   time.Time
	past time.Duration
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, standard.Zone)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) uptime() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.past
}

// pass lets time pass; set sets the clock alone.
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.past = c.at.Add(d), c.past+d
}

func (c *clock) set(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func config(t testing.TB, s *store.Store, name string) Config {
	return Config{Store: s, Name: name, State: t.TempDir(), Key: signer, Officer: officer.Public(), Secret: secret}
}

func open(t testing.TB, c Config) *Log {
	t.Helper()
	l, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(l) })
	return l
}

// shut closes a log, as often as one likes.
func shut(l *Log) {
	patience := 5 * time.Second
	if l.Ready() != nil {
		patience = 50 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	l.Close(ctx)
}

func entry(at time.Time) *proof.Entry {
	e := &proof.Entry{
		Kind: proof.Verification, ID: ulid.MustNew(ulid.Timestamp(at), rand.Reader).String(), At: standard.Millis(at),
		Party: "gate-07", Roles: standard.RolesOf(standard.RoleGate), Purpose: "epidemic control", Region: "440100", Site: "east-2",
		System: "suikang", Outcome: standard.Verified, Status: standard.Green, Action: standard.Pass, Rule: "440000/green@1",
		From: standard.Cache, ObservedAt: standard.Millis(at.Add(-time.Minute)),
	}
	rand.Read(e.Answer[:])
	return e
}

func person(n int) gateway.Person {
	return gateway.Person{
		Document: standard.Document{Type: "01", Number: fmt.Sprintf("00000019900101%04d", n)},
		System:   "suikang", Subject: fmt.Sprintf("subject-%d", n),
	}
}

// add appends an entry that must be kept.
func add(t testing.TB, l *Log, about gateway.Person) *proof.Entry {
	t.Helper()
	e := entry(l.config.Now())
	if err := l.Append(t.Context(), e, about); err != nil {
		t.Fatal(err)
	}
	return e
}

// addMany appends entries of n people from many callers at once.
func addMany(t testing.TB, l *Log, n int) {
	t.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := l.Append(t.Context(), entry(l.config.Now()), person(i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// verify reads an export of a whole log and gives the entries, or the first fault.
func verify(t testing.TB, l *Log, log string) ([]proof.Entry, error) {
	t.Helper()
	var export bytes.Buffer
	if err := l.Export(t.Context(), &export, log, Range{}); err != nil {
		return nil, err
	}
	return verifyExport(&export)
}

func verifyExport(from io.Reader) ([]proof.Entry, error) {
	r, err := proof.NewReader(from, keys)
	if err != nil {
		return nil, err
	}
	var all []proof.Entry
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, b.Entries...)
	}
}

func mustVerify(t testing.TB, l *Log, log string) map[string]proof.Entry {
	t.Helper()
	all, err := verify(t, l, log)
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]proof.Entry{}
	for _, e := range all {
		byID[e.ID] = e
	}
	if len(byID) != len(all) {
		t.Fatalf("of %d entries %d have an id of their own", len(all), len(byID))
	}
	return byID
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for begin := time.Now(); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > 15*time.Second {
			t.Fatalf("not within 15 s: %s", what)
		}
	}
}

func TestWhatIsAppendedIsInAnExportThatVerifies(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		l := open(t, config(t, s, "node-1"))
		first := add(t, l, person(1))
		addMany(t, l, 300)
		for range 20 {
			add(t, l, gateway.Person{})
		}
		shut(l)

		l = open(t, Config{Store: s, Name: "node-1", State: l.config.State, Key: signer, Officer: officer.Public(), Secret: secret})
		last := add(t, l, person(2))
		kept := mustVerify(t, l, "node-1")
		if len(kept) != 322 {
			t.Errorf("%d entries, want 322", len(kept))
		}
		for _, e := range []*proof.Entry{first, last} {
			if got := kept[e.ID]; got.Answer != e.Answer || got.Holder != e.Holder || got.Holder == (proof.Pseudonym{}) || got.Subject == (proof.Pseudonym{}) {
				t.Errorf("kept %+v, want %+v", got, *e)
			}
		}
		var groups int
		if err := s.Read.QueryRow("SELECT COUNT(*) FROM groups").Scan(&groups); err != nil {
			t.Fatal(err)
		}
		if groups > 200 {
			t.Errorf("322 entries are %d groups: those that come together should share one", groups)
		}
	})
}

func TestAnyEntryIsProvedByItsID(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a, b := open(t, config(t, s, "node-a")), open(t, config(t, s, "node-b"))
		addMany(t, a, 70)
		e := add(t, b, person(1))
		addMany(t, b, 30)
		found, err := a.Find(t.Context(), e.ID) // of another node's log
		if err != nil {
			t.Fatal(err)
		}
		if found.Log != "node-b" || found.Entry.Party != "gate-07" {
			t.Errorf("found %+v", found)
		}
		p, err := found.Prove()
		if err != nil {
			t.Fatal(err)
		}
		got, head, err := p.Verify(keys)
		if err != nil || got.ID != e.ID || head.Log != "node-b" {
			t.Errorf("proved %v in %v, %v", got, head, err)
		}
		for _, id := range []string{ulid.MustNew(ulid.Timestamp(e.At), rand.Reader).String(), "no id", ""} {
			if _, err := a.Find(t.Context(), id); !errors.Is(err, ErrNotFound) {
				t.Errorf("%q: %v, want ErrNotFound", id, err)
			}
		}
	})
}

func TestAnExportMayBeginAnywhereAndGoesOnFromAnEarlierOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		l := open(t, config(t, s, "node-1"))
		for range 45 {
			add(t, l, person(1))
		}
		var export bytes.Buffer
		if err := l.Export(t.Context(), &export, "node-1", Range{From: 13, To: 40}); err != nil {
			t.Fatal(err)
		}
		if all, err := verifyExport(&export); err != nil || len(all) != 27 {
			t.Errorf("%d entries, %v", len(all), err)
		}
		for _, r := range []Range{{From: 45}, {From: 3, To: 3}} {
			if err := l.Export(t.Context(), io.Discard, "node-1", r); !errors.Is(err, ErrNotFound) {
				t.Errorf("%v: %v, want ErrNotFound", r, err)
			}
		}
		if err := l.Export(t.Context(), io.Discard, "node-9", Range{}); !errors.Is(err, ErrNotFound) {
			t.Errorf("another log: %v, want ErrNotFound", err)
		}
		for _, r := range [][2]uint64{{0, 44}, {6, 7}, {31, 32}, {12, 43}} {
			g, err := l.Grow(t.Context(), "node-1", r[0], r[1])
			if err != nil {
				t.Fatal(r, err)
			}
			if _, _, err := g.Verify(keys); err != nil {
				t.Error(r, err)
			}
		}
		if logs, err := l.Logs(t.Context()); err != nil || logs["node-1"] != 45 {
			t.Errorf("logs %v, %v", logs, err)
		}
	})
}

func TestARangeIsFoundByItsTime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newClock()
		l := timed(t, s, "node-1", c)
		begin := c.now()
		for range 20 {
			add(t, l, person(1))
			c.pass(time.Minute)
		}
		for _, r := range []struct {
			from, to time.Duration
			want     Range
		}{{0, time.Hour, Range{0, 20}}, {-time.Hour, time.Minute, Range{0, 1}}, {5 * time.Minute, 7*time.Minute + 1, Range{5, 7}}, {19 * time.Minute, time.Hour, Range{19, 20}}} {
			if got, err := l.Between(t.Context(), "node-1", begin.Add(r.from), begin.Add(r.to)); err != nil || got != r.want {
				t.Errorf("%v to %v: %v, %v, want %v", r.from, r.to, got, err, r.want)
			}
		}
		for _, log := range []string{"node-1", "node-9"} {
			if got, err := l.Between(t.Context(), log, begin.Add(time.Hour), begin.Add(2*time.Hour)); !errors.Is(err, ErrNotFound) {
				t.Errorf("%v, %v, want ErrNotFound", got, err)
			}
		}
	})
}

func TestTamperingIsFoundWithItsPlace(t *testing.T) {
	changes := []struct{ name, change, at string }{
		{"an entry", "UPDATE groups SET entries = (SELECT entries FROM groups WHERE seq = 4) WHERE seq = 7", "group 7"},
		{"a head", "UPDATE groups SET head = (SELECT head FROM groups WHERE seq = 4) WHERE seq = 7", "group"},
		{"a signature", "UPDATE groups SET sign = (SELECT sign FROM groups WHERE seq = 4) WHERE seq = 7", "group 7"},
		{"two rows swapped", "UPDATE groups SET seq = CASE seq WHEN 7 THEN 1008 WHEN 8 THEN 1007 END WHERE seq IN (7, 8); UPDATE groups SET seq = seq - 1000 WHERE seq > 1000", "group 8"},
		{"a row inserted", "UPDATE groups SET seq = seq + 1000 WHERE seq >= 7; UPDATE groups SET seq = seq - 999 WHERE seq >= 1000; " +
			"INSERT INTO groups SELECT log, 7, first, count, at, head, sign, subtree, entries, leaves FROM groups WHERE seq = 6", "group"},
		{"a time", "UPDATE groups SET at = at + 86400000 WHERE seq = 7", "group 7: its column at"},
		{"the number of a first entry", "UPDATE groups SET first = first + 1 WHERE seq = 7", "group 7: its column first"},
		{"a number of entries", "UPDATE groups SET count = count + 1 WHERE seq = 7", "group 7: its column count"},
		{"a subtree", "UPDATE groups SET subtree = (SELECT subtree FROM groups WHERE seq = 4) WHERE seq = 7", "group 7: its column subtree"},
		{"leaves", "UPDATE groups SET leaves = subtree WHERE seq = 7", "group 7: its column leaves"},
		{"a row dropped", "DELETE FROM groups WHERE seq = 7", "group"},
		{"the last rows dropped and others moved up", "DELETE FROM groups WHERE seq = 7; UPDATE groups SET seq = seq + 1000 WHERE seq > 7; UPDATE groups SET seq = seq - 1001 WHERE seq > 1000", "group 8"},
	}
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				l := open(t, config(t, s, "node-1"))
				for range 12 {
					add(t, l, person(1))
				}
				if _, err := verify(t, l, "node-1"); err != nil {
					t.Fatal(err)
				}
				for _, one := range strings.Split(c.change, "; ") {
					if _, err := s.Write.Exec(one); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := verify(t, l, "node-1"); err == nil || !strings.Contains(err.Error(), c.at) {
					t.Errorf("not found, or not where: %v", err)
				}
			})
		})
	}
}

func TestNothingIsOpenedThatIsNotWhole(t *testing.T) {
	s := storetest.Open(t, storetest.SQLiteURL(t))
	whole := config(t, s, "node-1")
	for name, spoil := range map[string]func(*Config){
		"no store": func(c *Config) { c.Store = nil }, "no key": func(c *Config) { c.Key = nil }, "no state": func(c *Config) { c.State = "" },
		"a log with a space": func(c *Config) { c.Name = "node 1" }, "no officer": func(c *Config) { c.Officer = nil },
		"a short secret": func(c *Config) { c.Secret = c.Secret[:31] }, "a retention below 0": func(c *Config) { c.Retention = -1 },
		"no such folder": func(c *Config) { c.State += "/none" },
	} {
		c := whole
		spoil(&c)
		if l, err := Open(t.Context(), c); err == nil {
			shut(l)
			t.Errorf("%s: opened", name)
		}
	}
}

func TestMain(m *testing.M) {
	if os.Getenv(childVar) != "" {
		child()
		return
	}
	goleak.VerifyTestMain(m)
}

func mustParse(pem []byte) *sm.PrivateKey {
	k, err := sm.ParsePrivateKeyPEM(pem, nil)
	if err != nil {
		panic(err)
	}
	return k
}
