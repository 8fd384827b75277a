package main

import (
	"encoding/json"
	"strings"
	"testing"

	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

func TestARequestIsOpenedOnlyIfItIsOne(t *testing.T) {
	officer, err := sm.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	document := &standard.ChangedDocument{Type: "01", Number: "000000194507219983"}
	whole := wire.SubjectAsk{System: "suishen", Document: document, Kind: wire.KindAccess, Basis: "b", Reference: "r"}
	for name, c := range map[string]struct {
		change func(*wire.SubjectAsk)
		opens  bool
	}{
		"whole":                  {func(*wire.SubjectAsk) {}, true},
		"by a reference":         {func(a *wire.SubjectAsk) { a.Document, a.Subject = nil, "s-1" }, true},
		"about another's system": {func(a *wire.SubjectAsk) { a.System = "suikang" }, false},
		"about two":              {func(a *wire.SubjectAsk) { a.Subject = "s-1" }, false},
		"about nobody":           {func(a *wire.SubjectAsk) { a.Document = nil }, false},
	} {
		ask := whole
		c.change(&ask)
		text, err := json.Marshal(ask)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := officer.Public().Encrypt(text)
		if err != nil {
			t.Fatal(err)
		}
		r := &wire.SubjectRequest{ID: "x", System: "suishen", Sealed: sealed}
		if _, err := openAsk(r, officer); (err == nil) != c.opens {
			t.Errorf("%s: %v", name, err)
		}
		if l := listRequest(r, officer); strings.Contains(l.Who, document.Number) || (l.Closed == "") != c.opens {
			t.Errorf("%s: listed as %+v", name, l)
		}
	}
	if _, err := openAsk(&wire.SubjectRequest{System: "suishen"}, officer); err == nil {
		t.Error("one that is not kept any more is opened")
	}
}
