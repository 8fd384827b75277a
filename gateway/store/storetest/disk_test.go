package storetest_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"tongma/gateway/store/storetest"
)

func insert(ctx context.Context, db *sql.DB, name string) error {
	_, err := db.ExecContext(ctx, `INSERT INTO logs (name, holder, until) VALUES ($1, 'a', 1)`, name)
	return err
}

func names(t *testing.T, db *sql.DB) map[string]bool {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT name FROM logs`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		found[name] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// TestPowerCutKeepsWhatWasAcknowledged cuts the power again and again, in the middle of checkpoints too.
func TestPowerCutKeepsWhatWasAcknowledged(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	disk := storetest.NewDisk(t)
	acknowledged := map[string]bool{}
	for cut := range 10 {
		s := storetest.Open(t, disk.URL())
		found := names(t, s.Read)
		for name := range acknowledged {
			if !found[name] {
				t.Fatalf("after cut %d: %.9s was acknowledged and is lost", cut, name)
			}
		}
		var ok string
		if err := s.Read.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
			t.Fatalf("after cut %d: %s, %v", cut, ok, err)
		}
		written := make(chan string, 1<<16)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for n := 0; ; n++ {
				name := fmt.Sprintf("%d-%d %s", cut, n, strings.Repeat("x", 2000))
				if insert(t.Context(), s.Write, name) != nil {
					return
				}
				written <- name
			}
		}()
		for range chance.IntN(200) {
			acknowledged[<-written] = true
		}
		disk = disk.Crash(chance)
		<-done
		s.Close()
	}
	if len(acknowledged) < 100 {
		t.Fatalf("%d rows only", len(acknowledged))
	}
}

// TestPowerCutLosesWhatWasNotSynced is why the test above means something.
func TestPowerCutLosesWhatWasNotSynced(t *testing.T) {
	disk := storetest.NewDisk(t)
	s := storetest.Open(t, disk.URL())
	if _, err := s.Write.ExecContext(t.Context(), "PRAGMA synchronous=OFF"); err != nil {
		t.Fatal(err)
	}
	if err := insert(t.Context(), s.Write, "node-1"); err != nil {
		t.Fatal(err)
	}
	after := disk.Crash(nil)
	if names(t, storetest.Open(t, after.URL()).Read)["node-1"] {
		t.Error("what was never synced is there after a power cut")
	}
}

func TestFullAndGoneDisksRefuseAndComeBack(t *testing.T) {
	for name, trouble := range map[string]func(*storetest.Disk, bool){"full": (*storetest.Disk).Full, "gone": (*storetest.Disk).Gone} {
		t.Run(name, func(t *testing.T) {
			disk := storetest.NewDisk(t)
			s := storetest.Open(t, disk.URL())
			trouble(disk, true)
			if err := insert(t.Context(), s.Write, "node-1"); err == nil {
				t.Error("a write is acknowledged")
			}
			trouble(disk, false)
			if err := insert(t.Context(), s.Write, "node-2"); err != nil {
				t.Errorf("after the trouble: %v", err)
			}
			after := storetest.Open(t, disk.Crash(nil).URL())
			if found := names(t, after.Read); found["node-1"] || !found["node-2"] {
				t.Errorf("there are %v", found)
			}
		})
	}
}

// TestOneCommitIsOneSync: what a group of entries costs.
func TestOneCommitIsOneSync(t *testing.T) {
	disk := storetest.NewDisk(t)
	s := storetest.Open(t, disk.URL())
	if err := insert(t.Context(), s.Write, "warm"); err != nil {
		t.Fatal(err)
	}
	before := disk.Syncs()
	for n := range 10 {
		if err := insert(t.Context(), s.Write, fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
	}
	if n := disk.Syncs() - before; n != 10 {
		t.Errorf("10 commits are %d syncs", n)
	}
}

func TestTwoDisksKnowNothingOfEachOther(t *testing.T) {
	one, two := storetest.NewDisk(t), storetest.NewDisk(t)
	a, b := storetest.Open(t, one.URL()), storetest.Open(t, two.URL())
	one.Full(true)
	if err := insert(t.Context(), a.Write, "node-1"); err == nil {
		t.Error("a full disk takes a row")
	}
	if err := insert(t.Context(), b.Write, "node-1"); err != nil {
		t.Error(err)
	}
}
