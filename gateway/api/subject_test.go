package api

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tongma/gateway"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/wire"
)

const goodAsk = `{"system":"suishen","document":{"type":"01","number":"000000194507219983"},"kind":"access","basis":"logged in with a bank card","reference":"R-2022-17"}`

// answer is the body of an answer to a request, sealed as an officer seals it.
func (k *keeping) answer(id string) string {
	k.t.Helper()
	sealed, err := k.caller.Public().Encrypt([]byte(`{"id":"` + id + `"}`))
	if err != nil {
		k.t.Fatal(err)
	}
	return asJSON(k.t, wire.SubjectAnswer{ID: id, Answer: sealed})
}

// ask makes a traveller's request.
func (k *keeping) ask(text string) *wire.SubjectReceipt {
	k.t.Helper()
	var receipt wire.SubjectReceipt
	k.asked(pathAsk, text, wire.CodeOK, &receipt)
	return &receipt
}

func (k *keeping) list(text string) *wire.SubjectRequests {
	k.t.Helper()
	var list wire.SubjectRequests
	k.asked(pathAsked, text, wire.CodeOK, &list)
	return &list
}

// TestATravellerIsToldWhatWasRecordedAboutThem goes the whole way: a platform asks, the officer searches and answers, the platform reads.
func TestATravellerIsToldWhatWasRecordedAboutThem(t *testing.T) {
	k := startKeeping(t)
	k.keep("gate", traveller)
	receipt := k.ask(goodAsk)
	if receipt.Evidence != (standard.Evidence{Log: k.kept.Name(), Entry: receipt.ID}) || !receipt.At.Equal(k.now()) {
		t.Errorf("receipt %+v", receipt)
	}
	e := k.entry(receipt.ID)
	if e.Kind != proof.SubjectRequest || e.Party != "platform" || e.System != "suishen" || e.Holder == (proof.Pseudonym{}) || e.Answer != (proof.Digest{}) {
		t.Errorf("its entry is %+v", e)
	}
	k.mustProve(k.expect(k.sign(proofOf("platform", receipt.ID)), wire.CodeOK), e)

	list := k.list(`{}`)
	if len(list.Requests) != 1 || list.Next != "" {
		t.Fatalf("%+v", list)
	}
	r := list.Requests[0]
	if r.ID != receipt.ID || r.Party != "platform" || r.System != "suishen" || !r.Answered.IsZero() || r.Officer != "" || string(r.Key) != string(k.caller.Public().Marshal()) {
		t.Errorf("%+v", r)
	}
	text, err := k.officer.Decrypt(r.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	var asked wire.SubjectAsk
	if err := json.Unmarshal(text, &asked); err != nil || asJSON(t, asked) != goodAsk {
		t.Errorf("the officer reads %s, %v", text, err)
	}
	found := k.search(k.searching(gateway.Person{Document: standard.Document{Type: asked.Document.Type, Number: asked.Document.Number}, System: asked.System, Subject: "-"}))
	if found.Found != 2 {
		t.Errorf("%d entries are found, want the verification and the request itself", found.Found)
	}

	var state wire.SubjectState
	query := `{"id":"` + receipt.ID + `"}`
	k.asked(pathAskedState, query, wire.CodeOK, &state)
	if diff := cmp.Diff(wire.SubjectState{ID: receipt.ID, At: receipt.At, System: "suishen"}, state); diff != "" {
		t.Error(diff)
	}
	k.pass(time.Hour)
	var answered wire.SubjectState
	k.asked(pathAnswerAsked, k.answer(receipt.ID), wire.CodeOK, &answered)
	if !answered.Answered.Equal(k.now()) || answered.Answer != nil {
		t.Errorf("the officer is told %+v", answered)
	}
	k.asked(pathAskedState, query, wire.CodeOK, &state)
	if got, err := k.caller.Decrypt(state.Answer); err != nil || string(got) != query || !state.Answered.Equal(k.now()) {
		t.Errorf("the platform reads %s of %+v, %v", got, state, err)
	}
	for _, private := range []string{"0000001945", "bank card", "R-2022-17"} {
		if strings.Contains(k.station.log.String(), private) {
			t.Errorf("the log holds %q", private)
		}
	}
}

func TestARequestIsAnsweredOnce(t *testing.T) {
	k := startKeeping(t)
	id := k.ask(goodAsk).ID
	k.asked(pathAnswerAsked, k.answer(id), wire.CodeOK, nil)
	k.asked(pathAnswerAsked, k.answer(id), wire.CodeAnswered, nil)
	k.asked(pathAnswerAsked, k.answer("01FX2D0000ABCDEFGHJKMNPQRS"), wire.CodeNoEntry, nil)
	if list := k.list(`{}`); len(list.Requests) != 0 {
		t.Errorf("it waits still: %+v", list)
	}
	list := k.list(`{"all":true}`)
	if len(list.Requests) != 1 || list.Requests[0].Officer != "privacy" || !list.Requests[0].Answered.Equal(k.now()) {
		t.Errorf("%+v", list)
	}
}

func TestWhoHangsUpMeanwhileHasAskedAndAnsweredAllTheSame(t *testing.T) {
	k := startKeeping(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	callOf := func(path, rid, body string) *call {
		return &call{s: k.Server, r: httptest.NewRequestWithContext(gone, "POST", path, nil), id: newRequestID(k.now()), party: k.party(rid), began: k.now(),
			buffers: &buffers{body: []byte(body)}}
	}
	ask := callOf(pathAsk, "platform", goodAsk)
	if _, err := k.keepAsk(ask); err != nil {
		t.Fatal(err)
	}
	k.answerAsked(callOf(pathAnswerAsked, "privacy", k.answer(ask.id))) // whom it is for, nobody is there to hear
	if list := k.list(`{"all":true}`); len(list.Requests) != 1 || list.Requests[0].Officer != "privacy" {
		t.Errorf("%+v", list)
	}
}

func TestWhatIsOverIsNotGivenAnyMore(t *testing.T) {
	k := startKeeping(t)
	id := k.ask(goodAsk).ID
	k.asked(pathAnswerAsked, k.answer(id), wire.CodeOK, nil)
	if _, err := k.store.Write.Exec("UPDATE subject_requests SET sealed = NULL, answer = NULL"); err != nil {
		t.Fatal(err)
	}
	if a := k.asked(pathAskedState, `{"id":"`+id+`"}`, wire.CodeOK, nil); strings.Contains(string(a.Data), `"answer"`) || !strings.Contains(string(a.Data), `"answered"`) {
		t.Errorf("%s", a.Data)
	}
	if a := k.asked(pathAsked, `{"all":true}`, wire.CodeOK, nil); strings.Contains(string(a.Data), "sealed") {
		t.Errorf("%s", a.Data)
	}
}

func TestAPlatformAsksForItsOwnSystemAndItsOwnRequestsAlone(t *testing.T) {
	k := startKeeping(t)
	id := k.ask(goodAsk).ID
	other := k.to(pathAsk, goodAsk)
	other.rid = "platform-2"
	k.expect(k.sign(other), wire.CodeOwner)
	k.asked(pathAsk, strings.Replace(goodAsk, "suishen", "nowhere", 1), wire.CodeSystem, nil)
	further := k.to(pathAsk, strings.Replace(goodAsk, "suishen", "further", 1))
	further.rid = "platform-2"
	k.expect(k.sign(further), wire.CodeOK)

	query := k.to(pathAskedState, `{"id":"`+id+`"}`)
	query.rid = "platform-2"
	missing := k.to(pathAskedState, `{"id":"01FX2D0000ABCDEFGHJKMNPQRS"}`)
	if a, b := k.expect(k.sign(query), wire.CodeNoEntry), k.expect(k.sign(missing), wire.CodeNoEntry); a.Message != b.Message || a.Data != nil {
		t.Errorf("another platform is told %s", a.body)
	}
}

func TestABadRequestOfATravellerIsRefusedAndNotKept(t *testing.T) {
	k := startKeeping(t)
	in := func(old, new string) string { return strings.Replace(goodAsk, old, new, 1) }
	const document = `"document":{"type":"01","number":"000000194507219983"},`
	for text, want := range map[string]*wire.Code{
		`{}`:                                    wire.CodeField,
		``:                                      wire.CodeSyntax,
		goodAsk + "x":                           wire.CodeTrailing,
		in(document, ``):                        wire.CodeSubject,
		in(document, document+`"subject":"s",`): wire.CodeSubject,
		in(document, `"subject":"a\nb",`):       wire.CodeField,
		in(document, `"subject":"`+strings.Repeat("码", 129)+`",`): wire.CodeField,
		in(`"01"`, `"08"`):     wire.CodeDocument,
		in(`219983`, `219984`): wire.CodeDocument,
		in(`"number":"000000194507219983"`, `"number":"000000********9983"`): wire.CodeDocument,
		in(`"type"`, `"name":"x","type"`):                                    wire.CodeUnknown,
		in(`"kind"`, `"why":1,"kind"`):                                       wire.CodeUnknown,
		in(`"kind"`, `"kind":"access","kind"`):                               wire.CodeDuplicate,
		in(`"access"`, `"erasure"`):                                          wire.CodeField,
		in(`"access"`, `null`):                                               wire.CodeField,
		in(`logged in`, ` logged in`):                                        wire.CodeField,
		in(`logged in with a bank card`, strings.Repeat("证", 65)):            wire.CodeField,
		in(`"R-2022-17"`, `17`):                                              wire.CodeField,
		in(`R-2022-17`, `a\tb`):                                              wire.CodeField,
		in(`,"reference":"R-2022-17"`, ``):                                   wire.CodeField,
		in(`"system":"suishen",`, ``):                                        wire.CodeField,
	} {
		k.asked(pathAsk, text, want, nil)
	}
	id := "01FX2D0000ABCDEFGHJKMNPQRS"
	for text, want := range map[string]*wire.Code{
		`{}`: wire.CodeField, `{"id":"x"}`: wire.CodeField, `{"id":1}`: wire.CodeField, `{"id":"` + id + `","x":1}`: wire.CodeUnknown,
	} {
		k.asked(pathAskedState, text, want, nil)
	}
	for text, want := range map[string]*wire.Code{
		`{"after":"x"}`: wire.CodeField, `{"after":""}`: wire.CodeField, `{"all":1}`: wire.CodeField, `{"x":1}`: wire.CodeUnknown, ``: wire.CodeSyntax,
		`{"after":"` + id + `"}`: wire.CodeOK,
	} {
		k.asked(pathAsked, text, want, nil)
	}
	for text, want := range map[string]*wire.Code{
		`{}`: wire.CodeField, `{"id":"` + id + `"}`: wire.CodeField,
		`{"id":"` + id + `","answer":"eyJpZCI6IngifQ=="}`:        wire.CodeField, // JSON in the clear
		`{"id":"` + id + `","answer":"*"}`:                       wire.CodeField,
		strings.Replace(k.answer(id), id, "x", 1):                wire.CodeField,
		strings.Replace(k.answer(id), `{"id"`, `{"x":1,"id"`, 1): wire.CodeUnknown,
	} {
		k.asked(pathAnswerAsked, text, want, nil)
	}
	if list := k.list(`{"all":true}`); len(list.Requests) != 0 {
		t.Errorf("kept: %+v", list)
	}
}

func TestRequestsAreListedPageByPage(t *testing.T) {
	k := startKeeping(t)
	id := k.ask(goodAsk).ID
	const all = wire.MaxRequests + 1
	for i := range all - 1 { // many more, of a platform that is no caller any more
		_, err := k.store.Write.Exec("INSERT INTO subject_requests (id, at, party, system, sealed) SELECT $1, at, 'gone', system, NULL FROM subject_requests WHERE id = $2",
			newRequestID(k.now().Add(time.Duration(i+1)*time.Second)), id)
		if err != nil {
			t.Fatal(err)
		}
	}
	first := k.list(`{}`)
	if len(first.Requests) != wire.MaxRequests || first.Next != first.Requests[wire.MaxRequests-1].ID || first.Requests[0].ID != id {
		t.Fatalf("%d, next %s", len(first.Requests), first.Next)
	}
	second := k.list(`{"after":"` + first.Next + `"}`)
	if len(second.Requests) != 1 || second.Next != "" || second.Requests[0].ID <= first.Next {
		t.Errorf("%+v", second)
	}
	if gone := second.Requests[0]; gone.Key != nil || gone.Sealed != nil {
		t.Errorf("%+v", gone)
	}
}

func FuzzAsk(f *testing.F) {
	f.Add([]byte(goodAsk))
	f.Add([]byte(`{"system":"suishen","subject":"s","kind":"access","basis":"b","reference":"r"}`))
	f.Add([]byte(`{"system":"suishen","document":{"type":"03","number":"e1234567"},"kind":"access","basis":"b","reference":"r"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var a wire.SubjectAsk
		if decode(body, &a) != nil || checkAsk(&a, testTime) != nil {
			return
		}
		again := a
		if err := checkAsk(&again, testTime); err != nil || asJSON(t, again) != asJSON(t, a) {
			t.Errorf("taken once, and then not so: %v", err)
		}
		if (a.Document == nil) == (a.Subject == "") || a.Kind != wire.KindAccess {
			t.Errorf("%+v", a)
		}
	})
}
