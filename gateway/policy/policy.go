// Package policy decides what a verifier is told to do.
//
// The rules are a table. The first row that holds decides; what no row holds for is decided by hand, never let through. Only
// one row says pass, and it asks for a verified green that is not stale, with nothing worse among the holder's other codes.
package policy

import "tongma/standard"

// rule is one row of the table: when it holds, its action is the decision.
type rule struct {
	id     string // such as default/green@1; the number rises when the rule's meaning changes
	action standard.Action
	reason standard.Text
	holds  func(*standard.Verification) bool
}

// rules is the table, in the order in which they are tried. They hold at every place.
var rules = []rule{
	{"default/red@1", standard.Deny, standard.Text{Zh: "红码：不得通行", En: "red code: no entry"}, status(standard.Red)},
	{"default/yellow@1", standard.Manual, standard.Text{Zh: "黄码：请人工核查", En: "yellow code: check by hand"}, status(standard.Yellow)},
	{"default/others@1", standard.Manual, standard.Text{Zh: "持码人另有黄码或红码：请人工核查", En: "another code of this holder is yellow or red: check by hand"}, worseElsewhere},
	{"default/stale@1", standard.Manual, standard.Text{Zh: "绿码为此前查询所得，现无法向发码系统核实：请人工核查", En: "green when the system was last asked, which cannot be done now: check by hand"}, staleGreen},
	{"default/green@1", standard.Pass, standard.Text{Zh: "绿码：可以通行", En: "green code: let through"}, status(standard.Green)},
	{"default/none@1", standard.Manual, standard.Text{Zh: "发码系统未给出可识别的码色：请人工核查", En: "the system gave no colour that is known: check by hand"}, outcome(standard.Verified)},
	{"default/expired@1", standard.Manual, standard.Text{Zh: "此码已过期：请刷新后重新扫码", En: "the code has expired: ask for a fresh one"}, outcome(standard.Expired)},
	{"default/not_found@1", standard.Manual, standard.Text{Zh: "查无此人或此码：请人工核查", En: "no such holder or code: check by hand"}, outcome(standard.NotFound)},
	{"default/unrecognised@1", standard.Manual, standard.Text{Zh: "无法识别此码：请人工核查", En: "the code is not recognised: check by hand"}, outcome(standard.Unrecognised)},
	{"default/refused@1", standard.Manual, standard.Text{Zh: "发码系统拒绝答复：请人工核查", En: "the system declines to answer: check by hand"}, outcome(standard.Refused)},
	{"default/unavailable@1", standard.Manual, standard.Text{Zh: "暂时无法核验：请人工核查", En: "verification is not possible at present: check by hand"}, outcome(standard.Unavailable)},
}

// Decide gives the decision on v, of which it reads outcome, status, others and freshness. What no row holds for falls to the last one.
func Decide(v *standard.Verification) standard.Decision {
	last := len(rules) - 1
	for i := range rules[:last] {
		if rules[i].holds(v) {
			return rules[i].decision()
		}
	}
	return rules[last].decision()
}

func (r *rule) decision() standard.Decision {
	return standard.Decision{Action: r.action, Rule: r.id, Reason: r.reason}
}

func status(s standard.Status) func(*standard.Verification) bool {
	return func(v *standard.Verification) bool { return v.Outcome == standard.Verified && v.Status == s }
}

func outcome(o standard.Outcome) func(*standard.Verification) bool {
	return func(v *standard.Verification) bool { return v.Outcome == o }
}

func staleGreen(v *standard.Verification) bool {
	return v.Outcome == standard.Verified && v.Status == standard.Green && (v.Freshness == nil || v.Freshness.From != standard.Live && v.Freshness.From != standard.Cache)
}

func worseElsewhere(v *standard.Verification) bool {
	if v.Outcome != standard.Verified {
		return false
	}
	for _, o := range v.Others {
		if o.Status == standard.Yellow || o.Status == standard.Red {
			return true
		}
	}
	return false
}
