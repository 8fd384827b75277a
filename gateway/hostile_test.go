package gateway

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tongma/adapters"
	"tongma/standard"
)

// hostile draws an adapter's answer of any make, and whether it is one that may be green: the system's own word, in its
// name, of its own colour, within its validity.
func hostile(t *rapid.T, system string, now time.Time) (says, bool) {
	if rapid.IntRange(0, 9).Draw(t, "panics") == 0 {
		return func(context.Context, *adapters.Query) (adapters.Result, error) { panic(errors.New("bug")) }, false
	}
	statuses := rapid.SampledFrom([]standard.Status{standard.Green, standard.Green, standard.Yellow, standard.Red, standard.None, "0", "1", "000", "green"})
	r := adapters.Result{
		Outcome: rapid.SampledFrom([]standard.Outcome{standard.Verified, standard.Verified, standard.Verified, standard.Expired, standard.NotFound,
			standard.Unrecognised, standard.Refused, standard.Unavailable, "", "green"}).Draw(t, "outcome"),
		Reason: rapid.SampledFrom([]standard.ReasonCode{"", standard.ReasonNoHolder, standard.ReasonScanExpired, standard.ReasonFault, "made_up"}).Draw(t, "reason"),
	}
	if rapid.IntRange(0, 5).Draw(t, "record") > 0 {
		r.Record = record(rapid.SampledFrom([]string{system, system, system, "yue", ""}).Draw(t, "system"), statuses.Draw(t, "status"))
		for range rapid.IntRange(0, 2).Draw(t, "others") {
			r.Record.Others = append(r.Record.Others, standard.Other{System: "yue", Status: statuses.Draw(t, "other")})
		}
	}
	offset := func(label string) time.Time {
		d := rapid.SampledFrom([]time.Duration{-time.Hour, -time.Millisecond, 0, time.Millisecond, time.Hour}).Draw(t, label)
		return now.Add(d)
	}
	if rapid.Bool().Draw(t, "observed") {
		r.ObservedAt = offset("observedAt")
	}
	if rapid.Bool().Draw(t, "valid") {
		r.ValidUntil = offset("validUntil")
	}
	err := rapid.SampledFrom([]error{nil, nil, nil, nil, errors.New("odd"), &adapters.Fault{Reason: standard.ReasonFault},
		&adapters.Fault{Reason: standard.ReasonNoHolder}, &adapters.Fault{}, (*adapters.Fault)(nil), context.Canceled}).Draw(t, "error")
	mayBeGreen := err == nil && r.Outcome == standard.Verified && r.Record != nil && r.Record.System.ID == system &&
		r.Record.Status == standard.Green && (r.ValidUntil.IsZero() || r.ValidUntil.After(now))
	return func(context.Context, *adapters.Query) (adapters.Result, error) { return r, err }, mayBeGreen
}

// TestNeverAFalseGreen is rule 1: whatever an adapter does, a green is one that the system said for this scan, and an answer is whole.
func TestNeverAFalseGreen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2022, 3, 1, 10, 0, 0, 0, standard.Zone)
		answer, mayBeGreen := hostile(t, "sui", now)
		g, err := New(Config{Backends: []Backend{{Dialect: system1("sui", answer)}}, Now: func() time.Time { return now }, Uptime: func() time.Duration { return 0 }})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close(context.Background())
		for range 2 { // live, then perhaps from memory
			v, err := g.Verify(context.Background(), callFor(scanOf("sui", 1)))
			if err != nil {
				t.Fatal(err)
			}
			checkWhole(t, v)
			isGreen := v.Status == standard.Green || v.Colour == standard.ColourGreen || v.Decision.Action == standard.Pass
			if isGreen && !mayBeGreen {
				t.Fatalf("a false green: %+v", v)
			}
			if mayBeGreen && v.Status != standard.Green {
				t.Fatalf("a true green is lost: %+v", v)
			}
			if v.Freshness != nil && (v.Freshness.ObservedAt.After(now) || v.Freshness.AgeMs != 0) {
				t.Fatalf("observed in the future or before it was asked: %+v", v.Freshness)
			}
		}
	})
}

// checkWhole checks that the members of an answer agree with each other.
func checkWhole(t *rapid.T, v *standard.Verification) {
	verified := v.Outcome == standard.Verified
	switch {
	case v.Decision.Rule == "" || v.Decision.Action == "":
		t.Fatalf("no decision: %+v", v)
	case verified != (v.Reason == nil):
		t.Fatalf("outcome %s with reason %+v", v.Outcome, v.Reason)
	case v.Reason != nil && (v.Reason.Code.Outcome() != v.Outcome || v.Reason.Zh == ""):
		t.Fatalf("outcome %s for reason %+v", v.Outcome, v.Reason)
	case verified && v.Freshness == nil, !verified && v.Freshness != nil && v.Freshness.From != standard.Cache:
		t.Fatalf("outcome %s with freshness %+v", v.Outcome, v.Freshness)
	case !verified && (v.Status != "" || v.Colour != "" || v.Holder != nil || v.Health != nil || v.Others != nil):
		t.Fatalf("outcome %s speaks of a person: %+v", v.Outcome, v)
	case v.Status != standard.None && v.Status.Colour() == standard.ColourNone:
		t.Fatalf("status %q is none of the three", v.Status)
	case verified && v.Colour != v.Status.Colour():
		t.Fatalf("status %q is %s", v.Status, v.Colour)
	case v.System == nil || v.System.ID != "sui" || v.System.Provenance == "":
		t.Fatalf("system %+v", v.System)
	}
	for _, o := range v.Others {
		if o.Status != "" && o.Status.Colour() == standard.ColourNone {
			t.Fatalf("another code's status is %q", o.Status)
		}
	}
}

func TestAGreenThatEndsWhileItsCallerWaitsIsExpired(t *testing.T) {
	now := time.Date(2022, 3, 1, 10, 0, 0, 0, standard.Zone)
	g := open(t, Config{Now: func() time.Time { return now }, Uptime: func() time.Duration { return 0 }}, system1("sui", green("sui")))
	call := callFor(scanOf("sui", 1))
	s, err := recognise(g.live.Load(), call.Request, new(adapters.Ticket))
	if err != nil {
		t.Fatal(err)
	}
	found := finding{system: s, outcome: standard.Verified, record: record("sui", standard.Green), from: standard.Live, observedAt: now}
	for _, c := range []struct {
		left    time.Duration
		outcome standard.Outcome
	}{{time.Millisecond, standard.Verified}, {0, standard.Expired}, {-time.Hour, standard.Expired}} {
		found.validUntil = now.Add(c.left)
		v, err := g.answer(t.Context(), &call, found)
		if err != nil {
			t.Fatal(err)
		}
		if v.Outcome != c.outcome || (v.Decision.Action == standard.Pass) != (c.outcome == standard.Verified) {
			t.Errorf("with %s left: %+v", c.left, v)
		}
	}
}
