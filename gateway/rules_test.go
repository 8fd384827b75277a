package gateway

import (
	"context"
	"testing"
	"time"

	"tongma/adapters"
	"tongma/gateway/policy"
	"tongma/standard"
)

// strictRules are rules of Hangzhou: a green passes at its school gates with a nucleic test of the last 48 hours only.
const strictRules = `
region: "330100"
version: 7
name: {zh: 试, en: Trial}
from: 2020-01-01
sources: {us: {says: made up, provenance: synthetic}}
statuses: {green: {zh: 绿, en: g}, yellow: {zh: 黄, en: y}, red: {zh: 红, en: r}, none: {zh: 无, en: n}, source: us}
order: first
otherwise: inherit
rules:
  - {id: converted, on: green, by: document, if: mode == 2, then: manual, reason: {zh: 换, en: converted}, source: us}
  - {id: tested, on: green, if: 'scene == "school" && nucleic.result == "negative" && nucleic.hours <= 48', then: pass, reason: {zh: 可, en: tested}, source: us}
  - {id: untested, on: green, if: scene == "school", then: manual, reason: {zh: 否, en: not tested}, source: us}
tests:
  - {name: c, given: {on: green, by: document, mode: 2}, decision: manual, rule: converted}
  - {name: a, given: {on: green, scene: school, nucleic: {result: negative, hours: 48}}, decision: pass, rule: tested}
  - {name: b, given: {on: green, scene: school, nucleic: {result: negative, hours: 49}}, decision: manual, rule: untested}
`

func TestThePlaceDecidesByTheWholeRecordAndShowsNothingOfIt(t *testing.T) {
	file, err := policy.Parse("strict.yaml", []byte(strictRules))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := policy.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	sampled := time.Now().Add(-47 * time.Hour)
	says := func(context.Context, *adapters.Query) (adapters.Result, error) {
		r := record("alpha", standard.Green)
		r.Health.Nucleic = &standard.Test{Result: standard.TestNegative, SampledAt: sampled}
		return adapters.Result{Outcome: standard.Verified, Record: r, ObservedAt: time.Now()}, nil
	}
	g := open(t, Config{Rules: rules}, system1("alpha", says))
	at := func(region, scene string) *standard.Verification {
		c := callFor(scanOf("alpha", 1))
		c.Caller.Roles = standard.RolesOf(standard.RoleGate)
		c.Request.Place.Region, c.Request.Scene = region, scene
		return verify(t, g, c)
	}
	for _, c := range []struct{ region, scene, rule string }{
		{"330106", "school", "330100/tested@7"},
		{"330100", "metro", "default/green@1"},
		{"330200", "school", "default/green@1"},
	} {
		v := at(c.region, c.scene)
		if v.Decision.Rule != c.rule || v.Decision.Action != standard.Pass || v.Health != nil {
			t.Errorf("%s, %s: %+v, health %v", c.region, c.scene, v.Decision, v.Health)
		}
	}
	sampled = sampled.Add(-2 * time.Hour)
	c := callFor(scanOf("alpha", 2))
	c.Request.Place.Region, c.Request.Scene = "330106", "school"
	if v := verify(t, g, c); v.Decision.Rule != "330100/untested@7" || v.Decision.Action != standard.Manual {
		t.Errorf("%+v", v.Decision)
	}
}

func TestThePlaceKnowsByWhichModeAndWithWhatWasAsked(t *testing.T) {
	file, err := policy.Parse("strict.yaml", []byte(strictRules))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := policy.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	shared, converted := system1("alpha", green("alpha")), system1("beta", green("beta"))
	shared.info.Mode, converted.info.Mode = 1, 2
	g := open(t, Config{Rules: rules}, shared, converted)
	for system, want := range map[string]string{"alpha": "default/green@1", "beta": "330100/converted@7"} {
		c := callFor("")
		c.Request.Place.Region, c.Request.System = "330106", system
		c.Request.Document = &standard.Document{Type: "01", Number: "11010119900307002X", Name: "张某某"}
		if v := verify(t, g, c); v.Decision.Rule != want {
			t.Errorf("%s: %+v, %s", system, v.Decision, v.Outcome)
		}
		c = callFor(scanOf(system, 1))
		c.Request.Place.Region = "330106"
		if v := verify(t, g, c); v.Decision.Rule != "default/green@1" {
			t.Errorf("%s by scan: %+v", system, v.Decision)
		}
	}
}
