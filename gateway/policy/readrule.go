package policy

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"tongma/standard"
)

// The five keys by which a rule says what it is for, in the order of the parts of a cell.
const (
	wantKind = iota
	wantFrom
	wantWorse
	wantBy
	wantStanding
)

var (
	wantKeys  = [5]string{"on", "from", "others", "by", "standing"}
	wantWords = [5][]string{kindWords, fromWords, worseWords, byWords, standingWords}
	// passWants is what a pass is for where it does not say otherwise.
	passWants = [5][]bool{wantFrom: {true, true, false}, wantWorse: {true, false}, wantStanding: {true, true, false}}
)

var actions = []string{string(standard.Pass), string(standard.Manual), string(standard.Deny)}

func (r *reader) rules(f *File, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 || len(n.Content) > maxRules {
		r.find(at(n), "begin each with  - id: …", "rules must be a list of 1 to %d", maxRules)
		return
	}
	ids := map[string]bool{}
	for i, item := range n.Content {
		one := r.rule(item)
		if ids[one.id] {
			r.find(one.at, "give each an id of its own", "there is another rule %s", one.id)
		}
		ids[one.id] = true
		f.rules = append(f.rules, one)
		for c, in := range one.cells {
			if in {
				f.byCell[c] = append(f.byCell[c], uint8(i))
			}
		}
	}
}

func (r *reader) rule(n *yaml.Node) rule {
	one := rule{at: at(n)}
	var wants [5][]bool
	known := map[string]func(*yaml.Node){
		"id": func(n *yaml.Node) {
			if one.id = r.text(n, "id"); !idRule.MatchString(one.id) {
				r.find(at(n), "a lower-case letter, then letters, digits, - and _", "%q is no id", one.id)
			}
		},
		"if": func(n *yaml.Node) {
			if r.text(n, "if") == "" {
				return
			}
			condition, findings := conditions().Compile(r.file, n)
			r.findings = append(r.findings, findings...)
			if condition != nil {
				one.condition, one.reads = condition, readBy(condition)
			}
		},
		"then": func(n *yaml.Node) {
			if i := r.word(n, "then", actions); i >= 0 {
				one.action = standard.Action(actions[i])
			}
		},
		"reason": func(n *yaml.Node) { one.reason = r.both(n, "reason") },
		"source": r.from(&one.source),
	}
	for i, key := range wantKeys {
		known[key] = func(n *yaml.Node) {
			wants[i] = r.words(n, key, wantWords[i])
			if i == wantFrom {
				one.stale = wants[i][stale]
			}
		}
	}
	r.fields(n, "a rule", known, "id", "on", "then", "reason", "source")
	onlyVerified := wants[wantFrom] != nil || wants[wantWorse] != nil
	if onlyVerified && wants[wantKind] != nil && slices.Contains(wants[wantKind][expired:], true) {
		r.find(one.at, "make two rules of it: from and others are of green, yellow, red and none", "what was not verified has no age and no other codes")
	}
	one.covers(wants)
	return one
}

// covers fills in which cells a rule is for. What it leaves out is any; of a pass, what may pass.
func (r *rule) covers(wants [5][]bool) {
	for i := range wants {
		if wants[i] == nil && r.action == standard.Pass {
			wants[i] = passWants[i]
		}
		for j, in := range wants[i] {
			if in {
				r.wants[i] = append(r.wants[i], wantWords[i][j])
			}
		}
	}
	wanted := func(i int, j int) bool { return wants[i] == nil || wants[i][j] }
	for c := range cell(cells) {
		k, f, w, b, s := c.parts()
		r.cells[c] = c.possible() && wants[wantKind] != nil && wants[wantKind][k] && wanted(wantFrom, int(f)) && wanted(wantWorse, int(w)) &&
			wanted(wantBy, int(b)) && wanted(wantStanding, int(s))
	}
}
