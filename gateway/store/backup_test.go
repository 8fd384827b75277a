package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tongma/gateway/store"
	"tongma/gateway/store/storetest"
)

const wrapped = "the wrapped day key"

// fill puts rows into every table, with every value that a column may have.
func fill(t *testing.T, s *store.Store) {
	t.Helper()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, row := range []struct {
		into   string
		values []any
	}{
		{"logs (name, holder, until, indexed)", []any{"node-1", "holder \"'\\ 号 \u2028 <&>", int64(math.MaxInt64), int64(math.MinInt64)}},
		{"logs (name, holder, until, closed)", []any{"node-2", "", 0, 12}},
		{"groups (log, seq, first, count, at, head, sign, subtree, entries, leaves)", []any{"node-1", 0, 0, 1, 5, all, []byte{0}, []byte{}, all, nil}},
		{"groups (log, seq, first, count, at, head, sign, subtree, entries, leaves)", []any{"node-1", 1, 1, 1, 6, []byte{1}, all, all, nil, all}},
		{"day_keys (day, part, wrapped, sealed, made)", []any{"2022-03-01", 0, []byte(wrapped), []byte("sealed"), 7}},
		{"pseudonyms (day, bucket, log, seq, places)", []any{"2022-03-01", 3, "node-1", 1, all}},
		{"subject_requests (id, at, party, system, sealed)", []any{"01", 1, "platform-1", "suishen", all}},
		{"nonces (caller, nonce, until)", []any{"gate-1", "n", 1}},
		{"nonce_turns (caller, floor, since, until, seq, epoch, began)", []any{"", 1, 2, 3, 4, "", 5}},
	} {
		places := ""
		for i := range row.values {
			places += fmt.Sprintf(", $%d", i+1)
		}
		if _, err := s.Write.ExecContext(t.Context(), "INSERT INTO "+row.into+" VALUES ("+places[2:]+")", row.values...); err != nil {
			t.Fatalf("%s: %v", row.into, err)
		}
	}
}

// read gives the rows of the tables that backups hold.
func read(t *testing.T, s *store.Store) map[string][][]any {
	t.Helper()
	all := map[string][][]any{}
	for _, table := range store.TablesForTest() {
		if strings.HasPrefix(table, "nonce") {
			continue
		}
		rows, err := s.Read.QueryContext(t.Context(), "SELECT * FROM "+table+" ORDER BY 1, 2")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		columns, _ := rows.Columns()
		for rows.Next() {
			row, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range row {
				into[i] = &row[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for i, v := range row {
				if b, ok := v.([]byte); ok && len(b) == 0 {
					row[i] = []byte{} // SQLite gives a nil that is not NULL
				}
			}
			all[table] = append(all[table], row)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestBackupsRestoreIntoEitherKind, each value as it was.
func TestBackupsRestoreIntoEitherKind(t *testing.T) {
	storetest.Each(t, func(t *testing.T, from *store.Store) {
		fill(t, from)
		var backup bytes.Buffer
		made, err := from.Backup(t.Context(), &backup)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(backup.Bytes(), []byte("dGhlIHdyYXBwZWQ")) || bytes.Contains(backup.Bytes(), []byte(wrapped)) {
			t.Error("the backup holds a wrapped day key")
		}
		verified, err := store.Verify(bytes.NewReader(backup.Bytes()))
		if diff := cmp.Diff(made, verified); err != nil || diff != "" {
			t.Errorf("verified: %v\n%s", err, diff)
		}
		if _, err := from.Write.ExecContext(t.Context(), "UPDATE day_keys SET wrapped = NULL"); err != nil {
			t.Fatal(err)
		}
		want := read(t, from)
		storetest.Each(t, func(t *testing.T, to *store.Store) {
			if _, err := to.Restore(t.Context(), bytes.NewReader(backup.Bytes()), true); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, read(t, to)); diff != "" {
				t.Error(diff)
			}
			if counts, err := to.Rows(t.Context()); err != nil || counts["nonces"]+counts["nonce_turns"] != 0 || counts["groups"] != 2 {
				t.Errorf("%v, %v", counts, err)
			}
			var again bytes.Buffer
			if _, err := to.Backup(t.Context(), &again); err != nil || !bytes.Equal(body(again.Bytes()), body(backup.Bytes())) {
				t.Errorf("a backup of what was restored is another one: %v", err)
			}
		})
	})
}

// body is a backup without its first line, which has the time and the kind, and its last, which has the digest.
func body(backup []byte) []byte {
	lines := bytes.SplitAfter(backup, []byte("\n"))
	return bytes.Join(lines[1:len(lines)-2], nil)
}

// TestRestoreClosesLogs: what was acknowledged after the backup is lost, and no log may go on as if it were not.
func TestRestoreClosesLogs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		backup := fullBackup(t)
		if _, err := s.Restore(t.Context(), bytes.NewReader(backup), false); err != nil {
			t.Fatal(err)
		}
		for log, closed := range map[string]bool{"node-1": true, "node-2": true} {
			var at *int64
			if err := s.Read.QueryRowContext(t.Context(), "SELECT closed FROM logs WHERE name = $1", log).Scan(&at); err != nil || (at != nil) != closed {
				t.Errorf("log %s: closed %v, %v", log, at, err)
			}
		}
	})
}

// fullBackup is one of a filled SQLite store.
func fullBackup(t testing.TB) []byte {
	t.Helper()
	s := storetest.Open(t, storetest.SQLiteURL(t))
	if t, ok := t.(*testing.T); ok {
		fill(t, s)
	}
	var backup bytes.Buffer
	if _, err := s.Backup(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	return backup.Bytes()
}

// TestRestoreRefusesStoresThatAreNotEmpty, whichever table is not, and leaves them as they are.
func TestRestoreRefusesStoresThatAreNotEmpty(t *testing.T) {
	backup := fullBackup(t)
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fill(t, s)
		for _, keep := range store.TablesForTest() {
			for _, table := range store.TablesForTest() {
				if table != keep {
					if _, err := s.Write.ExecContext(t.Context(), "DELETE FROM "+table); err != nil {
						t.Fatal(err)
					}
				}
			}
			before, _ := s.Rows(t.Context())
			_, err := s.Restore(t.Context(), bytes.NewReader(backup), true)
			if e, ok := errors.AsType[*store.NotEmpty](err); !ok || e.Table != keep {
				t.Errorf("only %s has rows: %v", keep, err)
			}
			if after, _ := s.Rows(t.Context()); !cmp.Equal(before, after) {
				t.Errorf("from %v to %v", before, after)
			}
			if _, err := s.Write.ExecContext(t.Context(), "DELETE FROM "+keep); err != nil {
				t.Fatal(err)
			}
			fill(t, s)
		}
	})
}

// TestDamagedBackupsRestoreNothing: every byte counts.
func TestDamagedBackupsRestoreNothing(t *testing.T) {
	backup := fullBackup(t)
	s := storetest.Open(t, storetest.SQLiteURL(t))
	refuse := func(what string, damaged []byte) {
		t.Helper()
		if _, err := store.Verify(bytes.NewReader(damaged)); err == nil {
			t.Errorf("%s: the backup passes for whole", what)
		}
	}
	for i := range backup {
		damaged := bytes.Clone(backup)
		damaged[i] ^= 1
		refuse(fmt.Sprintf("byte %d", i), damaged)
		refuse(fmt.Sprintf("cut off at %d", i), backup[:i])
	}
	refuse("a line more", append(bytes.Clone(backup), backup...))
	lines := bytes.SplitAfter(backup, []byte("\n"))
	for i := range lines[:len(lines)-1] {
		refuse(fmt.Sprintf("without line %d", i+1), bytes.Join(slices.Delete(slices.Clone(lines), i, i+1), nil))
	}
	if _, err := s.Restore(t.Context(), bytes.NewReader(backup[:len(backup)-1]), true); err == nil {
		t.Error("a damaged backup is restored")
	}
	if len(read(t, s)) > 0 {
		t.Error("a damaged backup has left rows")
	}
}

// TestRestoreThatFailsLeavesNothing: a row that the database refuses.
func TestRestoreThatFailsLeavesNothing(t *testing.T) {
	backup := fullBackup(t)
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		forged := store.SignForTest(bytes.ReplaceAll(backup, []byte(`"01",1,"platform-1"`), []byte(`"01",1,null`)))
		if _, err := store.Verify(bytes.NewReader(forged)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Restore(t.Context(), bytes.NewReader(forged), true); err == nil {
			t.Error("a row without a party is restored")
		}
		if got := read(t, s); len(got) > 0 {
			t.Errorf("there are %v", got)
		}
		if _, err := s.Restore(t.Context(), bytes.NewReader(backup), true); err != nil {
			t.Errorf("then the whole one: %v", err)
		}
	})
}

// TestBackupOfAnOlderSchemaIsRestored and brought up to date.
func TestBackupOfAnOlderSchemaIsRestored(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		if _, err := s.Migrate(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write.ExecContext(t.Context(), `INSERT INTO logs (name, holder, until) VALUES ('node-1', 'a', 1)`); err != nil {
			t.Fatal(err)
		}
		var backup bytes.Buffer
		if c, err := s.Backup(t.Context(), &backup); err != nil || c.Version != 1 {
			t.Fatalf("%+v, %v", c, err)
		}
		to := storetest.Open(t, storetest.SQLiteURL(t))
		if _, err := to.Restore(t.Context(), bytes.NewReader(backup.Bytes()), true); err != nil {
			t.Fatal(err)
		}
		if at, known, err := to.Version(t.Context()); at != known || err != nil {
			t.Errorf("version %d of %d, %v", at, known, err)
		}
		if counts, err := to.Rows(t.Context()); counts["logs"] != 1 || err != nil {
			t.Errorf("%v, %v", counts, err)
		}
	})
}

// TestBackupIsOneMoment while a node writes: rows that are written together are both in it or neither.
func TestBackupIsOneMoment(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		begun := make(chan struct{})
		go func() {
			defer close(done)
			for n := 0; ctx.Err() == nil; n++ {
				tx, err := s.Write.BeginTx(ctx, nil)
				if err != nil {
					return
				}
				tx.ExecContext(ctx, `INSERT INTO logs (name, holder, until) VALUES ($1, 'a', 1)`, fmt.Sprint(n))
				tx.ExecContext(ctx, `INSERT INTO subject_requests (id, at, party, system) VALUES ($1, 1, 'p', 's')`, fmt.Sprint(n))
				if tx.Commit() == nil && n == 20 {
					close(begun)
				}
			}
		}()
		<-begun
		for range 10 {
			c, err := s.Backup(t.Context(), &bytes.Buffer{})
			if err != nil || c.Rows["logs"] != c.Rows["subject_requests"] || c.Rows["logs"] < 20 {
				t.Errorf("%+v, %v", c, err)
			}
		}
		stop()
		<-done
	})
}

// TestManyAndLargeRows: more than one statement takes.
func TestManyAndLargeRows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		from := storetest.Open(t, storetest.SQLiteURL(t))
		tx, err := from.Write.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 1001 {
			size := 100
			if n%200 == 0 {
				size = 3 << 20
			}
			if _, err := tx.ExecContext(t.Context(), `INSERT INTO groups (log, seq, first, count, at, head, sign, subtree, entries) VALUES ('node-1', $1, $1, 1, 1, $2, $2, $2, $3)`,
				n, []byte("head"), bytes.Repeat([]byte{byte(n)}, size)); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		var backup bytes.Buffer
		if _, err := from.Backup(t.Context(), &backup); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Restore(t.Context(), bytes.NewReader(backup.Bytes()), true); err != nil {
			t.Fatal(err)
		}
		var rows, size int64
		if err := s.Read.QueryRowContext(t.Context(), `SELECT count(*), sum(length(entries)) FROM groups`).Scan(&rows, &size); err != nil || rows != 1001 || size != 995*100+6*(3<<20) {
			t.Errorf("%d rows with %d bytes, %v", rows, size, err)
		}
	})
}

// TestEveryTableIsKnownToBackups: a new one must be put into the list, or it would be left out without a word.
func TestEveryTableIsKnownToBackups(t *testing.T) {
	s := storetest.Open(t, storetest.SQLiteURL(t))
	there := list(t, s.Read, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%'`)
	known := slices.Sorted(slices.Values(store.TablesForTest()))
	if diff := cmp.Diff(known, there); diff != "" {
		t.Error(diff)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(fullBackup(f))
	f.Add([]byte(`{"format":"tongma/1 store","kind":"sqlite","version":1,"at":"2022-03-01T02:00:00Z"}` + "\n" +
		`{"table":"logs","columns":[["name","text"],["until","integer"],["holder","bytes"]]}` + "\n" + `["a",1,"AA=="]` + "\n" + `[null,null,null]` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		store.Verify(bytes.NewReader(data))
		store.Verify(bytes.NewReader(store.SignForTest(data))) // deeper in
	})
}
