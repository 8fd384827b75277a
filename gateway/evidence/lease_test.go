package evidence

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tongma/gateway"
	"tongma/gateway/store"
	"tongma/gateway/store/storetest"
)

// expire has a node's lease run out, as if it had been away for long.
func expire(t *testing.T, s *store.Store) {
	t.Helper()
	if _, err := s.Write.Exec("UPDATE logs SET until = 1"); err != nil {
		t.Fatal(err)
	}
}

func TestASecondNodeOfOneNameDoesNotStart(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		first := open(t, config(t, s, "node-1"))
		if l, err := Open(t.Context(), config(t, s, "node-1")); !errors.Is(err, ErrTaken) {
			if err == nil {
				shut(l)
			}
			t.Fatalf("%v, want ErrTaken", err)
		}
		add(t, first, person(1))
	})
}

func TestANodeThatLosesItsLogAnswersNothingUntilItHasItBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := open(t, config(t, s, "node-1"))
		for range 3 {
			add(t, a, person(1))
		}
		expire(t, s)
		b := open(t, config(t, s, "node-1"))
		add(t, b, person(2))
		if err := a.Append(t.Context(), entry(time.Now()), person(3)); !errors.Is(err, errLost) || !errors.Is(err, ErrUnavailable) {
			t.Fatalf("the node that has lost its log: %v", err)
		}
		if !errors.Is(a.Ready(), errLost) {
			t.Errorf("ready: %v", a.Ready())
		}
		for range 5 {
			add(t, b, person(2))
		}
		if got := len(mustVerify(t, b, "node-1")); got != 9 {
			t.Errorf("%d entries, want 9", got)
		}
		shut(b)
		eventually(t, "the first node has it back", func() bool { return a.Ready() == nil })
		add(t, a, person(1))
		if got := len(mustVerify(t, a, "node-1")); got != 10 {
			t.Errorf("%d entries, want 10", got)
		}
	})
}

func TestTwoNodesThatFightForALogBreakNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := open(t, config(t, s, "node-1"))
		expire(t, s)
		b := open(t, config(t, s, "node-1"))
		kept := map[string]bool{}
		for range 4 {
			for _, l := range []*Log{a, b} {
				eventually(t, "a node that is alone has the log", func() bool {
					expire(t, s)
					e := entry(time.Now())
					err := l.Append(t.Context(), e, person(1))
					kept[e.ID] = err == nil
					return err == nil
				})
			}
		}
		got := mustVerify(t, a, "node-1")
		for id, acknowledged := range kept {
			if _, ok := got[id]; ok != acknowledged {
				t.Errorf("%s: acknowledged is %v, and it is there %v", id, acknowledged, ok)
			}
		}
	})
}

func TestANodeTakesItsOwnLeaseBackAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := config(t, s, "node-1")
		a := open(t, c)
		add(t, a, person(1))
		a.lease.mine.file.Close() // as if it had been killed: its lease runs on, its lock is gone
		begin := time.Now()
		b := open(t, c)
		if d := time.Since(begin); d > time.Second {
			t.Errorf("it took %v", d)
		}
		add(t, b, person(1))
		if err := a.Append(t.Context(), entry(time.Now()), person(1)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("the node before: %v", err)
		}
	})
}

func TestTwoProcessesDoNotShareAStateFolder(t *testing.T) {
	s := storetest.Open(t, storetest.SQLiteURL(t))
	c := config(t, s, "node-1")
	open(t, c)
	if l, err := Open(t.Context(), c); err == nil {
		shut(l)
		t.Error("a second process has opened the state folder")
	}
}

func TestAHolderIsMadeAnewWhereItsFileIsDamaged(t *testing.T) {
	folder := t.TempDir()
	for _, text := range []string{"", "damaged", "00112233445566778899aabbccddeeff\n"} {
		if err := os.WriteFile(filepath.Join(folder, "evidence-node-1.holder"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := openHolder(folder, "node-1")
		if err != nil {
			t.Fatal(err)
		}
		if len(h.id) != 32 || (text != "" && text != "damaged") != (h.id == "00112233445566778899aabbccddeeff") {
			t.Errorf("%q gave %q", text, h.id)
		}
		h.close()
	}
}

func TestALogFromABackupIsNotWritten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := config(t, s, "node-1")
		l := open(t, c)
		add(t, l, gateway.Person{})
		shut(l)
		if _, err := s.Write.Exec("UPDATE logs SET closed = 1"); err != nil {
			t.Fatal(err)
		}
		if l, err := Open(t.Context(), c); !errors.Is(err, ErrEnded) {
			if err == nil {
				shut(l)
			}
			t.Errorf("%v, want ErrEnded", err)
		}
	})
}

func TestAStoreThatHasGoneBackIsNotWritten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := config(t, s, "node-1")
		l := open(t, c)
		for range 5 {
			add(t, l, person(1))
		}
		shut(l)
		if got := l.lease.mine.id; len(got) != holderSize {
			t.Errorf("the holder is %q", got)
		}
		l = open(t, c)
		if got := l.lease.mine.marked(); got != 5 {
			t.Errorf("%d groups are marked, want 5", got)
		}
		add(t, l, person(1))
		l.found(true, nil) // the lease is renewed
		if got := l.lease.mine.marked(); got != 6 {
			t.Errorf("%d groups are marked, want 6", got)
		}
		shut(l)
		if _, err := s.Write.Exec("DELETE FROM groups WHERE seq = 5"); err != nil { // as a copy from before would have it
			t.Fatal(err)
		}
		if l, err := Open(t.Context(), c); !errors.Is(err, ErrEnded) {
			if err == nil {
				shut(l)
			}
			t.Errorf("%v, want ErrEnded", err)
		}
		c.Name = "node-1b"
		add(t, open(t, c), person(1))
	})
}

func TestANodeWhoseStoreGoesBackUnderItSaysNothingTwice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		l := open(t, config(t, s, "node-1"))
		for range 4 {
			add(t, l, person(1))
		}
		for _, statement := range []string{"DELETE FROM groups WHERE seq > 1", "UPDATE logs SET holder = 'before', until = 1"} { // as it was before this start
			if _, err := s.Write.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := l.retake(t.Context()); !errors.Is(err, ErrEnded) {
				t.Fatalf("it has the log back: %v, want ErrEnded", err)
			}
		}
	})
}

func TestANodeWhoseStoreLosesItsLastGroupsLeavesNoGap(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := config(t, s, "node-1")
		l := open(t, c)
		for range 4 {
			add(t, l, person(1))
		}
		if _, err := s.Write.Exec("DELETE FROM groups WHERE seq > 1"); err != nil { // the lease is as it was
			t.Fatal(err)
		}
		if err := l.Append(t.Context(), entry(l.config.Now()), person(1)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("it is kept behind a gap: %v", err)
		}
		if err := l.Ready(); err == nil {
			t.Error("the node says that it is ready")
		}
		var groups int
		if err := s.Read.QueryRow("SELECT count(*) FROM groups").Scan(&groups); err != nil || groups != 2 {
			t.Errorf("%d groups, %v", groups, err)
		}
		shut(l)
		if l, err := Open(t.Context(), c); !errors.Is(err, ErrEnded) {
			if err == nil {
				shut(l)
			}
			t.Errorf("%v, want ErrEnded", err)
		}
	})
}

func TestALogWithAGapIsNotGoneOnWith(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := config(t, s, "node-1")
		l := open(t, c)
		for range 4 {
			add(t, l, person(1))
		}
		shut(l)
		if _, err := s.Write.Exec("DELETE FROM groups WHERE seq = 1"); err != nil { // the node went on while the store went back
			t.Fatal(err)
		}
		if l, err := Open(t.Context(), c); !errors.Is(err, ErrEnded) {
			if err == nil {
				shut(l)
			}
			t.Errorf("%v, want ErrEnded", err)
		}
	})
}

func TestACopyOfAStateFolderDoesNotShareALog(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := config(t, s, "node-1")
		a := open(t, c)
		add(t, a, person(1))
		id, err := os.ReadFile(filepath.Join(c.State, "evidence-node-1.holder"))
		if err != nil {
			t.Fatal(err)
		}
		c.State = t.TempDir()
		if err := os.WriteFile(filepath.Join(c.State, "evidence-node-1.holder"), id, 0o600); err != nil {
			t.Fatal(err)
		}
		b := open(t, c) // it takes itself for the one that was
		for range 3 {
			if err := a.Append(t.Context(), entry(time.Now()), person(1)); !errors.Is(err, errLost) {
				t.Errorf("the first node: %v", err)
			}
			time.Sleep(2 * maxWait / 3) // it tries to have it back
			add(t, b, person(1))
		}
	})
}
