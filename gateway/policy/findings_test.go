package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"tongma/adapters/strict"
)

// head begins a file of rules that inherits; its rules begin on line 9.
const head = `region: "440100"
version: 3
name: {zh: 试, en: Trial}
from: 2022-01-01
sources: {us: {says: made up, provenance: synthetic}}
statuses: {green: {zh: 绿, en: g}, yellow: {zh: 黄, en: y}, red: {zh: 红, en: r}, none: {zh: 无, en: n}, source: us}
otherwise: inherit
rules:
`

// ruleLine is a rule with what distinguishes it.
func ruleLine(id, what string) string {
	return fmt.Sprintf("  - {id: %s, %s, reason: {zh: 因, en: why}, source: us}\n", id, what)
}

func testLine(name, given, decision, rule string) string {
	return fmt.Sprintf("  - {name: %s, given: {%s}, decision: %s, rule: %s}\n", name, given, decision, rule)
}

// found gives what is wrong with a file, alone and with the national default.
func found(src string) string {
	f, err := Parse("f", []byte(src))
	if err == nil {
		_, err = Load(f)
	}
	if err == nil {
		return ""
	}
	var findings strict.Findings
	if !errors.As(err, &findings) {
		return "no findings: " + err.Error()
	}
	return findings.Error()
}

func TestAFileThatHoldsIsTaken(t *testing.T) {
	src := head + ruleLine("g", "on: green, then: pass") + "tests:\n" + testLine("a", "on: green", "pass", "g")
	if got := found(src); got != "" {
		t.Error(got)
	}
}

func TestOverlapsGapsAndRulesThatNeverDecideAreFindings(t *testing.T) {
	green := ruleLine("g", "on: green, then: pass")
	tested := "tests:\n" + testLine("a", "on: green", "pass", "g")
	first := strings.Replace(head, "otherwise:", "order: first\notherwise:", 1)
	for _, c := range []struct{ name, src, want string }{
		{"overlap", head + green + ruleLine("h", "on: [green, red], from: cache, then: manual") + tested,
			"f:10:5: rules g and h overlap: both may hold for green, cache, by scan, preferred system (narrow one of them, or say  order: first  and put first what comes first)"},
		{"overlap of two conditions", head + ruleLine("g", `on: green, if: scene == "a", then: pass`) + ruleLine("h", `on: green, if: scene == "b", then: manual`) + tested,
			"f:10:5: rules g and h overlap: both may hold for green, live, by scan, preferred system (narrow one of them, or say  order: first  and put first what comes first)"},
		{"hidden", first + ruleLine("m", "on: green, then: manual") + ruleLine("g", "on: green, then: pass") + tested,
			"f:11:5: rule g never decides: m before it hold for all that it holds for (put it before them, or leave it out)"},
		{"hidden by two", first + ruleLine("m", "on: green, by: scan, then: manual") + ruleLine("n", "on: green, by: document, then: manual") + ruleLine("g", "on: green, then: pass") + tested,
			"f:12:5: rule g never decides: m, n before it hold for all that it holds for (put it before them, or leave it out)"},
		{"gap", strings.Replace(head, "otherwise: inherit\n", "", 1) + ruleLine("g", "on: green, then: pass") + ruleLine("y", `on: [yellow, red, none, expired, not_found, unrecognised, refused, unavailable], if: scene == "a", then: manual`) + tested,
			"f:8:3: no rule decides for certain about green, live, by scan, refused system; yellow, live, by scan, preferred system; red, live, by scan, preferred system; " +
				"none, live, by scan, preferred system; expired, by scan, preferred system; not_found, by scan, preferred system; unrecognised, by scan, preferred system; " +
				"refused, by scan, preferred system; unavailable, by scan, preferred system (add a rule without if for it, or say  otherwise: inherit)"},
		{"untested", head + green + ruleLine("r", "on: red, then: deny") + tested,
			"f:10:5: no test is decided by rule r (add a test that it decides, or leave it out)"},
		{"a test that comes out otherwise", head + green + tested + testLine("b", "on: green, from: stale", "pass", "g"),
			`f:12:5: the test "b": manual by default/stale@1, not pass by g (mend the rules or the test; tongma policy explain --test shows each step)`},
		{"the right decision by another rule", head + green + tested + testLine("b", "on: red", "deny", "g"),
			`f:12:5: the test "b": deny by default/red@1, not deny by g (mend the rules or the test; tongma policy explain --test shows each step)`},
	} {
		if got := found(c.src); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestNoFileMayLetThroughWhatIsNoVerifiedGreen(t *testing.T) {
	tests := "tests:\n" + testLine("a", "on: green", "pass", "g")
	for what, where := range map[string]string{
		"on: yellow, then: pass":                                    "yellow, live, by scan, preferred system",
		"on: [green, red], then: pass":                              "red, live, by scan, preferred system",
		"on: none, then: pass":                                      "none, live, by scan, preferred system",
		"on: expired, then: pass":                                   "expired, by scan, preferred system",
		"on: unavailable, then: pass":                               "unavailable, by scan, preferred system",
		"on: green, others: worse, then: pass":                      "green, live, another code worse, by scan, preferred system",
		"on: green, others: [clear, worse], then: pass":             "green, live, another code worse, by scan, preferred system",
		"on: green, standing: refused, then: pass":                  "green, live, by scan, refused system",
		"on: green, standing: [honoured, refused], then: pass":      "green, live, by scan, refused system",
		`on: [red, not_found], if: scene == "a", then: pass`:        "red, live, by scan, preferred system",
		"on: green, from: [live, stale], others: worse, then: pass": "green, live, another code worse, by scan, preferred system",
	} {
		want := "f:9:5: rule g would let " + where + " through, which no rule may (say  on: green, others: clear, and standing: [preferred, honoured]  of a pass)"
		if got := found(head + ruleLine("g", what) + tests); got != want {
			t.Errorf("%s:\n got %s\nwant %s", what, got, want)
		}
	}
}

func TestWhatIsWrittenWronglyIsAFindingWithItsPlace(t *testing.T) {
	good := head + ruleLine("g", "on: green, then: pass") + "tests:\n" + testLine("a", "on: green", "pass", "g")
	for _, c := range []struct{ old, new, want string }{
		{`"440100"`, `"999999"`, `f:1:9: "999999" is no region (write a code of GB/T 2260 such as "440000", or default alone)`},
		{`"440100"`, `["440000", "440000"]`, `f:1:20: the region 440000 stands here twice (keep one)`},
		{`"440100"`, `[]`, `f:1:9: the file has no region (name one)`},
		{`version: 3`, `version: three`, `f:2:10: version cannot be "three" (write a whole number from 1 to 9999)`},
		{`zh: 试, en: Trial`, `zh: 试`, `f:3:7: name has no en (add  en: …)`},
		{`from: 2022-01-01`, `from: soon`, `f:4:7: from is no time (write it like 2022-03-01 or 2022-03-01T08:00:00+08:00)`},
		{"from: 2022-01-01\n", "", `f:1:1: a region's rules need a day from which they hold (add  from: …)`},
		{"from: 2022-01-01", "from: 2022-01-01\nuntil: 2021-01-01", `f:4:7: the rules never hold (until must be later than from)`},
		{"from: 2022-01-01", "from: 2022-01-01\nnotice: 24h", `f:5:9: a notice period is counted from the day when the rules are announced (add  announced: …)`},
		{"from: 2022-01-01", "from: 2022-01-01\nannounced: 2021-12-31\nnotice: 2d",
			`f:4:7: the rules would hold 24h0m0s after they are announced, and their notice period is 48h0m0s (let them hold from 2022-01-02T00:00:00+08:00, or shorten the notice)`},
		{"otherwise: inherit", "otherwise: pass", `f:7:12: otherwise cannot be "pass" (it is one of inherit)`},
		{"provenance: synthetic", "provenance: heard", `f:5:43: provenance cannot be "heard" (it is one of standard, documented, observed, profile, synthetic)`},
		{"reason: {zh: 因, en: why}, source: us", "reason: {zh: 因, en: why}", "f:9:5: a rule has no source (add  source: …)"},
		{"reason: {zh: 因, en: why}, source: us", "reason: {zh: 因, en: why}, source: them", `f:9:70: there is no source "them" (declare it under sources)`},
		{"made up, provenance: synthetic}", "made up, provenance: synthetic}, law: {says: x, provenance: profile}", `f:5:55: nothing is from the source law (name it where it belongs, or leave it out)`},
		{"on: green, then", "on: blue, then", `f:9:17: on cannot be "blue" (it is one of green, yellow, red, none, expired, not_found, unrecognised, refused, unavailable)`},
		{"on: green, then", "on: [green, green], then", `f:9:25: on has green twice (keep one)`},
		{"on: green, then", "on: [], then", `f:9:17: on is empty (name at least one of green, yellow, red, none, expired, not_found, unrecognised, refused, unavailable)`},
		{"then: pass", "then: allow", `f:9:30: then cannot be "allow" (it is one of pass, manual, deny)`},
		{"then: pass", "when: x, then: pass", `f:9:24: a rule has no key "when" (it has by, from, id, if, on, others, reason, source, standing, then)`},
		{"then: pass", "if: body == \"x\", then: pass", `f:9:28: unknown name body (the names here are antibody.…, by, holder.…, mode, nucleic.…, others, outcome, place.…, purpose, riskAreas, scene, status, symptoms, system.…, temperature.…, trips, vaccine.…)`},
		{"on: green, then: pass", "on: expired, from: live, then: deny", "f:9:5: what was not verified has no age and no other codes (make two rules of it: from and others are of green, yellow, red and none)"},
		{"otherwise: inherit", "otherwise: inherit\nsystems: [{of: [a b], are: honoured, source: us}]", `f:8:17: "a b" is no system (write a system's id, a region's code, or others)`},
		{"otherwise: inherit", "otherwise: inherit\nsystems: [{of: [suishen, suishen], are: honoured, source: us}]", `f:8:26: suishen stands here twice (keep one)`},
		{"otherwise: inherit", "otherwise: inherit\nmodes: [{of: 4, are: honoured, source: us}]", `f:8:14: a recognition mode cannot be "4" (write a whole number from 1 to 3)`},
		{"given: {on: green}", "given: {on: green, nucleic: {hours: 3}}", `f:11:43: a test of the body has no result (add  result: …)`},
		{"given: {on: green}", "given: {}", `f:11:22: what is given has no on (add  on: …)`},
		{"otherwise: inherit", "otherwise: inherit\nunknown: 1", `f:8:1: a file of rules has no key "unknown" (it has announced, from, modes, name, notice, order, otherwise, region, rules, sources, statuses, systems, tests, until, version)`},
	} {
		if !strings.Contains(good, c.old) {
			t.Fatalf("%s is not in the file", c.old)
		}
		if got, _, _ := strings.Cut(found(strings.Replace(good, c.old, c.new, 1)), "\n"); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.new, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	// Short ones: go test takes its time to shorten what it finds.
	f.Add([]byte(regional("440000", 1, "from: 2022-01-01\nnotice: 1d\nannounced: 2021-01-01\nsystems: [{of: others, are: refused, source: us}]")))
	f.Add([]byte("region: default\nversion: 1\nmodes: [{of: 1, are: preferred, source: us}]"))
	f.Add([]byte(head + ruleLine("g", `on: green, if: any(trips, .days < 3), then: pass`) + "tests:\n" + testLine("a", "on: green, trips: [{days: 1}]", "pass", "g")))
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := Parse("f", src)
		if err != nil {
			var findings strict.Findings
			if !errors.As(err, &findings) || len(findings) == 0 {
				t.Fatalf("%v", err)
			}
			for _, x := range findings {
				if x.Line < 1 || x.Column < 1 || x.What == "" || x.Mend == "" {
					t.Errorf("%+v", x)
				}
			}
			return
		}
		file.Describe()
		_, _ = Load(file)
	})
}
