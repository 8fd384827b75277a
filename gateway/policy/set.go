package policy

import (
	"fmt"
	"slices"
	"time"

	"tongma/adapters/strict"
	"tongma/standard"
)

// Set is all rules of a gateway. It is safe for concurrent use and does not change.
type Set struct {
	files    []*File
	regions  map[string][]bound
	national bound
}

// bound is a file at one of its regions.
type bound struct {
	*File
	region    string
	decisions []standard.Decision // by rule
}

// Load puts files together and adds the national default, unless one of them is it. The error is [strict.Findings]: two files of one region
// that hold at one time, tests of a file that come out otherwise, and rules that no test of their file shows to decide.
func Load(files ...*File) (*Set, error) {
	s, findings := together(files)
	if len(findings) == 0 {
		for _, f := range s.files {
			findings = append(findings, s.prove(f)...)
		}
	}
	if err := findings.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// together puts files together without running their tests.
func together(files []*File) (*Set, strict.Findings) {
	if !slices.ContainsFunc(files, (*File).isNational) {
		files = append(slices.Clip(files), nationalFile())
	}
	s := &Set{files: files, regions: map[string][]bound{}}
	var findings strict.Findings
	for _, f := range files {
		for _, region := range f.Regions {
			for _, other := range s.regions[region] {
				if what, mend := besides(f, other.File, region); what != "" {
					findings = append(findings, strict.Finding{File: f.Name, Line: 1, Column: 1, What: what, Mend: mend})
				}
			}
			b := bindTo(f, region)
			s.regions[region] = append(s.regions[region], b)
			if region == national {
				s.national = b
			}
		}
	}
	return s, findings
}

func (f *File) isNational() bool { return f.Regions[0] == national }

func bindTo(f *File, region string) bound {
	b := bound{File: f, region: region}
	for i := range f.rules {
		r := &f.rules[i]
		b.decisions = append(b.decisions, standard.Decision{Action: r.action, Rule: f.id(region, r.id), Reason: r.reason})
	}
	return b
}

// besides says what is wrong with two files of one region.
func besides(f, other *File, region string) (what, mend string) {
	switch {
	case f.Version == other.Version:
		return fmt.Sprintf("%s is of region %s and version %d too", other.Name, region, f.Version), "give each version of a region's rules a number of its own"
	case (other.Until.IsZero() || f.From.Before(other.Until)) && (f.Until.IsZero() || other.From.Before(f.Until)):
		return fmt.Sprintf("%s holds at the same time in region %s", other.Name, region), "let one end, with until, when the other begins"
	case f.From.Before(other.From) != (f.Version < other.Version):
		return fmt.Sprintf("%s holds at another time in region %s, and the later of the two has the lower version", other.Name, region), "count versions up"
	}
	return "", ""
}

// prove runs a file's tests, and says which rules none of them shows to decide.
func (s *Set) prove(f *File) strict.Findings {
	var findings strict.Findings
	find := func(at position, mend, what string, args ...any) {
		findings = append(findings, strict.Finding{File: f.Name, Line: at.line, Column: at.column, What: fmt.Sprintf(what, args...), Mend: mend})
	}
	shown := map[string]bool{}
	for i := range f.tests {
		t := &f.tests[i]
		got := s.run(f, t)
		shown[got.decided] = true
		if !got.as(t) {
			find(t.at, "mend the rules or the test; tongma policy explain --test shows each step", "the test %q: %s by %s, not %s by %s", t.name, got.decision.Action, got.decision.Rule, t.action, t.rule)
		}
	}
	for i := range f.rules {
		if r := &f.rules[i]; !shown[r.id] {
			find(r.at, "add a test that it decides, or leave it out", "no test is decided by rule %s", r.id)
		}
	}
	return findings
}

// chain is the files that decide at a place, from the nearest to the national one.
type chain struct {
	files [4]bound
	n     int
}

func (s *Set) chain(region string, at time.Time) (c chain) {
	if len(region) == 6 && len(s.regions) > 1 {
		last := ""
		for _, code := range [...]string{region, region[:4] + "00", region[:2] + "0000"} {
			if code == last {
				continue
			}
			last = code
			for _, b := range s.regions[code] {
				if b.holdsAt(at) {
					c.files[c.n] = b
					c.n++
				}
			}
		}
	}
	c.files[c.n] = s.national
	c.n++
	return c
}

// standings gives how the case's system and mode stand: of each, what the nearest file says that says anything. What no file names, and a
// system that the call never got to, is honoured.
func (c *chain) standings(of *Case, t *trace) (system, mode Standing) {
	system, mode = honoured, honoured
	if s := of.Verification.System; s != nil {
		for i := range c.files[:c.n] {
			if said, ok := c.files[i].system(s); ok {
				t.system(&c.files[i], s, said)
				system = said
				break
			}
		}
	}
	if m := of.mode(); m >= 1 && m <= maxMode {
		for i := range c.files[:c.n] {
			if f := &c.files[i]; f.modeSaid[m] {
				t.mode(f, m)
				mode = f.modes[m]
				break
			}
		}
	}
	return system, mode
}

// Route says how a system and a recognition mode stand at a place: which of several routes to take first, and which not at all.
func (s *Set) Route(region string, at time.Time, system standard.System, mode int) (ofSystem, ofMode Standing) {
	c := s.chain(region, at)
	return c.standings(&Case{Verification: &standard.Verification{System: &system}, Mode: mode}, nil)
}
