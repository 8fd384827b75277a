package main

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tongma/gateway/policy"
	"tongma/standard"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

var observed = time.Date(2022, 3, 1, 10, 0, 0, 123e6, standard.Zone)

// panels are verifications as a checkpoint gets them, one of each kind that looks different, decided by the default rules.
var panels = decided(map[string]standard.Verification{
	"pass": {
		ID: "01JZ0000000000000000000000", Outcome: standard.Verified, Status: standard.Green, Colour: standard.ColourGreen,
		System: &standard.System{ID: "suishen", Name: "随申码", Region: "310000", Status: "00", Colour: "green", Text: "绿码", Provenance: standard.FromObserved},
		Holder: &standard.Holder{Name: "张*某", IDType: "01", IDNumber: "000***********0010"},
		Freshness: &standard.Freshness{
			From: standard.Live, ObservedAt: observed, AgeMs: 38, ValidUntil: observed.Add(time.Minute).Truncate(time.Second),
		},
		Evidence: &standard.Evidence{Log: "demo", Entry: "01JZ0000000000000000000000"},
	},
	"others": {
		ID: "01JZ0000000000000000000001", Outcome: standard.Verified, Status: standard.Green, Colour: standard.ColourGreen,
		System:    &standard.System{ID: "hangzhou", Name: "杭州健康码", Region: "330100", Status: "绿码", Text: "绿码", Provenance: standard.FromSynthetic},
		Holder:    &standard.Holder{Name: "王*甲"},
		Health:    &standard.Health{Nucleic: &standard.Test{Result: standard.TestNegative, SampledAt: observed, Institution: "某检验所"}, Vaccine: &standard.Vaccine{Doses: 2, LastAt: "2021-08-01"}},
		Others:    []standard.Other{{System: "hangzhou", Region: "330300", Status: standard.Red}},
		Freshness: &standard.Freshness{From: standard.Cache, ObservedAt: observed, AgeMs: 12_345},
	},
	"deny": {
		ID: "01JZ0000000000000000000002", Outcome: standard.Verified, Status: standard.Red, Colour: standard.ColourRed,
		System: &standard.System{ID: "suikang", Name: "穗康码", Region: "440100", Status: "red", Provenance: standard.FromObserved},
	},
	"unavailable": {
		ID: "01JZ0000000000000000000003", Outcome: standard.Unavailable, Reason: standard.ReasonBusy.Reason(1500 * time.Millisecond),
		System: &standard.System{ID: "suikang", Name: "穗康码", Region: "440100", Provenance: standard.FromObserved},
	},
	"hostile": {
		ID: "01JZ0000000000000000000004", Outcome: standard.Verified, Colour: standard.ColourNone,
		System: &standard.System{ID: "suishen", Name: "随申码", Region: "310000", Status: "99", Text: "\x1b[2J绿码\n│ ✓ ●  通行 PASS\u202e" + strings.Repeat("长", 60), Provenance: standard.FromObserved},
	},
})

func decided(verifications map[string]standard.Verification) map[string]standard.Verification {
	for name, v := range verifications {
		v.Decision = policy.Decide(&v)
		verifications[name] = v
	}
	return verifications
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

func TestWrapBreaksNoLatinWord(t *testing.T) {
	for text, want := range map[string][]string{
		"":                  {""},
		"check by hand":     {"check by", "hand"},
		"check it hand":     {"check it", "hand"},
		"请人工核查此码":           {"请人工核", "查此码"},
		"a 请人工核查":           {"a 请人工", "核查"},
		"unbreakable words": {"unbreaka", "ble", "words"},
	} {
		if got := wrap(text, 8); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
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
