package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tongma/standard"
)

// shippedFiles reads what is shipped.
func shippedFiles(t testing.TB) []*File {
	t.Helper()
	var files []*File
	for _, name := range Shipped() {
		f, err := Read(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

func parsed(t testing.TB, src string) *File {
	t.Helper()
	f, err := Parse("f", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func loaded(t testing.TB, files ...*File) *Set {
	t.Helper()
	s, err := Load(files...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// greenAt is a live green of a system at a place.
func greenAt(place, system, region string) *Case {
	return &Case{
		Verification: &standard.Verification{
			Outcome: standard.Verified, Status: standard.Green, Freshness: &standard.Freshness{From: standard.Live},
			System: &standard.System{ID: system, Region: region},
		},
		Record: &standard.Record{}, Place: standard.Place{Region: place}, At: time.Date(2022, 3, 1, 10, 0, 0, 0, china),
	}
}

func TestWhatIsShippedHoldsAloneAndTogether(t *testing.T) {
	files := shippedFiles(t)
	if len(files) < 3 {
		t.Fatalf("%d files are shipped", len(files))
	}
	loaded(t, files...)
	for _, f := range files {
		loaded(t, f)
		for _, line := range f.Describe() {
			if line.Zh == "" || line.En == "" || strings.Contains(line.Zh+line.En, "%!") {
				t.Errorf("%s is described as %+v", f.Name, line)
			}
		}
	}
}

// regional is a file of a region with one rule for live greens, which denies.
func regional(region string, version int, extra string) string {
	return fmt.Sprintf(`region: %q
version: %d
name: {zh: 试, en: Trial}
%s
sources: {us: {says: made up, provenance: synthetic}}
statuses: {green: {zh: 绿, en: g}, yellow: {zh: 黄, en: y}, red: {zh: 红, en: r}, none: {zh: 无, en: n}, source: us}
otherwise: inherit
rules: [{id: g, on: green, from: live, standing: [preferred, honoured], then: deny, reason: {zh: 因, en: why}, source: us}]
tests: [{name: a, given: {on: green}, decision: deny, rule: g}]
`, region, version, extra)
}

func TestTheNearestRulesDecide(t *testing.T) {
	s := loaded(t, parsed(t, regional("440106", 1, "from: 2020-01-01")), parsed(t, regional("440100", 2, "from: 2020-01-01")),
		parsed(t, regional("440000", 3, "from: 2020-01-01")), parsed(t, regional("310000", 4, "from: 2020-01-01")))
	for place, want := range map[string]string{
		"440106": "440106/g@1", "440103": "440100/g@2", "440100": "440100/g@2", "440300": "440000/g@3", "440000": "440000/g@3",
		"310104": "310000/g@4", "310000": "310000/g@4", "110000": "default/green@1", "": "default/green@1", "44": "default/green@1", "4401060": "default/green@1",
	} {
		if d := s.Decide(greenAt(place, "x", "110000")); d.Rule != want {
			t.Errorf("at %q: %s, want %s", place, d.Rule, want)
		}
		c := greenAt(place, "x", "110000")
		c.Verification.Freshness.From = standard.Cache
		if d := s.Decide(c); d.Rule != "default/green@1" {
			t.Errorf("what no rule at %q is for: %s", place, d.Rule)
		}
	}
}

func TestRulesHoldFromTheirDayUntilTheirEnd(t *testing.T) {
	first := parsed(t, regional("440000", 1, "from: 2022-01-01\nuntil: 2022-02-01T08:00:00+08:00"))
	second := parsed(t, regional("440000", 2, "from: 2022-02-01T08:00:00+08:00\nannounced: 2022-01-30T08:00:00+08:00\nnotice: 48h"))
	s := loaded(t, second, first)
	for at, want := range map[string]string{
		"2021-12-31T23:59:59+08:00": "default/green@1", "2022-01-01T00:00:00+08:00": "440000/g@1", "2021-12-31T16:00:00Z": "440000/g@1",
		"2022-02-01T07:59:59+08:00": "440000/g@1", "2022-02-01T08:00:00+08:00": "440000/g@2", "2030-01-01T00:00:00Z": "440000/g@2",
	} {
		c := greenAt("440000", "x", "110000")
		c.At, _ = time.Parse(time.RFC3339, at)
		if d := s.Decide(c); d.Rule != want {
			t.Errorf("at %s: %s, want %s", at, d.Rule, want)
		}
	}
	for _, c := range []struct{ a, b, want string }{
		{"from: 2022-01-01", "from: 2022-02-01", "f:1:1: f holds at the same time in region 440000 (let one end, with until, when the other begins)"},
		{"from: 2022-01-01\nuntil: 2022-02-02", "from: 2022-02-01", "f:1:1: f holds at the same time in region 440000 (let one end, with until, when the other begins)"},
		{"from: 2022-02-01", "from: 2022-01-01\nuntil: 2022-02-01", "f:1:1: f holds at another time in region 440000, and the later of the two has the lower version (count versions up)"},
	} {
		_, err := Load(parsed(t, regional("440000", 1, c.a)), parsed(t, regional("440000", 2, c.b)))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s and %s: %v", c.a, c.b, err)
		}
	}
	if _, err := Load(first, first); err == nil || !strings.Contains(err.Error(), "f is of region 440000 and version 1 too") {
		t.Error(err)
	}
}

func TestHowASystemAndAModeStand(t *testing.T) {
	lines := `from: 2020-01-01
systems:
  - {of: [suishen, "330100"], are: preferred, source: us}
  - {of: ["310000", "330000", hangzhou], are: refused, source: us}
modes: [{of: 1, are: preferred, source: us}, {of: 2, are: refused, source: us}]`
	s := loaded(t, parsed(t, regional("440000", 1, lines)), parsed(t, regional("440100", 1, "from: 2020-01-01\nsystems: [{of: others, are: preferred, source: us}]\nmodes: [{of: 2, are: honoured, source: us}]")))
	for _, c := range []struct {
		place, system, region string
		mode                  int
		of, ofMode            Standing
	}{
		{"440000", "suishen", "310000", 1, preferred, preferred}, // its own line is before its region's
		{"440000", "other", "310000", 1, refused, preferred},
		{"440000", "other", "310104", 1, refused, preferred},
		{"440000", "other", "330106", 2, preferred, refused}, // the city's line is before the province's
		{"440000", "other", "330200", 3, refused, honoured},  // what is said of the mode is the national default's
		{"440000", "hangzhou", "330100", 1, refused, preferred},
		{"440000", "other", "110000", 1, honoured, preferred},
		{"440300", "suishen", "310000", 1, preferred, preferred},
		{"440100", "hangzhou", "330100", 2, preferred, honoured}, // the nearest that says anything
		{"110000", "hangzhou", "330100", 2, honoured, honoured},
		{"440000", "", "", 9, honoured, honoured},
	} {
		of, ofMode := s.Route(c.place, time.Date(2022, 1, 1, 0, 0, 0, 0, china), standard.System{ID: c.system, Region: c.region}, c.mode)
		if of != c.of || ofMode != c.ofMode {
			t.Errorf("%+v: %s, %s", c, of, ofMode)
		}
	}
	for _, c := range []*Case{greenAt("440000", "hangzhou", "330100"), greenAt("440000", "x", "110000")} {
		c.Mode = 2
		if d := s.Decide(c); d.Rule != "default/standing@1" || d.Action != standard.Manual {
			t.Errorf("%+v", d)
		}
	}
}

func TestNoRulePassesWhatIsAboveAllRules(t *testing.T) {
	f := parsed(t, regional("440000", 1, "from: 2020-01-01"))
	r := &f.rules[0] // as if reading the file had let it through
	r.action, r.condition = standard.Pass, nil
	for c := range f.byCell {
		f.byCell[c] = []uint8{0}
	}
	s, _ := together([]*File{f})
	rapid.Check(t, func(t *rapid.T) {
		v := &standard.Verification{
			Outcome:   rapid.SampledFrom([]standard.Outcome{standard.Verified, standard.Verified, standard.Expired, standard.NotFound, standard.Unavailable, ""}).Draw(t, "outcome"),
			Status:    rapid.SampledFrom([]standard.Status{standard.Green, standard.Green, standard.Yellow, standard.Red, "", "0"}).Draw(t, "status"),
			Freshness: &standard.Freshness{From: rapid.SampledFrom([]standard.From{standard.Live, standard.Cache, standard.Stale, ""}).Draw(t, "from")},
			System:    &standard.System{ID: "x", Region: "110000"},
		}
		worse := false
		for _, status := range rapid.SliceOfN(rapid.SampledFrom([]standard.Status{standard.Green, standard.Yellow, standard.Red, ""}), 0, 3).Draw(t, "others") {
			v.Others = append(v.Others, standard.Other{Status: status})
			worse = worse || status == standard.Yellow || status == standard.Red
		}
		r.stale = rapid.Bool().Draw(t, "outright")
		stale := v.Freshness.From != standard.Live && v.Freshness.From != standard.Cache
		may := v.Outcome == standard.Verified && v.Status == standard.Green && !worse && (!stale || r.stale)
		d := s.Decide(&Case{Verification: v, Place: standard.Place{Region: "440106"}, At: time.Now(), Document: rapid.Bool().Draw(t, "document")})
		if (d.Action == standard.Pass) != may || !may && d.Rule != "tongma/above@1" {
			t.Fatalf("%+v, may %v", d, may)
		}
	})
}

func TestAStaleGreenPassesOnlyWhereARuleSaysSoOutright(t *testing.T) {
	src := strings.Replace(regional("440000", 1, "from: 2020-01-01"), "from: live, standing: [preferred, honoured], then: deny", "from: [live, stale], then: pass", 1)
	src = strings.Replace(src, "given: {on: green}, decision: deny", "given: {on: green, from: stale}, decision: pass", 1)
	s := loaded(t, parsed(t, src))
	c := greenAt("440000", "x", "110000")
	c.Verification.Freshness.From = standard.Stale
	if d := s.Decide(c); d.Action != standard.Pass {
		t.Errorf("%+v", d)
	}
	c.Verification.Others = []standard.Other{{Status: standard.Red}}
	if d := s.Decide(c); d.Action != standard.Manual {
		t.Errorf("%+v", d)
	}
}

// conditional is a file with conditions over the record, as a stricter city would have it.
const conditional = `region: "440100"
version: 1
name: {zh: 试, en: Trial}
from: 2020-01-01
sources: {us: {says: made up, provenance: synthetic}}
statuses: {green: {zh: 绿, en: g}, yellow: {zh: 黄, en: y}, red: {zh: 红, en: r}, none: {zh: 无, en: n}, source: us}
order: first
otherwise: inherit
rules:
  - {id: positive, on: green, if: nucleic.result == "positive", then: deny, reason: {zh: 阳, en: positive}, source: us}
  - {id: fever, on: green, if: temperature.known && temperature.degrees >= 37.3, then: manual, reason: {zh: 热, en: fever}, source: us}
  - {id: trip, on: green, if: 'any(trips, .region startsWith "3101" && .days <= 14)', then: manual, reason: {zh: 行, en: trip}, source: us}
  - {id: risk, on: green, if: len(riskAreas) + len(symptoms) > 0, then: manual, reason: {zh: 险, en: risk}, source: us}
  - {id: number, on: green, if: system.text != "" && int(system.text) > 3, then: manual, reason: {zh: 数, en: number}, source: us}
  - {id: tested, on: green, if: nucleic.result == "negative" && nucleic.hours <= 48, then: pass, reason: {zh: 检, en: tested}, source: us}
  - {id: vaccinated, on: green, if: vaccine.doses >= 3 && vaccine.days >= 14 && scene == "park", then: pass, reason: {zh: 苗, en: vaccinated}, source: us}
  - {id: untested, on: green, then: manual, reason: {zh: 未, en: untested}, source: us}
tests:
  - {name: 1, given: {on: green, nucleic: {result: positive, hours: 1}}, decision: deny, rule: positive}
  - {name: 2, given: {on: green, temperature: "37.3"}, decision: manual, rule: fever}
  - {name: 3, given: {on: green, trips: [{region: "310104", days: 14}]}, decision: manual, rule: trip}
  - {name: 4, given: {on: green, trips: [{region: "310104", days: 15}]}, decision: manual, rule: untested}
  - {name: 5, given: {on: green, riskAreas: somewhere}, decision: manual, rule: risk}
  - {name: 6, given: {on: green, nucleic: {result: negative, hours: 48}}, decision: pass, rule: tested}
  - {name: 7, given: {on: green, nucleic: {result: negative, hours: 49}}, decision: manual, rule: untested}
  - {name: 8, given: {on: green, nucleic: {result: negative}}, decision: manual, rule: untested}
  - {name: 9, given: {on: green, temperature: warm}, decision: manual, rule: untested}
  - {name: 10, given: {on: green, scene: park, vaccine: {doses: 3, days: 14}}, decision: pass, rule: vaccinated}
  - {name: 11, given: {on: green, scene: park, vaccine: {doses: 3}}, decision: manual, rule: untested}
  - {name: 17, given: {on: green, scene: park, vaccine: {doses: 3, days: 13}, at: 2022-03-01T23:59:59+08:00}, decision: manual, rule: untested}
  - {name: 16, given: {on: green, trips: [{region: "310104"}], nucleic: {result: negative, hours: 1}}, decision: manual, rule: trip}
  - {name: 12, given: {on: green, system: {id: x, text: "4"}}, decision: manual, rule: number}
  - {name: 13, given: {on: green, system: {id: x, text: green}, nucleic: {result: negative, hours: 1}}, decision: manual, rule: number}
  - {name: 14, given: {on: green, from: stale, nucleic: {result: negative, hours: 1}}, decision: manual, rule: untested}
  - {name: 15, given: {on: green, others: red, nucleic: {result: negative, hours: 1}}, decision: manual, rule: untested}
`

func TestConditionsReadTheRecord(t *testing.T) {
	src := conditional
	results, err := Test(parsed(t, src))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if !r.OK {
			t.Errorf("%s: %s by %s, want %s by %s", r.Name, r.Got, r.GotRule, r.Want, r.WantRule)
		}
	}
	s := loaded(t, parsed(t, src))
	c := greenAt("440106", "x", "110000")
	c.Record.Health.Nucleic = &standard.Test{Result: standard.TestNegative, SampledAt: c.At.Add(time.Hour)} // by a clock that nobody can trust
	if d := s.Decide(c); d.Rule != "440100/untested@1" {
		t.Errorf("sampled in an hour: %+v", d)
	}
	c.Record.Health.Nucleic.SampledAt = c.At.Add(-48*time.Hour - time.Second)
	if d := s.Decide(c); d.Rule != "440100/untested@1" {
		t.Errorf("a second too old: %+v", d)
	}
	for _, year := range []int{1, 1066, 1733} { // further back than a span of time can reach
		c.Record.Health.Nucleic.SampledAt = time.Date(year, 2, 1, 0, 0, 0, 0, china)
		if d := s.Decide(c); d.Rule != "440100/untested@1" {
			t.Errorf("sampled in %d: %+v", year, d)
		}
	}
	c.Record.Health.Nucleic.SampledAt = c.At.Add(-time.Hour)
	for ago, want := range map[int]string{14: "440100/trip@1", 15: "440100/tested@1"} {
		c.Record.Trips = []standard.Trip{{Region: "310104", At: time.Date(2022, 3, 1-ago, 0, 0, 0, 0, china)}} // a day, of which nobody says when
		if d := s.Decide(c); d.Rule != want {
			t.Errorf("a trip %d days ago: %+v", ago, d)
		}
	}
	c.Record.Trips = nil
	c.Verification.System.Text = "four"
	d := s.Decide(c)
	if d.Action != standard.Manual || d.Rule != "440100/number@1" || d.Reason != notComputed {
		t.Errorf("what cannot be computed: %+v", d)
	}
}

func TestEveryStepOfADecisionIsTold(t *testing.T) {
	s := loaded(t, parsed(t, conditional))
	for _, r := range parsed(t, conditional).tests {
		want := s.Decide(&r.given)
		d, steps := s.Explain(&r.given)
		if d != want {
			t.Errorf("%s: explained as %+v, decided as %+v", r.name, d, want)
		}
		last := steps[len(steps)-1]
		if last.Rule != d.Rule || !strings.Contains(last.Says.En, string(d.Action)) || !strings.Contains(last.Says.Zh, d.Reason.Zh) {
			t.Errorf("%s ends with %+v", r.name, last)
		}
		for _, step := range steps {
			if step.Says.Zh == "" || step.Says.En == "" {
				t.Errorf("%s: %+v", r.name, step)
			}
		}
	}
	c, err := ParseCase("c", []byte(`{on: green, place: "440106", temperature: "36.5", nucleic: {result: negative, hours: 3}}`), parsed(t, conditional))
	if err != nil {
		t.Fatal(err)
	}
	_, steps := s.Explain(c)
	var told []string
	for _, step := range steps {
		told = append(told, strings.TrimSpace(step.Rule+" "+step.Says.En))
	}
	want := []string{
		"the place is 440106: the rules of 440100@1 → default@1, in this order",
		"the system  is honoured (default@1)",
		"recognition mode 1 is honoured (default@1)",
		"the case: green, live, by scan, honoured system",
		`440100/positive@1 the condition does not hold: nucleic.result == "positive"`,
		"440100/fever@1 the condition does not hold: temperature.known && temperature.degrees >= 37.3",
		`440100/trip@1 the condition does not hold: any(trips, .region startsWith "3101" && .days <= 14)`,
		"440100/risk@1 the condition does not hold: len(riskAreas) + len(symptoms) > 0",
		`440100/number@1 the condition does not hold: system.text != "" && int(system.text) > 3`,
		`440100/tested@1 the condition holds: nucleic.result == "negative" && nucleic.hours <= 48`,
		"440100/tested@1 decided: pass (tested)",
	}
	if !slices.Equal(told, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
}

func TestDecisionsAtOnceDoNotMix(t *testing.T) {
	s := loaded(t, parsed(t, conditional))
	done := make(chan string)
	for _, r := range parsed(t, conditional).tests {
		go func() {
			for range 200 {
				if d := s.Decide(&r.given); d.Action != r.action {
					done <- fmt.Sprintf("%s: %+v", r.name, d)
					return
				}
			}
			done <- ""
		}()
	}
	for range parsed(t, conditional).tests {
		if wrong := <-done; wrong != "" {
			t.Error(wrong)
		}
	}
}

func TestNothingOfAnybodyIsLeftBehind(t *testing.T) {
	c := greenAt("440106", "x", "110000")
	c.Record.Trips = []standard.Trip{{Region: "310104", At: c.At}}
	c.Record.Holder.Nationality = "156"
	env := environment{of: c}
	env.with(1<<len(names) - 1)
	m := env.memory
	if len(m.top) != len(names) || len(m.rooms[5].group) != 3 {
		t.Fatalf("%d names: %v", len(m.top), m.rooms)
	}
	env.release()
	for i, r := range m.rooms {
		for _, of := range r.list {
			if len(of.(map[string]any)) > 0 {
				t.Errorf("%s: %v", names[i].name, of)
			}
		}
		if len(r.group) > 0 {
			t.Errorf("%s: %v", names[i].name, r.group)
		}
	}
	if len(m.top) > 0 {
		t.Errorf("%v", m.top)
	}
}

func benchmark(b *testing.B, c *Case, want standard.Action, files ...*File) {
	s := loaded(b, files...)
	b.ReportAllocs()
	for b.Loop() {
		if s.Decide(c).Action != want {
			b.Fatal("decided otherwise")
		}
	}
}

func BenchmarkDecideByTheDefault(b *testing.B) {
	benchmark(b, greenAt("110000", "x", "110000"), standard.Pass)
}

func BenchmarkDecideByWhatIsShipped(b *testing.B) {
	benchmark(b, greenAt("440106", "tianfu", "510000"), standard.Pass, shippedFiles(b)...)
}

// BenchmarkDecideByConditions goes through every condition of a strict city.
func BenchmarkDecideByConditions(b *testing.B) {
	c := greenAt("440106", "x", "110000")
	for range 8 {
		c.Record.Trips = append(c.Record.Trips, standard.Trip{Region: "440106", At: c.At.AddDate(0, 0, -3)})
	}
	benchmark(b, c, standard.Manual, parsed(b, conditional))
}
