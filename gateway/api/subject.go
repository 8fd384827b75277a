package api

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"

	"tongma/gateway"
	"tongma/gateway/evidence"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// keepAsk answers POST /v1/subject-requests (权利请求): what a traveller asks for is kept, sealed to the privacy officer.
func (s *Server) keepAsk(x *call) (any, error) {
	var a wire.SubjectAsk
	if err := decode(x.body, &a); err != nil {
		return nil, err
	}
	if err := checkAsk(&a, x.began); err != nil {
		return nil, err
	}
	if err := s.checkOwner(x.party, a.System); err != nil {
		return nil, err
	}
	text, err := json.Marshal(&a)
	if err != nil {
		return nil, err
	}
	about := gateway.Person{System: a.System, Subject: a.Subject}
	if a.Document != nil {
		about.Document = standard.Document{Type: a.Document.Type, Number: a.Document.Number}
	}
	e := &proof.Entry{
		Kind: proof.SubjectRequest, ID: x.id, At: standard.Millis(x.began), Party: x.party.ID, Roles: x.party.Roles, System: a.System,
	}
	// A platform that hangs up meanwhile has asked all the same.
	err = s.lookups.do(context.WithoutCancel(x.r.Context()), func(ctx context.Context) error {
		return s.cfg.Evidence.Request(ctx, e, about, text)
	})
	if err != nil {
		return nil, err
	}
	return &wire.SubjectReceipt{ID: e.ID, At: e.At, Evidence: standard.Evidence{Log: s.cfg.Evidence.Name(), Entry: e.ID}}, nil
}

// checkAsk says whether a request can be meant, and puts its document into the form in which it is compared.
func checkAsk(a *wire.SubjectAsk, now time.Time) error {
	switch {
	case a.System == "":
		return &standard.Error{Kind: standard.KindField, Field: "system", What: "name the system whose platform vouches"}
	case (a.Document == nil) == (a.Subject == ""):
		return &standard.Error{Kind: standard.KindSubject, Field: "subject", What: "give exactly one of document and subject"}
	case a.Kind != wire.KindAccess:
		return &standard.Error{Kind: standard.KindField, Field: "kind", What: "must be access"}
	case !wire.ValidLine(a.Basis, wire.MaxBasis):
		return &standard.Error{Kind: standard.KindField, Field: "basis", What: "say how you know that it is they, in 1 to 64 characters that can be shown, on one line, with no outer space"}
	case !wire.ValidLine(a.Reference, wire.MaxBasis):
		return &standard.Error{Kind: standard.KindField, Field: "reference", What: "give your own reference: 1 to 64 characters that can be shown, on one line, with no outer space"}
	case a.Document == nil:
		if !wire.ValidLine(a.Subject, standard.MaxSubject) {
			return &standard.Error{Kind: standard.KindField, Field: "subject", What: "must have 1 to 128 characters that can be shown, on one line, with no outer space"}
		}
		return nil
	}
	number, err := standard.Document{Type: a.Document.Type, Number: a.Document.Number}.CheckNumber(now)
	a.Document = &standard.ChangedDocument{Type: a.Document.Type, Number: number}
	return err
}

// tellAskedState answers POST /v1/subject-requests/query. To any other platform there is no such request.
func (s *Server) tellAskedState(x *call) (any, error) {
	var q wire.SubjectQuery
	if err := decode(x.body, &q); err != nil {
		return nil, err
	}
	if err := checkAskedID("id", q.ID); err != nil {
		return nil, err
	}
	var r *evidence.SubjectRequest
	err := s.lookups.do(x.r.Context(), func(ctx context.Context) (err error) {
		r, err = s.cfg.Evidence.RequestOf(ctx, q.ID)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case r.Party != x.party.ID:
		return nil, wire.Refuse(wire.CodeNoEntry, "")
	}
	state := stateOfAsked(r)
	state.Answer = r.Answer
	return state, nil
}

// checkAskedID says whether a member can be the id of a request.
func checkAskedID(member, id string) error {
	if _, err := ulid.ParseStrict(id); err != nil {
		return &standard.Error{Kind: standard.KindField, Field: member, What: "must be the id of a request"}
	}
	return nil
}

func stateOfAsked(r *evidence.SubjectRequest) *wire.SubjectState {
	return &wire.SubjectState{ID: r.ID, At: standard.Millis(r.At), System: r.System, Answered: standard.Millis(r.Answered)}
}

// tellAsked answers POST /v1/admin/subject-requests.
func (s *Server) tellAsked(x *call) (any, error) {
	var l wire.SubjectList
	if err := decode(x.body, &l); err != nil {
		return nil, err
	}
	if l.After != "" {
		if err := checkAskedID("after", l.After); err != nil {
			return nil, err
		}
	}
	var list []evidence.SubjectRequest
	err := s.lookups.do(x.r.Context(), func(ctx context.Context) (err error) {
		list, err = s.cfg.Evidence.Requests(ctx, l.After, wire.MaxRequests+1, l.All)
		return err
	})
	if err != nil {
		return nil, err
	}
	page := &wire.SubjectRequests{Requests: []wire.SubjectRequest{}}
	if len(list) > wire.MaxRequests {
		list = list[:wire.MaxRequests]
		page.Next = list[len(list)-1].ID
	}
	for i := range list {
		page.Requests = append(page.Requests, s.forOfficer(&list[i]))
	}
	return page, nil
}

// forOfficer gives a request as the officer gets it, with the key that the answer is for.
func (s *Server) forOfficer(r *evidence.SubjectRequest) wire.SubjectRequest {
	given := wire.SubjectRequest{
		ID: r.ID, At: standard.Millis(r.At), Party: r.Party, System: r.System, Sealed: r.Sealed, Answered: standard.Millis(r.Answered), Officer: r.Officer,
	}
	if p, ok := s.cfg.Parties.Named(r.Party); ok {
		given.Key = p.Key.Marshal()
	}
	return given
}

// answerAsked answers POST /v1/admin/subject-requests/answer. What is not sealed is not taken: it would tell of a traveller in the clear.
func (s *Server) answerAsked(x *call) (any, error) {
	var a wire.SubjectAnswer
	if err := decode(x.body, &a); err != nil {
		return nil, err
	}
	if !sm.IsCiphertext(a.Answer) {
		return nil, &standard.Error{Kind: standard.KindField, Field: "answer", What: "must be encrypted with SM2 (ASN.1, C1 C3 C2) to the platform's key"}
	}
	if err := checkAskedID("id", a.ID); err != nil {
		return nil, err
	}
	var r *evidence.SubjectRequest
	// An officer who hangs up meanwhile has answered all the same.
	err := s.lookups.do(context.WithoutCancel(x.r.Context()), func(ctx context.Context) (err error) {
		answered := s.cfg.Evidence.Answer(ctx, a.ID, x.party.ID, a.Answer)
		if answered != nil && !errors.Is(answered, evidence.ErrNotFound) {
			return answered
		}
		if r, err = s.cfg.Evidence.RequestOf(ctx, a.ID); err == nil && answered != nil {
			return wire.Refuse(wire.CodeAnswered, "")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return stateOfAsked(r), nil
}
