package store_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tongma/gateway/store"
	"tongma/gateway/store/storetest"
)

// TestPostgresCommitsWaitForTheDisk, whatever the database was told.
func TestPostgresCommitsWaitForTheDisk(t *testing.T) {
	server := storetest.StartPostgres(t)
	for configured, want := range map[string]string{"off": "on", "local": "on", "remote_write": "on", "on": "on", "remote_apply": "remote_apply"} {
		url := server.Database(t)
		name := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
		server.Do(t, "ALTER DATABASE "+name+" SET synchronous_commit = "+configured)
		s := storetest.Open(t, url)
		var got string
		if err := s.Write.QueryRowContext(t.Context(), "SHOW synchronous_commit").Scan(&got); err != nil || got != want {
			t.Errorf("%s becomes %s, %v", configured, got, err)
		}
	}
	url := server.Database(t)
	server.Do(t, "ALTER SYSTEM SET fsync = off")
	server.Do(t, "SELECT pg_reload_conf()")
	storetest.Eventually(t, 10*time.Second, "a server without fsync is refused", func() bool {
		s, err := store.Open(t.Context(), url)
		if err == nil {
			s.Close()
		}
		return err != nil && strings.Contains(err.Error(), "fsync")
	})
}

// TestPostgresKilledLosesNothingAcknowledged. With synchronous_commit=off it would: the last commits are in the memory of the server.
func TestPostgresKilledLosesNothingAcknowledged(t *testing.T) {
	server := storetest.StartPostgres(t)
	s := storetest.Open(t, server.Database(t))
	acknowledged := 0
	for kill := range 3 {
		for n := range 50 {
			if _, err := s.Write.ExecContext(t.Context(), `INSERT INTO nonces (caller, nonce, until) VALUES ($1, $2, 1)`, fmt.Sprint(kill), fmt.Sprint(n)); err != nil {
				t.Fatal(err)
			}
			acknowledged++
		}
		server.Kill()
		if err := s.Check(t.Context()); err == nil {
			t.Error("a database that is gone passes the check")
		}
		server.Restart(t)
		if counts, err := s.Rows(t.Context()); err != nil || counts["nonces"] != int64(acknowledged) {
			t.Fatalf("of %d rows there are %v, %v", acknowledged, counts, err)
		}
		if err := s.Check(t.Context()); err != nil {
			t.Errorf("the database is back: %v", err)
		}
	}
}

// TestCheckFindsFilesThatAreNoLongerThere: SQLite goes on writing where nobody will read.
func TestCheckFindsFilesThatAreNoLongerThere(t *testing.T) {
	for name, trouble := range map[string]func(path string) error{
		"removed":   os.Remove,
		"moved":     func(path string) error { return os.Rename(path, path+".old") },
		"exchanged": func(path string) error { return os.Rename(other(t, path), path) },
		"log removed": func(path string) error {
			return os.Remove(path + "-wal")
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := storetest.SQLiteURL(t)
			s := storetest.Open(t, url)
			if err := s.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := trouble(strings.TrimPrefix(url, "sqlite:")); err != nil {
				t.Fatal(err)
			}
			if err := s.Check(t.Context()); err == nil {
				t.Error("nothing is found")
			}
		})
	}
}

// other is a file like the one of a store.
func other(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path+".new", data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path + ".new"
}

// TestCheckStandsALongLife: connections that end and are made anew change no file.
func TestCheckStandsALongLife(t *testing.T) {
	s := storetest.Open(t, storetest.SQLiteURL(t))
	for range 3 {
		s.Write.SetMaxIdleConns(0)
		s.Read.SetMaxIdleConns(0)
		if _, err := s.Write.ExecContext(t.Context(), `DELETE FROM nonces`); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Rows(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

const erased = "QX7-what-must-leave-the-files-QX7"

// TestErasedMeansGoneFromTheFiles, also where many rows came and went around it.
func TestErasedMeansGoneFromTheFiles(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		if s.Kind == store.Postgres {
			t.Skip("its write-ahead log keeps it until it recycles: the package says so")
		}
		fill(t, s)
		if _, err := s.Write.ExecContext(t.Context(), `UPDATE day_keys SET wrapped = $1`, []byte(erased)); err != nil {
			t.Fatal(err)
		}
		if !inFiles(t, s) {
			t.Fatal("the test looks in the wrong place")
		}
		for n := range 200 {
			if _, err := s.Write.ExecContext(t.Context(), `INSERT INTO day_keys (day, part, wrapped, made) VALUES ('x', $1, $2, 1)`, n, []byte(erased)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Write.ExecContext(t.Context(), `UPDATE day_keys SET wrapped = NULL`); err != nil {
			t.Fatal(err)
		}
		if err := s.Erase(t.Context(), "day_keys"); err != nil {
			t.Fatal(err)
		}
		if inFiles(t, s) {
			t.Error("what was erased is in the files")
		}
	})
}

func inFiles(t *testing.T, s *store.Store) bool {
	t.Helper()
	files, err := filepath.Glob(strings.TrimPrefix(s.String(), "sqlite:") + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(erased)) {
			return true
		}
	}
	return false
}

// TestEraseInPostgresLeavesTheTable, and the rows that stay.
func TestEraseLeavesWhatStays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fill(t, s)
		want := read(t, s)
		if err := s.Erase(t.Context(), "day_keys"); err != nil {
			t.Fatal(err)
		}
		if got := read(t, s); len(got) != len(want) || len(got["day_keys"]) != 1 {
			t.Errorf("%v", got)
		}
		if err := s.Erase(t.Context(), "sqlite_schema"); err == nil {
			t.Error("a table that is none of the store's")
		}
	})
}

// TestEraseWaitsForReadersAndKeepsNoWriterWaiting.
func TestEraseWaitsForReadersAndKeepsNoWriterWaiting(t *testing.T) {
	s := storetest.Open(t, storetest.SQLiteURL(t))
	fill(t, s)
	reader, err := s.Read.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Rollback()
	if err := reader.QueryRowContext(t.Context(), "SELECT count(*) FROM groups").Scan(new(int)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Erase(t.Context(), "day_keys") }()
	began := time.Now()
	for n := range 20 {
		if _, err := s.Write.ExecContext(t.Context(), `INSERT INTO nonces (caller, nonce, until) VALUES ('w', $1, 1)`, fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("20 writes took %v", took)
	}
	select {
	case err := <-done:
		t.Fatalf("erased under a reader: %v", err)
	default:
	}
	reader.Rollback()
	if err := <-done; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Erase(ctx, "day_keys"); err == nil {
		t.Error("no end with its context")
	}
}
