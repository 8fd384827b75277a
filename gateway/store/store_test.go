package store_test

import (
	"testing"

	"tongma/gateway/store"
	"tongma/gateway/store/storetest"
)

func TestTaken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		insert := func() error {
			_, err := s.Write.ExecContext(t.Context(), `INSERT INTO logs (name, holder, until) VALUES ($1, $2, $3)`, "node-1", "a", 1)
			return err
		}
		if err := insert(); err != nil {
			t.Fatal(err)
		}
		if err := insert(); !store.Taken(err) {
			t.Errorf("the second of one key: %v", err)
		}
		if _, err := s.Write.ExecContext(t.Context(), `INSERT INTO logs (name) VALUES ($1)`, "node-2"); err == nil || store.Taken(err) {
			t.Errorf("a row without a holder: %v", err)
		}
	})
}
