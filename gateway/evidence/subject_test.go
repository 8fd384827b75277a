package evidence

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"tongma/gateway/store"
	"tongma/gateway/store/storetest"
	"tongma/standard/proof"
)

func TestARequestIsKeptSealedAndAnswered(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newClock()
		l := timed(t, s, "node-1", c)
		text := []byte(`{"type":"01","number":"000000199001010001"}`)
		var ids []string
		for range 3 {
			e := entry(c.now())
			e.Kind, e.Party = proof.SubjectRequest, "guangzhou"
			if err := l.Request(t.Context(), e, person(1), text); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, e.ID)
			c.pass(time.Second)
		}
		list, err := l.Requests(t.Context(), "", 2, false)
		if err != nil || len(list) != 2 || list[0].ID != ids[0] || !list[0].Answered.IsZero() {
			t.Fatalf("%+v, %v", list, err)
		}
		if list, err = l.Requests(t.Context(), list[1].ID, 2, false); err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		if bytes.Contains(list[0].Sealed, text) {
			t.Error("a request is not sealed")
		}
		if got, err := officer.Decrypt(list[0].Sealed); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s, %v", got, err)
		}
		if err := l.Answer(t.Context(), ids[1], "privacy-1", []byte("sealed")); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{ids[1], "01J"} {
			if err := l.Answer(t.Context(), id, "privacy-1", nil); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s answered again: %v", id, err)
			}
		}
		got, err := l.RequestOf(t.Context(), ids[1])
		if err != nil || got.Officer != "privacy-1" || string(got.Answer) != "sealed" || !got.Answered.Equal(c.now()) || got.Party != "guangzhou" {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := l.RequestOf(t.Context(), "01J"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%v, want ErrNotFound", err)
		}
		if list, _ := l.Requests(t.Context(), "", 10, false); len(list) != 2 {
			t.Errorf("%d requests are open", len(list))
		}
		if list, _ := l.Requests(t.Context(), "", 10, true); len(list) != 3 {
			t.Errorf("there are %d requests", len(list))
		}
		mustFind(t, l, person(1), 3) // they are entries as well
		for range 32 {
			c.pass(24 * time.Hour)
			l.tidy(t.Context())
		}
		if got, err := l.RequestOf(t.Context(), ids[1]); err != nil || got.Sealed != nil || got.Answer != nil {
			t.Errorf("when the retention is over: %+v, %v", got, err)
		}
		bad := entry(c.now())
		if err := l.Request(t.Context(), bad, person(1), text); err == nil {
			t.Error("an entry of another kind was taken for a request")
		}
	})
}

// TestARequestAndItsEntryAreKeptTogetherOrNotAtAll takes the table of requests away and gives it back.
func TestARequestAndItsEntryAreKeptTogetherOrNotAtAll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		l := open(t, config(t, s, "node-1"))
		add(t, l, person(1))
		rename := func(from, to string) {
			t.Helper()
			if _, err := s.Write.Exec("ALTER TABLE " + from + " RENAME TO " + to); err != nil {
				t.Fatal(err)
			}
		}
		entries := func() (ids []string) {
			t.Helper()
			for id, e := range mustVerify(t, l, "node-1") {
				if e.Kind == proof.SubjectRequest {
					ids = append(ids, id)
				}
			}
			return ids
		}
		rename("subject_requests", "away")
		e := entry(time.Now())
		e.Kind, e.Party = proof.SubjectRequest, "guangzhou"
		if err := l.Request(t.Context(), e, person(1), []byte("what is known of me?")); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("%v, want ErrUnavailable", err)
		}
		if got := entries(); len(got) > 0 {
			t.Error("the request is not kept, and there is an entry of it")
		}
		rename("away", "subject_requests")
		eventually(t, "it goes on by itself", func() bool { return l.Ready() == nil })
		list, err := l.Requests(t.Context(), "", 10, true)
		if err != nil {
			t.Fatal(err)
		}
		if got := entries(); len(got) != len(list) || len(got) == 1 && got[0] != list[0].ID {
			t.Errorf("entries of %v, and requests %v", got, list)
		}
	})
}

func TestARequestIsKeptThoughItsCallerLeaves(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		l := open(t, config(t, s, "node-1"))
		ctx, leave := context.WithCancel(t.Context())
		leave()
		e := entry(time.Now())
		e.Kind, e.Party = proof.SubjectRequest, "guangzhou"
		if err := l.Request(ctx, e, person(1), []byte("what is known of me?")); err != nil {
			t.Fatal(err)
		}
		if _, err := l.RequestOf(t.Context(), e.ID); err != nil {
			t.Error(err)
		}
		if _, err := l.Find(t.Context(), e.ID); err != nil {
			t.Error(err)
		}
	})
}
