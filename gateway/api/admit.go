package api

import (
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"tongma/gateway/events"
	"tongma/gateway/registry"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// admit makes the checks that every signed request must pass, in the order that the interface prescribes: after the size syntax,
// source address, known caller, time, signature, nonce, the caller's rate.
func (x *call) admit() error {
	if err := x.checkSyntax(); err != nil {
		return err
	}
	source := x.source()
	if !x.s.sources.Heard(source) {
		return wire.Refuse(wire.CodeSourceRate, "")
	}
	if err := x.authenticate(); err != nil {
		x.s.sources.Failed(source)
		return err
	}
	x.proved = true
	if err := x.checkNonce(); err != nil {
		return err
	}
	if !x.s.rates.Allow(x.party) {
		return wire.Refuse(wire.CodeCallerRate, "")
	}
	return nil
}

// authenticate finds out who sends the request, and whether it really does.
func (x *call) authenticate() error {
	if err := x.identify(); err != nil {
		return err
	}
	if err := x.checkTime(); err != nil {
		return err
	}
	return x.checkSignature()
}

// checkSyntax looks at the headers. The target was looked at before the request found its route.
func (x *call) checkSyntax() error {
	h := x.r.Header
	if len(h["Content-Encoding"]) > 0 {
		return wire.Refuse(wire.CodeCoding, "")
	}
	if x.r.Method != http.MethodGet && !isJSON(h["Content-Type"]) {
		return wire.Refuse(wire.CodeMedia, "")
	}
	head, err := wire.ParseHead(h)
	if err != nil {
		return err
	}
	x.head = head
	return nil
}

// isJSON says whether a Content-Type is JSON in UTF-8.
func isJSON(values []string) bool {
	if len(values) != 1 {
		return false
	}
	if values[0] == "application/json" {
		return true
	}
	media, params, err := mime.ParseMediaType(values[0])
	if err != nil || media != "application/json" {
		return false
	}
	for name, value := range params {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return false
		}
	}
	return true
}

// identify finds the caller, by its key or by its session. What nobody has and what somebody else has look alike.
func (x *call) identify() error {
	if x.head.SignType == wire.SM2 {
		party, ok := x.s.cfg.Parties.Find(x.head.Rid, x.head.Key)
		if !ok {
			return wire.Refuse(wire.CodeCaller, "")
		}
		x.party = party
		return nil
	}
	session, err := x.s.openSession(x.head.Key)
	if err != nil || session.Rid != x.head.Rid || !x.began.Before(session.Expires) {
		return wire.Refuse(wire.CodeSession, "")
	}
	party, ok := x.s.cfg.Parties.Find(session.Rid, session.KeyID)
	if !ok { // no longer a caller, or with another key since
		return wire.Refuse(wire.CodeSession, "")
	}
	x.party, x.session = party, session
	return nil
}

// checkTime refuses what is too far from our clock, and what could have been accepted before we started.
func (x *call) checkTime() error {
	floor := x.s.cfg.Nonces.Floor(x.head.Rid)
	if x.head.Time.Sub(x.began).Abs() <= wire.Skew && x.head.Time.After(floor) {
		return nil
	}
	return x.refuseTime(floor)
}

// refuseTime tells our time, and from when on requests are accepted where that is later.
func (x *call) refuseTime(floor time.Time) error {
	now := x.began
	clock := wire.Clock{ServerTime: now.UnixMilli()}
	if !floor.IsZero() {
		clock.NotBefore = floor.UnixMilli()
	}
	r := wire.Refuse(wire.CodeTime, "")
	r.Data = clock
	return r
}

func (x *call) checkSignature() error {
	x.text = wire.AppendRequestText(x.text[:0], x.s.cfg.ID, x.r.Method, x.r.RequestURI, &x.head, x.bodySum)
	if x.session == nil {
		x.requestSum = x.digest(x.text)
		if !x.party.Key.Verify(x.text, x.head.Sign) {
			return wire.Refuse(wire.CodeSignature, "")
		}
		return nil
	}
	var mac sm.Digest
	x.requestSum, mac = x.session.digestRequest(x.buffers)
	if !sm.HMACEqual(mac[:], x.head.Sign) {
		return wire.Refuse(wire.CodeSignature, "")
	}
	return nil
}

func (x *call) checkNonce() error {
	err := x.s.cfg.Nonces.Take(x.head.Rid, x.head.Nonce, x.head.Time)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, registry.ErrReplayed):
		x.s.sources.Failed(x.source()) // whoever replays need not be the caller
		return wire.Refuse(wire.CodeReplay, "")
	case errors.Is(err, registry.ErrAhead):
		return x.refuseTime(time.Time{})
	case errors.Is(err, registry.ErrUnsure): // as every request at the moment: told once, where it is found
		return wire.Refuse(wire.CodeNonces, "")
	}
	events.NoNonce.Tell(x.s.cfg.Log, slog.Any("err", err))
	return wire.Refuse(wire.CodeNonces, "")
}
