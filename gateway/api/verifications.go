package api

import (
	"context"
	"encoding/json"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"

	"tongma/gateway"
	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

const (
	maxItems   = 50 // of one batch
	batchWidth = 16 // items of one batch that are verified at the same time
)

// verifyOne answers POST /v1/verifications (验码).
func (s *Server) verifyOne(x *call) (any, error) {
	return x.verification(x.r.Context(), x.body, x.bodySum, false)
}

// verification decodes and answers one request. The sum tells requests with one reference apart.
func (x *call) verification(ctx context.Context, body []byte, sum sm.Digest, batch bool) (*standard.Verification, error) {
	var req standard.Request
	if err := decode(body, &req); err != nil {
		return nil, err
	}
	if err := x.ownDevice(&req); err != nil {
		return nil, err
	}
	purpose, ok := x.party.Purpose(req.Purpose)
	if !ok {
		return nil, wire.Refuse(wire.CodePurpose, "")
	}
	req.Purpose = purpose
	caller := gateway.Caller{ID: x.party.ID, Roles: x.party.Roles}
	return x.s.cfg.Gateway.Verify(ctx, gateway.Call{Caller: caller, Request: &req, BodySum: sum, Batch: batch})
}

// ownDevice makes a request that comes over a device's session one of that device.
func (x *call) ownDevice(req *standard.Request) error {
	if x.session == nil || x.session.Device == "" || req.Device == x.session.Device {
		return nil
	}
	if req.Device != "" {
		return &standard.Error{Kind: standard.KindField, Field: "device", What: "must be the session's own device, or absent"}
	}
	req.Device = x.session.Device
	return nil
}

// batch is the body of POST /v1/verifications/batch. Its items stay undecoded, so that a wrong one spoils only itself.
type batch struct {
	Items []jsontext.Value `json:"items"`
}

// outcomes is its answer: in the order of the items each one's verification or refusal.
type outcomes struct {
	Items []any `json:"items"`
}

// itemRefusal stands for an item that was refused.
type itemRefusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// verifyBatch answers POST /v1/verifications/batch. A batch counts as many calls as it has items; those beyond the caller's
// rate are refused one by one.
func (s *Server) verifyBatch(x *call) (any, error) {
	if s.running.Load() > maxRunning/2 { // whoever stands at a checkpoint comes first
		return nil, wire.Refuse(wire.CodeOverloaded, "")
	}
	var b batch
	if err := decodeMembers(x.body, &b); err != nil {
		return nil, err
	}
	if len(b.Items) == 0 || len(b.Items) > maxItems {
		return nil, &standard.Error{Kind: standard.KindField, Field: "items", What: "give 1 to 50 items"}
	}
	answer := outcomes{Items: make([]any, len(b.Items))}
	var group errgroup.Group
	group.SetLimit(batchWidth)
	for i, body := range b.Items {
		if i > 0 && !s.rates.Allow(x.party) {
			answer.Items[i] = x.refusedItem(wire.Refuse(wire.CodeCallerRate, ""))
			continue
		}
		group.Go(func() error {
			answer.Items[i] = x.item(body)
			return nil
		})
	}
	return &answer, group.Wait()
}

// item answers one item of a batch.
func (x *call) item(body []byte) any {
	v, err := x.tryItem(body)
	if err != nil {
		return x.refusedItem(err)
	}
	text, err := v.AppendJSON(nil)
	if err != nil {
		return x.refusedItem(err)
	}
	return json.RawMessage(text) // as it stands in the evidence
}

// tryItem runs beside the call, so it has to catch its own panics.
func (x *call) tryItem(body []byte) (v *standard.Verification, err error) {
	defer x.s.recovered(x.id, &err)
	return x.verification(x.r.Context(), body, sm.Sum(body), true)
}

func (x *call) refusedItem(err error) itemRefusal {
	r := x.s.refusal(x.id, err)
	return itemRefusal{Code: r.Code.Code, Message: r.Message()}
}
