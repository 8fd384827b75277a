package api

import (
	"errors"
	"log/slog"

	"tongma/gateway"
	"tongma/gateway/events"
	"tongma/gateway/evidence"
	"tongma/gateway/freshness"
	"tongma/standard"
	"tongma/standard/wire"
)

// kindCodes maps what can be wrong with a request to return codes.
var kindCodes = map[standard.Kind]*wire.Code{
	standard.KindSubject:   wire.CodeSubject,
	standard.KindRegion:    wire.CodeRegion,
	standard.KindDocument:  wire.CodeDocument,
	standard.KindSystem:    wire.CodeSystem,
	standard.KindField:     wire.CodeField,
	standard.KindReference: wire.CodeReference,
}

// refusal turns any error of a call into what the caller is told. What is not known here is our own trouble: it is logged under
// the call's id, and the caller learns the id alone.
func (s *Server) refusal(id string, err error) *wire.Refusal {
	if r, ok := errors.AsType[*wire.Refusal](err); ok {
		return r
	}
	if e, ok := errors.AsType[*standard.Error](err); ok {
		if code, ok := kindCodes[e.Kind]; ok {
			return wire.Refuse(code, e.Error())
		}
	}
	if _, ok := errors.AsType[*gateway.Overload](err); ok {
		return wire.Refuse(wire.CodeOverloaded, "")
	}
	switch {
	case errors.Is(err, gateway.ErrClosed):
		return wire.Refuse(wire.CodeDraining, "")
	case errors.Is(err, freshness.ErrFeed):
		return wire.Refuse(wire.CodeFeed, "")
	case errors.Is(err, gateway.ErrEvidence), errors.Is(err, evidence.ErrUnavailable): // logged where it is known what is wrong
		return wire.Refuse(wire.CodeEvidence, "")
	case errors.Is(err, evidence.ErrNotFound):
		return wire.Refuse(wire.CodeNoEntry, "")
	case errors.Is(err, evidence.ErrTooMuch):
		return wire.Refuse(wire.CodeField, "people: more is found than a search may give: search for fewer days")
	case errors.Is(err, errUnread):
		events.EvidenceUnread.Tell(s.cfg.Log, slog.String("requestId", id), slog.Any("err", err))
		return wire.Refuse(wire.CodeEvidence, "")
	}
	if !errors.Is(err, errPanic) { // logged already, with its place
		events.CallFailed.Tell(s.cfg.Log, slog.String("requestId", id), slog.Any("err", err))
	}
	return wire.Refuse(wire.CodeInternal, "")
}
