package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tongma/gateway/store"
	"tongma/gateway/store/storetest"
)

// How to list what a schema consists of, as names with what they are.
var schemaOf = map[store.Kind]string{
	store.SQLite: `SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%' ORDER BY 1`,
	store.Postgres: `SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%'
		UNION SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE 'goose%' ORDER BY 1`,
}

var columnsOf = map[store.Kind]string{
	store.SQLite: `SELECT t.name || '.' || c.name || CASE WHEN c."notnull" THEN ' not null' ELSE '' END FROM sqlite_schema t, pragma_table_info(t.name) c
		WHERE t.type = 'table' AND t.name NOT LIKE 'goose%' AND t.name NOT LIKE 'sqlite%' ORDER BY 1`,
	store.Postgres: `SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%' ORDER BY 1`,
}

func list(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all) // whatever the database's collation
	return all
}

// TestMigrationsGoDownAndUpAgain, one version at a time: what each leaves behind is what was there before it.
func TestMigrationsGoDownAndUpAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		at, known, err := s.Version(t.Context())
		if err != nil || at != known || at < 2 {
			t.Fatalf("a new store has version %d of %d, %v", at, known, err)
		}
		schemas := map[int64][]string{at: list(t, s.Read, schemaOf[s.Kind])}
		move := func(to int64) {
			t.Helper()
			if got, err := s.Migrate(t.Context(), to); err != nil || got != to {
				t.Fatalf("to version %d: %d, %v", to, got, err)
			}
		}
		for to := at - 1; to >= 0; to-- {
			move(to)
			schemas[to] = list(t, s.Read, schemaOf[s.Kind])
		}
		if len(schemas[0]) > 0 {
			t.Errorf("version 0 leaves %q", schemas[0])
		}
		for to := int64(1); to <= at; to++ {
			move(to)
			if diff := cmp.Diff(schemas[to], list(t, s.Read, schemaOf[s.Kind])); diff != "" {
				t.Errorf("version %d again:\n%s", to, diff)
			}
		}
	})
}

// TestBothKindsHaveTheSameColumns, or queries written once would fail with one of them.
func TestBothKindsHaveTheSameColumns(t *testing.T) {
	columns := map[store.Kind][]string{}
	storetest.Each(t, func(t *testing.T, s *store.Store) { columns[s.Kind] = list(t, s.Read, columnsOf[s.Kind]) })
	if len(columns) < 2 {
		t.Skip("there is one kind only")
	}
	if diff := cmp.Diff(columns[store.SQLite], columns[store.Postgres]); diff != "" {
		t.Error(diff)
	}
}

func TestNodesMayStartAtOnce(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				s, err := store.Open(t.Context(), url)
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				if _, err := s.Write.ExecContext(t.Context(), `INSERT INTO nonces (caller, nonce, until) VALUES ($1, $1, 1)`, fmt.Sprintf("%p", s)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
}

// TestOldProgramsOpenNewerStores: a newer one has been here.
func TestOldProgramsOpenNewerStores(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		for _, version := range []int{998, 999} {
			if _, err := s.Write.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, $2)`, version, true); err != nil {
				t.Fatal(err)
			}
		}
		again := storetest.Open(t, url)
		if at, known, err := again.Version(t.Context()); err != nil || at != 999 || known >= at {
			t.Errorf("version %d of %d, %v", at, known, err)
		}
		if _, err := again.Backup(t.Context(), &strings.Builder{}); err == nil {
			t.Error("a schema that the program does not know is backed up")
		}
	})
}

// TestMigrationWaitsForTheLock of another node, and no longer than it may.
func TestMigrationWaitsForTheLock(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		release, err := s.LockForTest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := s.Migrate(ctx, store.Latest)
			done <- err
		}()
		cancel()
		if err := <-done; err == nil {
			t.Error("a migration ran under another's lock")
		}
		if err := release(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Migrate(t.Context(), store.Latest); err != nil {
			t.Errorf("after the lock is free: %v", err)
		}
	})
}

// TestFilesAreTheirOwnersAlone: they hold who was where.
func TestFilesAreTheirOwnersAlone(t *testing.T) {
	url := storetest.SQLiteURL(t)
	storetest.Open(t, url)
	files, err := filepath.Glob(strings.TrimPrefix(url, "sqlite:") + "*")
	if err != nil || len(files) < 3 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, f := range files {
		if is, err := os.Stat(f); err != nil || is.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", f, is.Mode(), err)
		}
	}
}
