package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tongma/standard"
)

// Describe says in plain words what the file holds, a line each, for whoever has to agree to it and does not read YAML.
func (f *File) Describe() []standard.Text {
	d := &description{}
	d.add("%[1]s，版本 %[2]d，地区：%[3]s", "%[4]s, version %[2]d, for %[3]s", f.Title.Zh, f.Version, f.places(), f.Title.En)
	d.times(f)
	for i := range kind(len(f.meanings)) {
		d.add("  %[1]s在此表示：%[2]s", "  %[3]s means here: %[4]s", inZh(wantKind, kindWords[i]), f.meanings[i].Zh, kindWords[i], f.meanings[i].En)
	}
	d.standings(f)
	switch {
	case f.ordered:
		d.add("规则，依次适用，先成立者决定：", "Rules, of which the first that holds decides:")
	default:
		d.add("规则，互不重叠：", "Rules, of which no two can hold:")
	}
	for i := range f.rules {
		d.rule(f, &f.rules[i])
	}
	if f.inherits {
		d.add("其余情形：适用上级地区的规则，最后适用全国通用规则", "Everything else is decided by the rules of the region above, and at last by the national default")
	}
	d.add("非经核实的有效绿码，或持码人另有黄码、红码，任何规则不得放行", "No rule lets through what is not a verified, current green, or whose holder has a yellow or red code besides")
	d.add("依据：", "Sources:")
	for _, s := range f.sources {
		d.add("  %s（%s）：%s", "  %s (%s): %s", s.key, s.value.provenance, s.value.says)
	}
	return d.lines
}

type description struct{ lines []standard.Text }

// add writes a line in both languages from the same parts, which each takes by their numbers where it has not all of them.
func (d *description) add(zh, en string, parts ...any) {
	d.lines = append(d.lines, standard.Text{Zh: fmt.Sprintf(zh, parts...), En: fmt.Sprintf(en, parts...)})
}

func (f *File) places() string { return strings.Join(f.Regions, ", ") }

func (d *description) times(f *File) {
	if f.From.IsZero() {
		d.add("  始终有效", "  It holds always")
		return
	}
	d.add("  自 %s 起生效", "  It holds from %s", f.From.Format(time.RFC3339))
	if !f.Until.IsZero() {
		d.add("  至 %s 止", "  until %s", f.Until.Format(time.RFC3339))
	}
	if !f.Announced.IsZero() {
		d.add("  公布于 %s，提前告知期 %s", "  announced on %s, with %s notice", f.Announced.Format(time.RFC3339), f.Notice)
	}
}

func (d *description) standings(f *File) {
	for _, id := range slices.Sorted(maps.Keys(f.systems)) {
		s := f.systems[id].String()
		d.add("  健康码系统 %[1]s：%[2]s", "  the system or region %[1]s is %[3]s", id, inZh(wantStanding, s), s)
	}
	if f.restSaid {
		s := f.rest.String()
		d.add("  其余系统：%[1]s", "  every other system is %[2]s", inZh(wantStanding, s), s)
	}
	for m := 1; m <= maxMode; m++ {
		if f.modeSaid[m] {
			s := f.modes[m].String()
			d.add("  互认方式 %[1]d：%[2]s", "  recognition mode %[1]d is %[3]s", m, inZh(wantStanding, s), s)
		}
	}
}

func (d *description) rule(f *File, r *rule) {
	var zh, en []string
	for part, words := range r.wants {
		if words == nil {
			continue
		}
		var inChinese []string
		for _, w := range words {
			inChinese = append(inChinese, inZh(part, w))
		}
		zh = append(zh, keyZh[part]+"为"+strings.Join(inChinese, "或"))
		en = append(en, wantKeys[part]+" "+strings.Join(words, " or "))
	}
	if r.condition != nil {
		zh, en = append(zh, "且 "+r.condition.String()), append(en, "if "+r.condition.String())
	}
	d.lines = append(d.lines, standard.Text{
		Zh: fmt.Sprintf("  %s：%s → %s：%s〔%s〕", r.id, strings.Join(zh, "，"), actionZh[r.action], r.reason.Zh, r.source),
		En: fmt.Sprintf("  %s: %s → %s: %s [%s]", r.id, strings.Join(en, ", "), r.action, r.reason.En, r.source),
	})
}

// Sources says where what the file holds is known from, each with its provenance.
func (f *File) Sources() []string {
	var all []string
	for _, s := range f.sources {
		all = append(all, fmt.Sprintf("%s (%s)", s.value.says, s.value.provenance))
	}
	return all
}

// TestCase gives the case of one of the file's own tests, and says whether there is one of that name.
func (f *File) TestCase(name string) (*Case, bool) {
	for i := range f.tests {
		if f.tests[i].name == name {
			return &f.tests[i].given, true
		}
	}
	return nil, false
}

// Result is what came of one of a file's own tests.
type Result struct {
	File     string          `json:"file"`
	Line     int             `json:"line"`
	Name     string          `json:"name"`
	Want     standard.Action `json:"want"`
	WantRule string          `json:"wantRule"`
	Got      standard.Action `json:"got"`
	GotRule  string          `json:"gotRule"`
	OK       bool            `json:"ok"`
}

// Test runs the tests of the files, together with the national default. The error is of files that cannot stand beside each other.
func Test(files ...*File) ([]Result, error) {
	s, findings := together(files)
	if err := findings.Err(); err != nil {
		return nil, err
	}
	results := []Result{}
	for _, f := range files {
		for i := range f.tests {
			t := &f.tests[i]
			got := s.run(f, t)
			results = append(results, Result{f.Name, t.at.line, t.name, t.action, t.rule, got.decision.Action, got.decision.Rule, got.as(t)})
		}
	}
	return results, nil
}
