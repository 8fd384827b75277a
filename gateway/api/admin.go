package api

import (
	"context"
	"log/slog"
	"slices"

	"tongma/gateway"
	"tongma/gateway/events"
	"tongma/standard"
	"tongma/standard/wire"
)

// defaultOperations is how many of the last operations are given where nothing is said.
const defaultOperations = 50

// operateSystem answers POST /v1/admin/systems: what an operator wants of a system is recorded, then done. What cannot be recorded is not
// done.
func (s *Server) operateSystem(x *call) (any, error) {
	var o wire.Order
	if err := decode(x.body, &o); err != nil {
		return nil, err
	}
	if err := s.checkOrder(&o); err != nil {
		return nil, err
	}
	if err := s.carryOut(x, &o); err != nil {
		return nil, err
	}
	g, ok := s.systemOf(o.System)
	if !ok { // it has left the configuration meanwhile
		return nil, wire.Refuse(wire.CodeSystem, "")
	}
	return stateOf(&g, s.cfg.Operations.Held()), nil
}

// checkOrder says whether an order can be meant. A system is known by its own id alone: one that another's backend answers for has no guards.
func (s *Server) checkOrder(o *wire.Order) error {
	switch _, known := s.systemOf(o.System); {
	case o.System == "":
		return &standard.Error{Kind: standard.KindField, Field: "system", What: "name the system"}
	case !slices.Contains(wire.Actions, o.Action):
		return &standard.Error{Kind: standard.KindField, Field: "action", What: "must be one of open, drain, warm, auto, forget"}
	case !wire.ValidReason(o.Reason):
		return &standard.Error{Kind: standard.KindField, Field: "reason", What: "must say why in 1 to 200 characters that can be shown, on one line, with no outer space"}
	case !known:
		return wire.Refuse(wire.CodeSystem, "")
	}
	return nil
}

// carryOut records an order and does it. The log tells who and what; why stands in the record alone, because it is anybody's words.
func (s *Server) carryOut(x *call, o *wire.Order) error {
	attrs := []slog.Attr{
		slog.String("requestId", x.id), slog.String("party", x.party.ID), slog.String("system", o.System), slog.String("action", string(o.Action)),
	}
	s.orders.Lock()
	defer s.orders.Unlock()
	err := s.cfg.Operations.Record(wire.Operation{
		At: standard.Millis(x.began), By: x.party.ID, Action: o.Action, System: o.System, Reason: o.Reason, RequestID: x.id,
	})
	if err != nil {
		events.OperationNotRecorded.Tell(s.cfg.Log, append(attrs, slog.Any("err", err))...)
		return wire.Refuse(wire.CodeRecord, "")
	}
	// Who hangs up meanwhile has ordered it all the same: it is recorded. The feed bounds for how long the other nodes are told.
	if err := s.cfg.Gateway.Operate(context.WithoutCancel(x.r.Context()), o.System, o.Action); err != nil {
		return err
	}
	events.Operation.Tell(s.cfg.Log, attrs...)
	return nil
}

// tellState answers POST /v1/admin/state.
func (s *Server) tellState(x *call) (any, error) {
	if err := decode(x.body, &struct{}{}); err != nil {
		return nil, err
	}
	held := s.cfg.Operations.Held()
	state := &wire.State{At: standard.Millis(x.began), Systems: []wire.SystemState{}}
	for _, g := range s.cfg.Gateway.Systems() {
		state.Systems = append(state.Systems, *stateOf(&g, held))
	}
	return state, nil
}

// tellOperations answers POST /v1/admin/operations.
func (s *Server) tellOperations(x *call) (any, error) {
	asked := struct {
		Last int `json:"last"`
	}{defaultOperations}
	if err := decode(x.body, &asked); err != nil {
		return nil, err
	}
	if asked.Last < 1 || asked.Last > wire.MaxOperations {
		return nil, &standard.Error{Kind: standard.KindField, Field: "last", What: "must be 1 to 500"}
	}
	return &wire.Operations{Operations: s.cfg.Operations.Last(asked.Last)}, nil
}

// systemOf finds a system by its own id.
func (s *Server) systemOf(id string) (gateway.System, bool) {
	all := s.cfg.Gateway.Systems()
	at := slices.IndexFunc(all, func(g gateway.System) bool { return g.Info.System == id })
	if at < 0 {
		return gateway.System{}, false
	}
	return all[at], true
}

// stateOf gives a system as operators see it, with what holds it if something does.
func stateOf(g *gateway.System, held map[string]wire.Operation) *wire.SystemState {
	c := &g.Guard
	state := &wire.SystemState{
		System: g.Info.System, Name: g.Info.Name.Zh, Region: g.Info.Region, Missing: g.Missing,
		Mode:    c.Mode.String(),
		Breaker: c.Breaker.String(), OpenUntil: standard.Millis(c.OpenUntil), Probe: c.Probe,
		RestUntil: standard.Millis(c.RestUntil), RestReason: c.RestReason,
		Limit: c.Limit, UnderWay: c.UnderWay, Queued: c.Queued, Retries: c.Retries,
	}
	if op, ok := held[state.System]; ok {
		state.Held = &op
	}
	return state
}
