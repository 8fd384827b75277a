package policy

import (
	"testing"

	"pgregory.net/rapid"

	"tongma/standard"
)

func TestEveryOutcomeAndStatusHasItsRule(t *testing.T) {
	red := []standard.Other{{System: "elsewhere", Status: standard.Red}}
	green := []standard.Other{{System: "elsewhere", Status: standard.Green}, {System: "third"}}
	for _, c := range []struct {
		outcome standard.Outcome
		status  standard.Status
		others  []standard.Other
		action  standard.Action
		rule    string
	}{
		{standard.Verified, standard.Green, nil, standard.Pass, "default/green@1"},
		{standard.Verified, standard.Green, green, standard.Pass, "default/green@1"},
		{standard.Verified, standard.Green, red, standard.Manual, "default/others@1"},
		{standard.Verified, standard.Yellow, nil, standard.Manual, "default/yellow@1"},
		{standard.Verified, standard.Red, nil, standard.Deny, "default/red@1"},
		{standard.Verified, standard.Red, red, standard.Deny, "default/red@1"},
		{standard.Verified, standard.None, nil, standard.Manual, "default/none@1"},
		{standard.Verified, "11", nil, standard.Manual, "default/none@1"},
		{standard.Expired, standard.Green, nil, standard.Manual, "default/expired@1"},
		{standard.NotFound, "", nil, standard.Manual, "default/not_found@1"},
		{standard.Unrecognised, "", nil, standard.Manual, "default/unrecognised@1"},
		{standard.Refused, "", nil, standard.Manual, "default/refused@1"},
		{standard.Unavailable, standard.Green, nil, standard.Manual, "default/unavailable@1"},
		{"nonsense", standard.Green, nil, standard.Manual, "default/unavailable@1"},
		{"", standard.Red, nil, standard.Manual, "default/unavailable@1"},
	} {
		d := Decide(&standard.Verification{Outcome: c.outcome, Status: c.status, Others: c.others, Freshness: &standard.Freshness{From: standard.Live}})
		if d.Action != c.action || d.Rule != c.rule {
			t.Errorf("%q %q %v: %s by %s, want %s by %s", c.outcome, c.status, c.others, d.Action, d.Rule, c.action, c.rule)
		}
		if d.Reason.Zh == "" || d.Reason.En == "" {
			t.Errorf("%s has no reason in both languages", d.Rule)
		}
	}
}

func TestAStaleGreenPassesNobody(t *testing.T) {
	for from, want := range map[standard.From]standard.Action{
		standard.Live: standard.Pass, standard.Cache: standard.Pass, standard.Stale: standard.Manual, "": standard.Manual, "fresh": standard.Manual,
	} {
		v := &standard.Verification{Outcome: standard.Verified, Status: standard.Green, Freshness: &standard.Freshness{From: from}}
		if d := Decide(v); d.Action != want || (want == standard.Manual) != (d.Rule == "default/stale@1") {
			t.Errorf("%q: %s by %s", from, d.Action, d.Rule)
		}
	}
	v := &standard.Verification{Outcome: standard.Verified, Status: standard.Green}
	if d := Decide(v); d.Action != standard.Manual {
		t.Errorf("a green of no age: %s by %s", d.Action, d.Rule)
	}
	v = &standard.Verification{Outcome: standard.Verified, Status: standard.Red, Freshness: &standard.Freshness{From: standard.Stale}}
	if d := Decide(v); d.Action != standard.Deny {
		t.Errorf("a stale red: %s by %s", d.Action, d.Rule)
	}
}

func TestPassOnlyForAVerifiedGreenWithNothingWorseElsewhere(t *testing.T) {
	outcomes := rapid.SampledFrom([]standard.Outcome{standard.Verified, standard.Verified, standard.Expired, standard.NotFound,
		standard.Unrecognised, standard.Refused, standard.Unavailable, "", "VERIFIED"})
	statuses := rapid.SampledFrom([]standard.Status{standard.Green, standard.Green, standard.Yellow, standard.Red, standard.None, "0", "000", "green"})
	rapid.Check(t, func(t *rapid.T) {
		v := &standard.Verification{Outcome: outcomes.Draw(t, "outcome"), Status: statuses.Draw(t, "status")}
		from := rapid.SampledFrom([]standard.From{standard.Live, standard.Cache, standard.Stale, ""}).Draw(t, "from")
		v.Freshness = &standard.Freshness{From: from}
		worse := false
		for range rapid.IntRange(0, 3).Draw(t, "others") {
			s := statuses.Draw(t, "other")
			worse = worse || s == standard.Yellow || s == standard.Red
			v.Others = append(v.Others, standard.Other{System: "elsewhere", Status: s})
		}
		may := v.Outcome == standard.Verified && v.Status == standard.Green && !worse && (from == standard.Live || from == standard.Cache)
		if d := Decide(v); (d.Action == standard.Pass) != may {
			t.Fatalf("%s by %s", d.Action, d.Rule)
		}
	})
}
