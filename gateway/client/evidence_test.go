package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"tongma/gateway"
	"tongma/gateway/evidence"
	"tongma/gateway/store/storetest"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// newFarKeeping is a far server that keeps evidence for an officer.
func newFarKeeping(t *testing.T, officer *sm.PublicKey) *far {
	t.Helper()
	f := newFar(t)
	kept, err := evidence.Open(t.Context(), evidence.Config{
		Store: storetest.Open(t, storetest.SQLiteURL(t)), Name: "far-1", State: t.TempDir(), Key: f.key, Officer: officer, Secret: bytes.Repeat([]byte("x"), 32),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kept.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	f.kept = kept
	f.restart()
	return f
}

// keep keeps that a verification was answered.
func (f *far) keep(t *testing.T, about gateway.Person) *proof.Entry {
	t.Helper()
	e := &proof.Entry{
		Kind: proof.Verification, ID: ulid.MustNew(ulid.Now(), rand.Reader).String(), At: standard.Millis(time.Now()), Party: "gate-7",
		System: "suishen", Outcome: standard.Verified, Status: standard.Green, Action: standard.Pass, Rule: "default/green@1",
	}
	if err := f.kept.Append(t.Context(), e, about); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAProofComesBackAsItWasMade(t *testing.T) {
	f := newFarKeeping(t, newKey(t).Public())
	e := f.keep(t, gateway.Person{})
	for _, how := range []string{"SM2", "HMAC-SM3"} {
		c := f.client()
		if how == "HMAC-SM3" {
			if err := c.Session(t.Context(), time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		f.signTypes.Clear()
		p, err := c.Prove(t.Context(), e.ID)
		if err != nil {
			t.Fatal(err)
		}
		got, head, err := p.Verify(proof.KeysOf(f.key.Public()))
		if err != nil || got.ID != e.ID || head.Log != "far-1" {
			t.Errorf("%v in %v, %v", got, head, err)
		}
		if _, used := f.signTypes.Load(how); !used {
			t.Errorf("not signed with %s", how)
		}
	}
	for _, id := range []string{lost, "no id", "a/b", "..", "?", "", "通"} {
		_, err := f.client().Prove(t.Context(), id)
		if refused, ok := errors.AsType[*RefusedError](err); !ok || !strings.HasPrefix(refused.Code, "40") {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestAProofWhoseAnswerWasChangedIsNotBelieved(t *testing.T) {
	f := newFarKeeping(t, newKey(t).Public())
	e := f.keep(t, gateway.Person{})
	f.tamper = func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		r.URL.RawQuery, r.RequestURI = "", strings.Replace(r.RequestURI, lost, e.ID, 1) // another entry than was asked for
		r.URL.Path = strings.Replace(r.URL.Path, lost, e.ID, 1)
		next.ServeHTTP(w, r)
	}
	_, err := f.client().Prove(t.Context(), lost)
	if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Code != wire.CodeSignature.Code {
		t.Errorf("%v", err)
	}
}

// TestATravellersRequestGoesItsWholeWay: asked by the platform, found and answered by the officer, read by the platform.
func TestATravellersRequestGoesItsWholeWay(t *testing.T) {
	officer := newKey(t)
	f, ctx := newFarKeeping(t, officer.Public()), t.Context()
	c := f.client()
	if err := c.Session(ctx, time.Minute); err != nil { // nothing of it goes over a session
		t.Fatal(err)
	}
	e := f.keep(t, gateway.Person{System: "suishen", Subject: "traveller-1"})
	receipt, err := c.Ask(ctx, wire.SubjectAsk{System: "suishen", Subject: "traveller-1", Kind: wire.KindAccess, Basis: "logged in", Reference: "R-1"})
	if err != nil {
		t.Fatal(err)
	}
	page, err := c.Asked(ctx, wire.SubjectList{})
	if err != nil || len(page.Requests) != 1 || page.Requests[0].ID != receipt.ID {
		t.Fatalf("%+v, %v", page, err)
	}
	keys, err := c.DayKeys(ctx, wire.Days{From: e.At.Format(time.DateOnly), To: receipt.At.In(standard.Zone).Format(time.DateOnly)})
	if err != nil || len(keys) < 1 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	q := wire.Search{Case: "1", Purpose: "access"}
	for _, key := range keys {
		sealed := evidence.DayKey(key)
		day, err := sealed.Open(officer)
		if err != nil {
			t.Fatal(err)
		}
		p := day.Subject("suishen", "traveller-1")
		q.People = append(q.People, wire.WantedOn{Day: key.Day, Pseudonyms: [][]byte{p[:]}})
	}
	found, err := c.Search(ctx, q)
	if err != nil || found.Found != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	key, err := sm.ParsePublicKey(page.Requests[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := key.Encrypt([]byte("two entries"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.AnswerAsked(ctx, wire.SubjectAnswer{ID: receipt.ID, Answer: sealed}); err != nil {
		t.Fatal(err)
	}
	_, err = c.AnswerAsked(ctx, wire.SubjectAnswer{ID: receipt.ID, Answer: sealed})
	if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Code != wire.CodeAnswered.Code {
		t.Errorf("answered twice: %v", err)
	}
	state, err := c.AskedState(ctx, receipt.ID)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := f.caller.Decrypt(state.Answer); err != nil || string(text) != "two entries" {
		t.Errorf("the platform reads %q, %v", text, err)
	}
}
