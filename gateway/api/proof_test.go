package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"tongma/gateway"
	"tongma/gateway/evidence"
	"tongma/gateway/store"
	"tongma/gateway/store/storetest"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// keeping is a station that keeps evidence, what it keeps it in, and the privacy officer's key, which the station has not.
type keeping struct {
	*station
	kept    *evidence.Log
	store   *store.Store
	officer *sm.PrivateKey
}

func startKeeping(t testing.TB) *keeping { return startKeepingAt(t, storetest.SQLiteURL(t)) }

// startKeepingAt starts one on a store, as another node of those that have it.
func startKeepingAt(t testing.TB, url string) *keeping {
	t.Helper()
	k := &keeping{store: storetest.Open(t, url), officer: newKey(t)}
	with := newSetUp(t)
	with.evidence = func(s *station) *evidence.Log {
		k.kept = k.open(t, s.now, with.key, "node."+rand.Text()[:8])
		return k.kept
	}
	k.station = startWith(t, with)
	return k
}

func (k *keeping) open(t testing.TB, now func() time.Time, key *sm.PrivateKey, name string) *evidence.Log {
	t.Helper()
	l, err := evidence.Open(t.Context(), evidence.Config{
		Store: k.store, Name: name, State: t.TempDir(), Key: key, Officer: k.officer.Public(), Secret: bytes.Repeat([]byte("x"), 32), Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		l.Close(ctx) // a store that a test has closed takes nothing back
	})
	return l
}

// traveller is whom the entries of tests are about.
var traveller = gateway.Person{
	Document: standard.Document{Type: "01", Number: "000000194507219983"}, System: "suishen", Subject: "traveller-1",
}

// keep appends an entry of a party's verification; many may do so at once.
func (k *keeping) keep(party string, about gateway.Person) *proof.Entry {
	k.t.Helper()
	e := &proof.Entry{
		Kind: proof.Verification, ID: ulid.MustNew(ulid.Timestamp(k.now()), rand.Reader).String(), At: standard.Millis(k.now()),
		Party: party, Roles: standard.RolesOf(standard.RoleGate), Region: "110000", Site: "gate 7", System: "suishen",
		Outcome: standard.Verified, Status: standard.Green, Action: standard.Pass, Rule: "default/green@1", From: standard.Live, ObservedAt: standard.Millis(k.now()),
	}
	rand.Read(e.Answer[:])
	if err := k.kept.Append(context.Background(), e, about); err != nil {
		k.t.Error(err)
	}
	return e
}

func targetOf(id string) string { return strings.Replace(pathProof, "{id}", id, 1) }

// proofOf is a call for a proof, without a body and without a media type.
func proofOf(rid, id string) *request {
	r := post("")
	r.method, r.target, r.rid = "GET", targetOf(id), rid
	r.header.Del("Content-Type")
	return r
}

// mustProve checks that an answer is the proof of an entry, by the gateway's key alone.
func (k *keeping) mustProve(a *reply, want *proof.Entry) {
	k.t.Helper()
	p, err := proof.ParseProof(a.Data)
	if err != nil {
		k.t.Fatalf("%v: %s", err, a.body)
	}
	got, head, err := p.Verify(proof.KeysOf(k.cfg.Key.Public()))
	if err != nil {
		k.t.Fatal(err)
	}
	if got.ID != want.ID || got.Answer != want.Answer || got.Party != want.Party || head.Log != k.kept.Name() {
		k.t.Errorf("proved %+v of log %s, want %+v", got, head.Log, want)
	}
}

func TestAProofIsForWhoAskedAndForThoseWhoWatchAlone(t *testing.T) {
	k := startKeeping(t)
	e := k.keep("gate", traveller)
	nobody := ulid.MustNew(ulid.Timestamp(k.now()), rand.Reader).String()
	missing := k.expect(k.sign(proofOf("gate", nobody)), wire.CodeNoEntry)
	for rid, may := range map[string]bool{
		"gate": true, "operator": true, "privacy": true, "privacy-only": true, "tester": true,
		"officer": false, "two-purposes": false, "medical": false, "platform": false,
	} {
		r := k.sign(proofOf(rid, e.ID))
		if may {
			a := k.expect(r, wire.CodeOK)
			if !k.isSigned(r, a) {
				t.Errorf("%s: not signed", rid)
			}
			k.mustProve(a, e)
			continue
		}
		a := k.expect(r, wire.CodeNoEntry)
		if a.Message != missing.Message || a.Data != nil || !k.isSigned(r, a) {
			t.Errorf("%s is told more than that there is none: %s", rid, a.body)
		}
		checkHygiene(t, k.station, a)
	}
	if log := k.station.log.String(); !strings.Contains(log, `"route":"/v1/verifications/{id}/proof","code":"40402"`) || strings.Contains(log, e.ID) {
		t.Errorf("the log: %s", log)
	}
	for _, rid := range []string{"operator-elsewhere", "slow"} {
		want := map[string]*wire.Code{"operator-elsewhere": wire.CodeOK, "slow": wire.CodeNoEntry}[rid] // which may verify, and so prove
		k.expect(k.sign(proofOf(rid, e.ID)), want)
	}
	k.expect(k.sign(proofOf("query-only", e.ID)), wire.CodeService)
	for _, id := range []string{"no-id", strings.ToLower(e.ID) + "x", e.ID[:25], "0"} {
		k.expect(k.sign(proofOf("gate", id)), wire.CodeNoEntry)
	}
}

func TestAnEntryOfALoneGroupAndOneOfManyAreProved(t *testing.T) {
	k := startKeeping(t)
	lone := k.keep("gate", gateway.Person{})
	done := make(chan *proof.Entry)
	const many = 20
	for range many {
		go func() { done <- k.keep("gate", traveller) }()
	}
	entries := []*proof.Entry{lone}
	for range many {
		entries = append(entries, <-done)
	}
	for _, e := range entries {
		a := k.expect(k.sign(proofOf("gate", e.ID)), wire.CodeOK)
		if bytes.Contains(a.Data, []byte("null")) {
			t.Errorf("a proof has a null: %s", a.Data)
		}
		k.mustProve(a, e)
	}
}

func TestAProofIsAskedForWithoutABodyOverASessionOrWithout(t *testing.T) {
	k := startKeeping(t)
	e := k.keep("officer", traveller)
	secret, g := k.apply("officer", `{"services":["verify"]}`)
	over := proofOf("officer", e.ID)
	over.key, over.secret = g.Session, secret
	a := k.expect(k.sign(over), wire.CodeOK)
	if !k.isSigned(over, a) {
		t.Error("not signed by the session")
	}
	k.mustProve(a, e)

	typed := proofOf("officer", e.ID)
	typed.header.Set("Content-Type", "text/plain")
	k.expect(k.sign(typed), wire.CodeOK)
	full := proofOf("officer", e.ID)
	full.body = "{}"
	if a := k.expect(k.sign(full), wire.CodeSyntax); !k.isSigned(full, a) {
		t.Error("the refusal of a body is not signed")
	}
	coded := proofOf("officer", e.ID)
	coded.header.Set("Content-Encoding", "gzip")
	k.expect(k.sign(coded), wire.CodeCoding)
	changed := k.sign(proofOf("officer", e.ID))
	changed.target = targetOf(k.keep("officer", traveller).ID)
	k.expect(changed, wire.CodeSignature)
	unsigned := proofOf("officer", e.ID)
	k.expect(unsigned, wire.CodeUnsigned)
	again := k.sign(proofOf("officer", e.ID))
	k.expect(again, wire.CodeOK)
	k.expect(again, wire.CodeReplay)
	for _, method := range []string{"POST", "PUT", "HEAD", "DELETE"} {
		r := proofOf("officer", e.ID)
		r.method = method
		if a := k.send(k.sign(r)); a.status != 405 || !strings.Contains(a.header.Get("Allow"), "GET") {
			t.Errorf("%s: %d, Allow %q", method, a.status, a.header.Get("Allow"))
		}
	}
}

func TestEachNodeProvesWhatAnotherHasAnswered(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		a, b := startKeepingAt(t, url), startKeepingAt(t, url)
		e := a.keep("gate", traveller)
		got := b.expect(b.sign(proofOf("gate", e.ID)), wire.CodeOK)
		a.mustProve(got, e) // by the key of the node that wrote it
	})
}

func TestAnEntryThatIsNotKeptAnyMoreIsNone(t *testing.T) {
	k := startKeeping(t)
	e := k.keep("gate", traveller)
	if _, err := k.store.Write.Exec("UPDATE groups SET leaves = x'00', entries = NULL"); err != nil {
		t.Fatal(err)
	}
	k.expect(k.sign(proofOf("gate", e.ID)), wire.CodeNoEntry)
}

// TestWithoutAStoreNothingIsKnown: not even whether there is such an entry.
func TestWithoutAStoreNothingIsKnown(t *testing.T) {
	k := startKeeping(t)
	e := k.keep("platform", traveller)
	if err := k.store.Close(); err != nil {
		t.Fatal(err)
	}
	calls := map[string]*request{"proof": proofOf("platform", e.ID)}
	for path, body := range map[string]string{
		pathKeys: goodDays, pathSearch: goodSearch, pathAsked: `{}`, pathAnswerAsked: k.answer(e.ID), pathAsk: goodAsk, pathAskedState: `{"id":"` + e.ID + `"}`,
	} {
		calls[path] = k.to(path, body)
	}
	for name, r := range calls {
		a := k.expect(k.sign(r), wire.CodeEvidence)
		if !k.isSigned(r, a) || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: not signed, or nothing says when to come again", name)
		}
		checkHygiene(t, k.station, a)
	}
	if !strings.Contains(k.station.log.String(), "evidence: a call could not be answered") {
		t.Errorf("the log does not say so: %s", k.station.log.String())
	}
}

func TestAStoreThatHasComeBackIsAskedAgain(t *testing.T) {
	server := storetest.StartPostgres(t)
	k := startKeepingAt(t, server.Database(t))
	e := k.keep("gate", traveller)
	server.Kill()
	k.expect(k.sign(proofOf("gate", e.ID)), wire.CodeEvidence)
	server.Restart(t)
	storetest.Eventually(t, 20*time.Second, "the proof can be had again", func() bool {
		return k.send(k.sign(proofOf("gate", e.ID))).Code == wire.CodeOK.Code
	})
}

func TestWithoutEvidenceNothingOfItIsServed(t *testing.T) {
	s := start(t)
	s.expect(s.sign(proofOf("gate", "01FX2D0000ABCDEFGHJKMNPQRS")), wire.CodeRoute)
	for _, path := range []string{pathKeys, pathSearch, pathAsk, pathAskedState, pathAsked, pathAnswerAsked} {
		r := post(`{}`)
		r.target, r.rid = path, "privacy"
		s.expect(s.sign(r), wire.CodeRoute)
	}
}

// TestWhoAsksTheEvidenceWaitsInALineThatEnds: verifications need its database more.
func TestWhoAsksTheEvidenceWaitsInALineThatEnds(t *testing.T) {
	k := startKeeping(t)
	e := k.keep("gate", traveller)
	l := &k.lookups
	for range maxLookups + maxLookupsWait {
		l.places <- struct{}{}
	}
	if a := k.expect(k.sign(proofOf("gate", e.ID)), wire.CodeOverloaded); a.header.Get("Retry-After") == "" {
		t.Error("nothing says when to come again")
	}
	<-l.places
	for range maxLookups {
		l.turns <- struct{}{}
	}
	answered := make(chan *reply)
	r := k.sign(proofOf("gate", e.ID))
	go func() { answered <- k.send(r) }()
	for len(l.places) < cap(l.places) { // until it waits
	}
	<-l.turns
	if a := <-answered; a.Code != wire.CodeOK.Code {
		t.Errorf("who has waited is answered %s", a.body)
	}
}

func TestAProofThatNobodyWaitsForIsNoTrouble(t *testing.T) {
	l := newLookups()
	ctx, cancel := context.WithCancel(t.Context())
	err := l.do(ctx, func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	if r, ok := err.(*wire.Refusal); !ok || r.Code != wire.CodeOverloaded {
		t.Errorf("%v", err)
	}
}

func FuzzProofTarget(f *testing.F) {
	k := startKeeping(f)
	e := k.keep("gate", traveller)
	f.Add(e.ID)
	f.Add("%30" + e.ID[1:])
	f.Add(":id")
	f.Add("batch")
	f.Fuzz(func(t *testing.T, id string) {
		r := proofOf("gate", id)
		u, err := url.ParseRequestURI(r.target)
		if err != nil || wire.CheckTarget(r.target) != nil || strings.ContainsAny(id, "/?") {
			return
		}
		w := httptest.NewRecorder()
		k.ServeHTTP(w, &http.Request{Method: r.method, URL: u, RequestURI: r.target, Header: k.sign(r).header, Body: http.NoBody, RemoteAddr: "127.0.0.1:1"})
		var a struct {
			Code string
			Data struct{ Entry []byte }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatalf("%q: %v", id, err)
		}
		if !(a.Code == wire.CodeNoEntry.Code || a.Code == wire.CodeOK.Code && bytes.Contains(a.Data.Entry, ulidBytes(e.ID))) {
			t.Errorf("%q: %s", id, w.Body)
		}
	})
}

func ulidBytes(id string) []byte {
	u := ulid.MustParseStrict(id)
	return u[:]
}
