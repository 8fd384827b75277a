package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"tongma/standard/proof"
	"tongma/standard/wire"
)

// Prove gives the proof that an entry is in the evidence, by the id of the verification, search or request; any node of the gateway has it. It is for
// whoever has made that call, and for operators, testers and the privacy officer: to all others there is no such entry (CodeNoEntry). Whether it proves
// anything says [proof.Proof.Verify].
func (c *Client) Prove(ctx context.Context, id string) (*proof.Proof, error) {
	target := "/v1/verifications/" + url.PathEscape(id) + "/proof"
	answer, err := c.inSession(ctx, message{http.MethodGet, target, nil, true})
	if err != nil {
		return nil, err
	}
	p, err := proof.ParseProof(answer)
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	return p, nil
}

// DayKeys gives the keys of a range of days, at most [wire.MaxDays], each sealed to the privacy officer; it needs the role privacy.
func (c *Client) DayKeys(ctx context.Context, days wire.Days) ([]wire.DayKey, error) {
	var answer wire.DayKeys
	if err := c.callSM2(ctx, "/v1/admin/evidence/keys", days, &answer, true); err != nil {
		return nil, err
	}
	return answer.Keys, nil
}

// Search gives one page of a person's entries; it needs the role privacy. Each page leaves an entry in the evidence: who has searched, for which case and
// which purpose. For the next page search for the same, with After.
func (c *Client) Search(ctx context.Context, s wire.Search) (*wire.Findings, error) {
	findings := new(wire.Findings)
	if err := c.callSM2(ctx, "/v1/admin/evidence/search", s, findings, false); err != nil {
		return nil, err
	}
	return findings, nil
}

// Ask hands on what a traveller asks for, who the platform vouches is they; it needs the role platform, and the system must be its own. After
// [ErrUnreachable] nobody knows whether it is kept; a second one is answered for itself.
func (c *Client) Ask(ctx context.Context, a wire.SubjectAsk) (*wire.SubjectReceipt, error) {
	r := new(wire.SubjectReceipt)
	if err := c.callSM2(ctx, "/v1/subject-requests", a, r, false); err != nil {
		return nil, err
	}
	return r, nil
}

// AskedState says what has become of a request that this platform has made. The answer, once there is one, is sealed to the platform's key.
func (c *Client) AskedState(ctx context.Context, id string) (*wire.SubjectState, error) {
	state := new(wire.SubjectState)
	if err := c.callSM2(ctx, "/v1/subject-requests/query", wire.SubjectQuery{ID: id}, state, true); err != nil {
		return nil, err
	}
	return state, nil
}

// Asked gives one page of what travellers have asked for; it needs the role privacy.
func (c *Client) Asked(ctx context.Context, l wire.SubjectList) (*wire.SubjectRequests, error) {
	page := new(wire.SubjectRequests)
	if err := c.callSM2(ctx, "/v1/admin/subject-requests", l, page, true); err != nil {
		return nil, err
	}
	return page, nil
}

// AnswerAsked answers a request, for good; it needs the role privacy. A refusal for CodeAnswered says that somebody has answered it: after [ErrUnreachable]
// that may have been this very call.
func (c *Client) AnswerAsked(ctx context.Context, a wire.SubjectAnswer) (*wire.SubjectState, error) {
	state := new(wire.SubjectState)
	if err := c.callSM2(ctx, "/v1/admin/subject-requests/answer", a, state, false); err != nil {
		return nil, err
	}
	return state, nil
}
