package policy

import (
	"time"

	"tongma/standard"
)

// Case is what is decided about.
type Case struct {
	Verification *standard.Verification // of which outcome, status, system, others and freshness are read
	Record       *standard.Record       // in full, whatever the caller may see of it; nil unless verified
	Place        standard.Place
	Scene        string
	Purpose      string
	Document     bool // it was asked by document, not by a scan
	Mode         int  // the recognition mode of the system's route; 0 is 1
	At           time.Time

	assumed *Standing // what a test says of the system, nil: what the files say
}

// Decide gives the decision on v by the national default rules alone, as it is where no region has rules.
func Decide(v *standard.Verification) standard.Decision {
	return National().Decide(&Case{Verification: v})
}

// Decide gives the decision by the rules of the place: those of its county, city and province, and then the national ones. The first
// rule that holds decides.
func (s *Set) Decide(c *Case) standard.Decision {
	return s.decide(c, nil)
}

func (s *Set) decide(c *Case, t *trace) standard.Decision {
	chain := s.chain(c.Place.Region, c.At)
	standing, mode := chain.standings(c, t)
	if mode == refused {
		standing = refused
	}
	if c.assumed != nil {
		standing = *c.assumed
	}
	at := cellOf(c, standing)
	t.cell(at)
	env := environment{of: c}
	defer env.release()
	for n := range chain.files[:chain.n] {
		f := &chain.files[n]
		t.file(f)
		for _, i := range f.byCell[at] {
			r := &f.rules[i]
			holds, err := r.holds(&env)
			t.tried(f, i, holds, err)
			switch {
			case err != nil: // what comes later was written for those that it does not hold for
				return standard.Decision{Action: standard.Manual, Rule: f.decisions[i].Rule, Reason: notComputed}
			case holds:
				return above(at, r, f.decisions[i], t)
			}
		}
	}
	t.undecided()
	return undecided
}

// above keeps the rules that are above every file: whatever stands there, nobody passes but with a verified green of a system that is
// honoured, without a yellow or red code besides, and not with a stale one unless the rule says so outright.
func above(at cell, r *rule, d standard.Decision, t *trace) standard.Decision {
	k, from, others, _, standing := at.parts()
	if d.Action != standard.Pass || k == green && others == noneWorse && standing != refused && (from != stale || r.stale) {
		return d
	}
	t.above(d)
	return overruled
}

// The decisions that no file makes.
var (
	overruled = standard.Decision{Action: standard.Manual, Rule: "tongma/above@1", Reason: standard.Text{
		Zh: "非经核实的有效绿码，任何规则不得放行：请人工核查", En: "no rule lets through what is not a verified, current green: check by hand"}}
	undecided = standard.Decision{Action: standard.Manual, Rule: "tongma/undecided@1", Reason: standard.Text{
		Zh: "没有适用的规则：请人工核查", En: "no rule holds for this: check by hand"}}
	notComputed = standard.Text{Zh: "所持资料不足以适用规则：请人工核查", En: "the rule cannot be applied to what is known: check by hand"}
)

// holds says whether the rule's condition holds. Its cell has been looked up before.
func (r *rule) holds(env *environment) (bool, error) {
	if r.condition == nil {
		return true, nil
	}
	return r.condition.Holds(env.with(r.reads))
}
