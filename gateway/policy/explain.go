package policy

import (
	"fmt"
	"slices"
	"strings"

	"tongma/standard"
)

// Step is one step of a decision, in both languages. It names no person and holds none of the values that were compared.
type Step struct {
	File string        `json:"file,omitempty"` // of the rules
	Line int           `json:"line,omitempty"`
	Rule string        `json:"rule,omitempty"`
	Says standard.Text `json:"says"`
}

// Explain decides as [Set.Decide] does, and tells each step.
func (s *Set) Explain(c *Case) (standard.Decision, []Step) {
	t := new(trace)
	c2 := *c
	chain := s.chain(c.Place.Region, c.At)
	t.place(&c2, &chain)
	d := s.decide(&c2, t)
	t.add(Step{Rule: d.Rule, Says: standard.Text{
		Zh: fmt.Sprintf("判定：%s（%s）", actionZh[d.Action], d.Reason.Zh), En: fmt.Sprintf("decided: %s (%s)", d.Action, d.Reason.En)}})
	return d, t.steps
}

// trace gathers the steps of a decision. A nil one gathers none.
type trace struct {
	steps []Step
	at    cell
}

func (t *trace) add(s Step) { t.steps = append(t.steps, s) }

// How the words of rule files are said in Chinese.
var (
	actionZh = map[standard.Action]string{standard.Pass: "通行", standard.Manual: "人工核查", standard.Deny: "不得通行"}
	wordZh   = map[string]string{
		"green": "绿码", "yellow": "黄码", "red": "红码", "none": "无可识别的码色", "expired": "已过期", "not_found": "查无此人或此码",
		"unrecognised": "无法识别", "refused": "拒绝", "unavailable": "暂时无法核验", "live": "实时查询", "cache": "缓存", "stale": "陈旧",
		"clear": "别无黄码或红码", "worse": "另有黄码或红码", "scan": "扫码", "document": "证件", "preferred": "优先采用", "honoured": "认可", "declined": "拒绝答复",
	}
	refusedZh = "不予认可" // of a standing; of an outcome the word means that the system declines
	keyZh     = [5]string{"结果", "时效", "其他码", "查询方式", "互认"}
)

func inZh(part int, word string) string {
	switch {
	case part == wantStanding && word == "refused":
		return refusedZh
	case part == wantKind && word == "refused":
		return wordZh["declined"]
	}
	return wordZh[word]
}

func (t *trace) place(c *Case, chain *chain) {
	var files []string
	for _, f := range chain.files[:chain.n] {
		files = append(files, fmt.Sprintf("%s@%d", f.region, f.Version))
	}
	list, where := strings.Join(files, " → "), c.Place.Region
	if where == "" {
		where = "-"
	}
	t.add(Step{Says: standard.Text{
		Zh: fmt.Sprintf("地点 %s：依次适用 %s", where, list), En: fmt.Sprintf("the place is %s: the rules of %s, in this order", where, list)}})
}

func (t *trace) system(f *bound, s *standard.System, standing Standing) {
	if t == nil {
		return
	}
	t.add(Step{File: f.Name, Says: standard.Text{
		Zh: fmt.Sprintf("健康码系统 %s：%s（%s@%d）", s.ID, inZh(wantStanding, standing.String()), f.region, f.Version),
		En: fmt.Sprintf("the system %s is %s (%s@%d)", s.ID, standing, f.region, f.Version)}})
}

func (t *trace) mode(f *bound, m int) {
	if t == nil {
		return
	}
	standing := f.modes[m].String()
	t.add(Step{File: f.Name, Says: standard.Text{
		Zh: fmt.Sprintf("互认方式 %d：%s（%s@%d）", m, inZh(wantStanding, standing), f.region, f.Version),
		En: fmt.Sprintf("recognition mode %d is %s (%s@%d)", m, standing, f.region, f.Version)}})
}

func (t *trace) cell(at cell) {
	if t == nil {
		return
	}
	t.at = at
	var zh []string
	for part, word := range at.wordList() {
		if word != "" {
			zh = append(zh, inZh(part, word))
		}
	}
	t.add(Step{Says: standard.Text{Zh: "情形：" + strings.Join(zh, "、"), En: "the case: " + at.words()}})
}

// wordList gives the words of a cell by its parts, "" for those that it has not.
func (c cell) wordList() [5]string {
	k, f, w, b, s := c.parts()
	list := [5]string{kindWords[k], fromWords[f], worseWords[w], byWords[b], standingWords[s]}
	if k > none {
		list[wantFrom], list[wantWorse] = "", ""
	}
	return list
}

// file tells of the rules of a file that are for something else.
func (t *trace) file(f *bound) {
	if t == nil {
		return
	}
	for i := range f.rules {
		r := &f.rules[i]
		if r.cells[t.at] {
			continue
		}
		key, want, is := r.unlike(t.at)
		var zh []string
		for _, w := range want {
			zh = append(zh, inZh(key, w))
		}
		t.add(Step{File: f.Name, Line: r.at.line, Rule: f.decisions[i].Rule, Says: standard.Text{
			Zh: fmt.Sprintf("不适用：%s须为%s，此为%s", keyZh[key], strings.Join(zh, "或"), inZh(key, is)),
			En: fmt.Sprintf("is for something else: %s is %s here, not %s", wantKeys[key], is, strings.Join(want, " or "))}})
	}
}

// unlike gives the first part of a cell that a rule is not for: which, what the rule wants, and what it is.
func (r *rule) unlike(c cell) (part int, want []string, is string) {
	for part, is := range c.wordList() {
		if want := r.wants[part]; want != nil && is != "" && !slices.Contains(want, is) {
			return part, want, is
		}
	}
	return wantKind, r.wants[wantKind], kindWords[0]
}

func (t *trace) tried(f *bound, i uint8, holds bool, err error) {
	if t == nil {
		return
	}
	r := &f.rules[i]
	step := Step{File: f.Name, Line: r.at.line, Rule: f.decisions[i].Rule}
	switch {
	case err != nil:
		step.Says = standard.Text{Zh: fmt.Sprintf("条件无法计算：%s", r.condition), En: fmt.Sprintf("the condition cannot be computed: %s: %v", r.condition, err)}
	case r.condition == nil:
		step.Says = standard.Text{Zh: "适用", En: "holds"}
	case holds:
		step.Says = standard.Text{Zh: fmt.Sprintf("条件成立：%s", r.condition), En: fmt.Sprintf("the condition holds: %s", r.condition)}
	default:
		step.Says = standard.Text{Zh: fmt.Sprintf("条件不成立：%s", r.condition), En: fmt.Sprintf("the condition does not hold: %s", r.condition)}
	}
	t.add(step)
}

func (t *trace) above(d standard.Decision) {
	if t == nil {
		return
	}
	t.add(Step{Rule: overruled.Rule, Says: standard.Text{Zh: "此规则无权放行：" + d.Rule, En: "no rule may let this through, and this one would: " + d.Rule}})
}

func (t *trace) undecided() {
	if t == nil {
		return
	}
	t.add(Step{Rule: undecided.Rule, Says: undecided.Reason})
}
