package storetest

import (
	"path/filepath"
	"testing"
	"time"

	"tongma/gateway/store"
)

// Each runs a test with an empty store of each kind, as a subtest each.
func Each(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) { test(t, Open(t, url)) })
}

// EachURL runs a test with the URL of a store that is not there yet, of each kind.
func EachURL(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run(string(store.SQLite), func(t *testing.T) { test(t, SQLiteURL(t)) })
	t.Run(string(store.Postgres), func(t *testing.T) { test(t, PostgresURL(t)) })
}

// SQLiteURL is that of a file that is not there yet, in a folder of the test's own.
func SQLiteURL(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "store.db")
}

// Open opens a store, which is closed when the test ends.
func Open(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Eventually waits for something that other processes bring about.
func Eventually(t testing.TB, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for began := time.Now(); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > within {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}
