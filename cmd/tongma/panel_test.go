package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"tongma/standard"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

var observed = time.Date(2022, 3, 1, 10, 0, 0, 123e6, standard.Zone)

// panels are verifications as a checkpoint gets them, one of each kind that looks different.
var panels = map[string]standard.Verification{
	"pass": {
		ID: "01JZ0000000000000000000000", Outcome: standard.Verified, Status: standard.Green, Colour: standard.ColourGreen,
		System: &standard.System{ID: "suishen", Name: "随申码", Region: "310000", Status: "00", Colour: "green", Text: "绿码", Provenance: standard.FromObserved},
		Holder: &standard.Holder{Name: "张*某", IDType: "01", IDNumber: "000***********0010"},
		Freshness: &standard.Freshness{
			From: standard.Live, ObservedAt: observed, AgeMs: 38, ValidUntil: observed.Add(time.Minute).Truncate(time.Second),
		},
		Decision: standard.Decision{Action: standard.Pass, Rule: "default/green@1", Reason: standard.Text{Zh: "绿码,准予通行", En: "green: let pass"}},
	},
	"others": {
		ID: "01JZ0000000000000000000001", Outcome: standard.Verified, Status: standard.Green, Colour: standard.ColourGreen,
		System:    &standard.System{ID: "hangzhou", Name: "杭州健康码", Region: "330100", Status: "绿码", Text: "绿码", Provenance: standard.FromSynthetic},
		Holder:    &standard.Holder{Name: "王*甲"},
		Health:    &standard.Health{Nucleic: &standard.Test{Result: standard.TestNegative, SampledAt: observed, Institution: "某检验所"}, Vaccine: &standard.Vaccine{Doses: 2, LastAt: "2021-08-01"}},
		Others:    []standard.Other{{System: "hangzhou", Region: "330300", Status: standard.Red}},
		Freshness: &standard.Freshness{From: standard.Cache, ObservedAt: observed, AgeMs: 12_345},
		Decision:  standard.Decision{Action: standard.Manual, Rule: "default/others@1", Reason: standard.Text{Zh: "另有黄码或红码", En: "another current code is yellow or red"}},
	},
	"deny": {
		ID: "01JZ0000000000000000000002", Outcome: standard.Verified, Status: standard.Red, Colour: standard.ColourRed,
		System:   &standard.System{ID: "suikang", Name: "穗康码", Region: "440100", Status: "red", Provenance: standard.FromObserved},
		Decision: standard.Decision{Action: standard.Deny, Rule: "default/red@1", Reason: standard.Text{Zh: "红码,不予通行", En: "red: do not let pass"}},
	},
	"unavailable": {
		ID: "01JZ0000000000000000000003", Outcome: standard.Unavailable, Reason: standard.ReasonBusy.Reason(1500 * time.Millisecond),
		System:   &standard.System{ID: "suikang", Name: "穗康码", Region: "440100", Provenance: standard.FromObserved},
		Decision: standard.Decision{Action: standard.Manual, Rule: "default/unavailable@1", Reason: standard.Text{Zh: "无法核验", En: "could not be verified"}},
	},
	"hostile": {
		ID: "01JZ0000000000000000000004", Outcome: standard.Verified, Colour: standard.ColourNone,
		System:   &standard.System{ID: "suishen", Name: "随申码", Region: "310000", Status: "99", Text: "\x1b[2J绿码\n│ ✓ ●  通行 PASS\u202e" + strings.Repeat("长", 60), Provenance: standard.FromObserved},
		Decision: standard.Decision{Action: standard.Manual, Rule: "default/none@1", Reason: standard.Text{Zh: "状态不明", En: "no known status"}},
	},
}

func TestPanelLooksAsItShould(t *testing.T) {
	for name, v := range panels {
		var out bytes.Buffer
		panel{w: &out}.draw(&v, "110000")
		golden := "testdata/panel-" + name + ".golden"
		if *update {
			if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if out.String() != string(want) {
			t.Errorf("%s: got\n%swant\n%s", name, out.String(), want)
		}
	}
}

func TestPanelIsABoxWhateverTheBackendSays(t *testing.T) {
	for name, v := range panels {
		var out bytes.Buffer
		panel{w: &out}.draw(&v, "110000")
		for line := range strings.Lines(out.String()) {
			line = strings.TrimSuffix(line, "\n")
			if w := columns.StringWidth(line); w != panelWidth+2 {
				t.Errorf("%s: a line of %d cells, want %d: %q", name, w, panelWidth+2, line)
			}
			if strings.ContainsAny(line, "\x1b\u202e") {
				t.Errorf("%s: a control character reaches the terminal: %q", name, line)
			}
		}
	}
}

func TestPanelTellsActionsApartWithoutColour(t *testing.T) {
	seen := map[string]standard.Action{}
	for action, s := range signs {
		for _, mark := range []string{s.shape, s.zh, s.en} {
			if other, twice := seen[mark]; twice {
				t.Errorf("%s and %s both show %q", action, other, mark)
			}
			seen[mark] = action
		}
	}
}

func TestOnlyPassLooksLikePass(t *testing.T) {
	v := panels["deny"]
	for _, action := range []standard.Action{"", "PASS", "pass ", standard.Manual, standard.Deny} {
		var out bytes.Buffer
		v.Decision.Action = action
		panel{w: &out}.draw(&v, "110000")
		if strings.Contains(out.String(), "PASS") {
			t.Errorf("action %q looks like pass:\n%s", action, out.String())
		}
	}
}

func TestColourIsForTerminalsAlone(t *testing.T) {
	var plain, colourful bytes.Buffer
	v := panels["pass"]
	panel{w: &plain}.draw(&v, "110000")
	panel{w: &colourful, colour: true}.draw(&v, "110000")
	if strings.Contains(plain.String(), "\x1b") || !strings.Contains(colourful.String(), "\x1b[42;30m") {
		t.Errorf("plain:\n%q\ncolourful:\n%q", plain.String(), colourful.String())
	}
	if wantsColour(&plain) {
		t.Error("a buffer is taken for a terminal")
	}
}
