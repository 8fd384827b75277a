package evidence

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"tongma/gateway/store"
	"tongma/gateway/store/storetest"
	"tongma/standard/proof"
)

func TestNothingIsAnsweredWhileTheDiskIsFullOrGone(t *testing.T) {
	for name, trouble := range map[string]func(*storetest.Disk, bool){"full": (*storetest.Disk).Full, "gone": (*storetest.Disk).Gone} {
		t.Run(name, func(t *testing.T) {
			disk := storetest.NewDisk(t)
			s := storetest.Open(t, disk.URL())
			l := open(t, config(t, s, "node-1"))
			kept := map[string]bool{add(t, l, person(1)).ID: true}
			trouble(disk, true)
			for range 20 {
				if err := l.Append(t.Context(), entry(time.Now()), person(1)); !errors.Is(err, ErrUnavailable) {
					t.Fatalf("without a disk: %v", err)
				}
			}
			if l.Ready() == nil {
				t.Error("it says it is ready")
			}
			trouble(disk, false)
			eventually(t, "it goes on by itself", func() bool { return l.Ready() == nil })
			kept[add(t, l, person(1)).ID] = true
			got := mustVerify(t, l, "node-1")
			for id := range kept {
				if _, ok := got[id]; !ok {
					t.Errorf("%s was acknowledged and is not there", id)
				}
			}
			if len(got) > 3 { // the two, and the one whose row was tried until the disk was back
				t.Errorf("%d entries: those that were refused at once are there", len(got))
			}
		})
	}
}

func TestNothingAcknowledgedIsLostToAPowerCut(t *testing.T) {
	chance := rand.New(rand.NewPCG(5, 1))
	for range 10 {
		disk := storetest.NewDisk(t)
		s := storetest.Open(t, disk.URL())
		l := open(t, config(t, s, "node-1"))
		acknowledged := map[string]bool{}
		var mu sync.Mutex
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		enough := make(chan struct{})
		left := 50 + chance.IntN(300)
		for i := range 8 {
			all.Go(func() {
				for ctx.Err() == nil {
					e := entry(time.Now())
					if l.Append(ctx, e, person(i)) != nil {
						continue
					}
					mu.Lock()
					acknowledged[e.ID] = true
					if left--; left == 0 {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		<-enough
		mu.Lock()
		after := disk.Crash(chance) // what is acknowledged by now must be there
		before := len(acknowledged)
		ids := make([]string, 0, before)
		for id := range acknowledged {
			ids = append(ids, id)
		}
		mu.Unlock()
		stop()
		all.Wait()
		again := open(t, config(t, storetest.Open(t, after.URL()), "node-2"))
		got := mustVerify(t, again, "node-1")
		for _, id := range ids {
			if _, ok := got[id]; !ok {
				t.Errorf("%s was acknowledged and is not there", id)
			}
		}
	}
}

func TestANodeSaysThatItIsNotReadyWhereItCannotHaveTheKeyOfTheDay(t *testing.T) {
	disk := storetest.NewDisk(t)
	c := newClock()
	l := timed(t, storetest.Open(t, disk.URL()), "node-1", c)
	add(t, l, person(1))
	disk.Full(true)
	c.pass(24 * time.Hour)
	if err := l.Append(t.Context(), entry(c.now()), person(1)); !errors.Is(err, errNoKey) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v, want errNoKey", err)
	}
	if !errors.Is(l.Ready(), errNoKey) {
		t.Errorf("ready: %v", l.Ready())
	}
	disk.Full(false)
	eventually(t, "it has the key", func() bool { return l.Append(t.Context(), entry(c.now()), person(1)) == nil })
}

func TestACallerWhoLeavesAsADayBeginsIsInNobodysWay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		l := open(t, config(t, s, "node-1"))
		ctx, leave := context.WithCancel(t.Context())
		leave()
		l.Append(ctx, entry(time.Now()), person(1))
		if err := l.Ready(); err != nil {
			t.Error(err)
		}
		add(t, l, person(2))
	})
}

func TestALockedDatabaseDelaysAndLosesNothing(t *testing.T) {
	url := storetest.SQLiteURL(t)
	l := open(t, config(t, storetest.Open(t, url), "node-1"))
	add(t, l, person(1))
	other := storetest.Open(t, url) // another process, as far as SQLite can tell
	tx, err := other.Write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := l.Append(t.Context(), entry(time.Now()), person(1)); !errors.Is(err, errLate) {
		t.Errorf("while it is locked: %v, want errLate", err)
	}
	if d := time.Since(begin); d < longestWait || d > 2*longestWait {
		t.Errorf("it waited %v", d)
	}
	if err := l.Append(t.Context(), entry(time.Now()), person(1)); !errors.Is(err, ErrUnavailable) || time.Since(begin) > 2*longestWait {
		t.Errorf("while it is known to be locked: %v after %v", err, time.Since(begin))
	}
	tx.Rollback()
	eventually(t, "it goes on by itself", func() bool { return l.Ready() == nil })
	add(t, l, person(1))
	mustVerify(t, l, "node-1")
}

// TestAPostgreSQLThatTakesNoRowDelaysAndLosesNothing has it locked by somebody, and then say that its disk is full.
func TestAPostgreSQLThatTakesNoRowDelaysAndLosesNothing(t *testing.T) {
	s := storetest.Open(t, storetest.PostgresURL(t))
	l := open(t, config(t, s, "node-1"))
	refused := map[string]bool{}
	trouble := func(want error) {
		t.Helper()
		begin := time.Now()
		for range 3 {
			e := entry(time.Now())
			if err := l.Append(t.Context(), e, person(1)); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
			refused[e.ID] = true
		}
		if d := time.Since(begin); d > 2*longestWait {
			t.Errorf("three refusals took %v", d)
		}
	}
	var kept []string
	kept = append(kept, add(t, l, person(1)).ID)

	lock, err := s.Write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec("LOCK TABLE groups IN EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	trouble(errLate)
	lock.Rollback()
	eventually(t, "it goes on by itself", func() bool { return l.Ready() == nil })
	kept = append(kept, add(t, l, person(1)).ID)

	for _, one := range []string{
		"CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$",
		"CREATE TRIGGER full_disk BEFORE INSERT ON groups EXECUTE FUNCTION full_disk()",
	} {
		if _, err := s.Write.Exec(one); err != nil {
			t.Fatal(err)
		}
	}
	trouble(ErrUnavailable)
	if _, err := s.Write.Exec("DROP TRIGGER full_disk ON groups"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it goes on by itself", func() bool { return l.Ready() == nil })
	kept = append(kept, add(t, l, person(1)).ID)

	got := mustVerify(t, l, "node-1")
	for _, id := range kept {
		if _, ok := got[id]; !ok {
			t.Errorf("%s was acknowledged and is not there", id)
		}
	}
	late := 0
	for id := range got {
		if refused[id] {
			late++
		}
	}
	if late > 3 { // those of the rows that were tried until they were taken
		t.Errorf("%d entries are there whose answers were refused", late)
	}
}

func TestCloseGivesTheLogToWhoeverComesNext(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		l := open(t, config(t, s, "node-1"))
		var all sync.WaitGroup
		var mu sync.Mutex
		acknowledged := map[string]bool{}
		for i := range 50 {
			all.Go(func() {
				e := entry(time.Now())
				err := l.Append(t.Context(), e, person(i))
				if err != nil && !errors.Is(err, errClosed) {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				acknowledged[e.ID] = err == nil
			})
		}
		shut(l)
		all.Wait()
		begin := time.Now()
		next := open(t, config(t, s, "node-1")) // with another state folder
		if d := time.Since(begin); d > 2*time.Second {
			t.Errorf("it waited %v for a lease that was given back", d)
		}
		add(t, next, person(1))
		got := mustVerify(t, next, "node-1")
		for id, was := range acknowledged {
			if _, ok := got[id]; ok != was {
				t.Errorf("%s: acknowledged %v, kept %v", id, was, ok)
			}
		}
	})
}

func TestAPostgreSQLThatIsKilledAndComesBackLosesNothing(t *testing.T) {
	server := storetest.StartPostgres(t)
	s := storetest.Open(t, server.Database(t))
	l := open(t, config(t, s, "node-1"))
	acknowledged := map[string]bool{}
	var mu sync.Mutex
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for ctx.Err() == nil {
				e := entry(time.Now())
				if l.Append(ctx, e, person(i)) != nil {
					time.Sleep(time.Millisecond)
					continue
				}
				mu.Lock()
				acknowledged[e.ID] = true
				mu.Unlock()
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acknowledged)
	}
	for range 3 {
		before := count()
		eventually(t, "entries are kept", func() bool { return count() > before+200 })
		server.Kill()
		eventually(t, "it is known that nothing can be kept", func() bool { return l.Ready() != nil })
		server.Restart(t)
		eventually(t, "it goes on by itself", func() bool { return l.Ready() == nil })
	}
	stop()
	all.Wait()
	got := mustVerify(t, l, "node-1")
	for id := range acknowledged {
		if _, ok := got[id]; !ok {
			t.Errorf("%s was acknowledged and is not there", id)
		}
	}
	t.Logf("%d acknowledged, %d kept", len(acknowledged), len(got))
}

// TestARowOfWhichNobodyKnowsIsStoredAgainAndNeverSignedTwice has a row stored and its acknowledgement lost.
func TestARowOfWhichNobodyKnowsIsStoredAgainAndNeverSignedTwice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		l := open(t, config(t, s, "node-1"))
		add(t, l, person(1))
		shut(l)
		e, err := proof.AppendEntry(nil, entry(time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		if l.insert, err = s.Write.Prepare(insertRow); err != nil { // Close has closed it
			t.Fatal(err)
		}
		defer l.insert.Close()
		g := &group{entries: [][]byte{e}}
		r, err := l.makeRow(g)
		if err != nil {
			t.Fatal(err)
		}
		holder := l.lease.mine.String()
		for range 3 {
			if err := l.putRow(t.Context(), r, holder); err != nil {
				t.Fatalf("the same row: %v", err)
			}
		}
		other := *r
		if other.sign, err = signer.Sign([]byte("another")); err != nil {
			t.Fatal(err)
		}
		if err := l.putRow(t.Context(), &other, holder); !errors.Is(err, errLost) {
			t.Errorf("another row under its number: %v, want errLost", err)
		}
		other.seq++
		if err := l.putRow(t.Context(), &other, "somebody"); !errors.Is(err, errLost) {
			t.Errorf("a row of whom has not the lease: %v, want errLost", err)
		}
	})
}
