package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tongma/adapters/descriptor"
	"tongma/adapters/strict"
	"tongma/standard"
)

// National is what stands in region: of the national default, and before its rules' ids.
const national = "default"

// File is one file of rules, read and compiled. It does not change.
type File struct {
	Name      string   // the file's
	Regions   []string // GB/T 2260, or default alone
	Version   int
	Title     standard.Text
	Announced time.Time // zero: not said
	Notice    time.Duration
	From      time.Time // zero: it has always held
	Until     time.Time // not included; zero: it holds on

	sources  []pair[source]
	meanings [4]standard.Text // of green, yellow, red and none
	systems  map[string]Standing
	rest     Standing // of the systems that are not named
	restSaid bool
	modes    [4]Standing // by mode
	modeSaid [4]bool
	ordered  bool // the first rule that holds decides; else no two can hold
	inherits bool
	rules    []rule
	tests    []test
	byCell   [cells][]uint8 // the rules that may decide what falls there, in their order
	at       position       // of the rules
}

type position struct{ line, column int }

func at(n *yaml.Node) position { return position{n.Line, n.Column} }

type pair[T any] struct {
	key   string
	at    position
	value T
}

// source is where what a line says is known from.
type source struct {
	says       string
	provenance standard.Provenance
	used       bool
}

// rule is one rule of a file.
type rule struct {
	id        string
	at        position
	cells     [cells]bool
	stale     bool // it says outright that it is for stale answers too
	wants     [5][]string
	condition *descriptor.Condition // nil: it has none
	reads     nameSet
	action    standard.Action
	reason    standard.Text
	source    string
}

// The bounds of a file.
const (
	maxFile  = 256 << 10
	maxRules = 200
	maxMode  = 3
)

// Parse reads a file of rules and checks it by itself. The error is [strict.Findings]: every one has its place and how to mend it. What
// depends on other files, and the file's own tests, [Load] checks.
func Parse(name string, src []byte) (*File, error) {
	r := &reader{file: name}
	root, findings := strict.Parse(name, src, strict.Rules{
		Size:   maxFile,
		Empty:  "see gateway/policy/README.md, or begin with one that  tongma policy list  shows",
		Broken: "indent with spaces, and quote what has any of , : # ? { } [ ]",
	})
	if root == nil {
		return nil, findings
	}
	f := r.rulesFile(root)
	if len(r.findings) == 0 {
		r.findings = f.check()
	}
	if err := r.findings.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

// ID is how a decision names a rule of this file at a region: 440000/green@1.
func (f *File) id(region, rule string) string {
	return fmt.Sprintf("%s/%s@%d", region, rule, f.Version)
}

// holdsAt says whether the file is in force. One that is always in force needs no time.
func (f *File) holdsAt(at time.Time) bool {
	return (f.From.IsZero() || !at.Before(f.From)) && (f.Until.IsZero() || at.Before(f.Until))
}

// system gives what the file says of a system; a system's own line is before that of its city, and that before its province's.
func (f *File) system(s *standard.System) (Standing, bool) {
	if standing, ok := f.systems[s.ID]; ok {
		return standing, true
	}
	if len(s.Region) == 6 {
		for _, region := range [...]string{s.Region, s.Region[:4] + "00", s.Region[:2] + "0000"} {
			if standing, ok := f.systems[region]; ok {
				return standing, true
			}
		}
	}
	return f.rest, f.restSaid
}

// check finds overlaps, gaps, rules that never decide, and passes that no file may give.
func (f *File) check() strict.Findings {
	var findings strict.Findings
	find := func(at position, what, mend string) {
		findings = append(findings, strict.Finding{File: f.Name, Line: at.line, Column: at.column, What: what, Mend: mend})
	}
	for i := range f.rules {
		r := &f.rules[i]
		if r.action == standard.Pass {
			if wrong := mayNotPass(r); wrong != "" {
				find(r.at, fmt.Sprintf("rule %s would let %s through, which no rule may", r.id, wrong), "say  on: green, others: clear, and standing: [preferred, honoured]  of a pass")
			}
		}
		if f.ordered {
			if by := f.hiddenBy(i); by != nil {
				find(r.at, fmt.Sprintf("rule %s never decides: %s before it hold for all that it holds for", r.id, strings.Join(by, ", ")), "put it before them, or leave it out")
			}
			continue
		}
		for j := range f.rules[:i] {
			if where, both := overlap(r, &f.rules[j]); both {
				find(r.at, fmt.Sprintf("rules %s and %s overlap: both may hold for %s", f.rules[j].id, r.id, where.words()), "narrow one of them, or say  order: first  and put first what comes first")
			}
		}
	}
	if !f.inherits {
		if gap := f.gap(); gap != "" {
			find(f.at, "no rule decides for certain about "+gap, "add a rule without if for it, or say  otherwise: inherit")
		}
	}
	return findings
}

// mayNotPass gives in words something that a rule holds for and that must not pass.
func mayNotPass(r *rule) string {
	for c := range cell(cells) {
		if !r.cells[c] {
			continue
		}
		k, fr, w, _, s := c.parts()
		switch {
		case k != green, w != noneWorse, s == refused, fr == stale && !r.stale:
			return c.words()
		}
	}
	return ""
}

// hiddenBy gives the rules before one that leave nothing to it, nil if there is something.
func (f *File) hiddenBy(i int) []string {
	by := []string{}
	for c, in := range f.rules[i].cells {
		if !in {
			continue
		}
		earlier := f.certain(cell(c), i)
		if earlier < 0 {
			return nil
		}
		if id := f.rules[earlier].id; !slices.Contains(by, id) {
			by = append(by, id)
		}
	}
	return by
}

// certain gives the first of n rules that holds for a cell whatever else is so, -1 for none.
func (f *File) certain(c cell, n int) int {
	for i := range f.rules[:n] {
		if r := &f.rules[i]; r.cells[c] && r.condition == nil {
			return i
		}
	}
	return -1
}

func overlap(a, b *rule) (cell, bool) {
	for c := range cell(cells) {
		if a.cells[c] && b.cells[c] {
			return c, true
		}
	}
	return 0, false
}

// gap gives in words what no rule without a condition decides about, "" if nothing.
func (f *File) gap() string {
	var open []string
	for k := range kinds {
		for c := range cell(cells) {
			if of, _, _, _, _ := c.parts(); of != k || !c.possible() {
				continue
			}
			if f.certain(c, len(f.rules)) < 0 {
				open = append(open, c.words())
				break
			}
		}
	}
	return strings.Join(open, "; ")
}

// words says in words of the file what falls into a cell.
func (c cell) words() string {
	k, f, w, b, s := c.parts()
	text := kindWords[k]
	if k <= none {
		text += ", " + fromWords[f]
		if w == worseElsewhere {
			text += ", another code worse"
		}
	}
	return text + ", by " + byWords[b] + ", " + standingWords[s] + " system"
}
