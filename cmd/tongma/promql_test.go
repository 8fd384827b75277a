package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// This is a check of PromQL as far as deploy/ uses it: syntax, types, and whether metrics and labels are there. Prometheus's own parser would
// bring a hundred modules into go.sum.

// exported is what a binary shows on /metrics.
type exported struct {
	types  map[string]string // of the families
	series map[string][]map[string]string
}

var (
	sampleLine = regexp.MustCompile(`^(\w+)(?:\{(.*)\})? \S+$`)
	labelPair  = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

// target are the labels that Prometheus itself adds to every series.
var target = map[string]string{"job": "tongma", "instance": "gateway:9090"}

func readExported(page string) *exported {
	e := &exported{types: map[string]string{"up": "gauge"}, series: map[string][]map[string]string{"up": {maps.Clone(target)}}}
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if words := strings.Fields(line); len(words) == 4 && words[1] == "TYPE" {
			e.types[words[2]] = words[3]
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		labels := maps.Clone(target)
		for _, p := range labelPair.FindAllStringSubmatch(m[2], -1) {
			labels[p[1]] = p[2]
		}
		e.series[m[1]] = append(e.series[m[1]], labels)
	}
	return e
}

// counts says whether a series only grows.
func (e *exported) counts(name string) bool {
	for _, end := range []string{"_bucket", "_sum", "_count"} {
		if family, ok := strings.CutSuffix(name, end); ok && (e.types[family] == "histogram" || e.types[family] == "summary" && end != "_bucket") {
			return true
		}
	}
	return e.types[name] == "counter"
}

// kind is the type of an expression.
type kind int

const (
	scalar kind = iota
	vector
	matrix
)

// value is what is known of an expression.
type value struct {
	kind    kind
	labels  map[string]bool
	counter bool // it is a series of a counter itself
	filters bool // it is empty where nothing is wrong: what an alert needs
}

var lexeme = regexp.MustCompile(`^(?:\s+|([a-zA-Z_:][a-zA-Z0-9_:]*)|(\d+(?:ms|[smhdwy]))|(\d+(?:\.\d+)?(?:e[+-]?\d+)?)|("(?:[^"\\]|\\.)*")|(==|!=|=~|!~|>=|<=|[-+*/%^()\[\]{},<>=:]))`)

// What a token may be.
const (
	isWord = iota + 1
	isSpan
	isNumber
	isText
	isSign
)

type tok struct {
	what int
	text string
}

type promParser struct {
	in  *exported
	all []tok
}

// checkPromQL gives what is known of an expression, or what is wrong with it.
func checkPromQL(e *exported, expr string) (v value, err error) {
	p := &promParser{in: e}
	for rest := expr; rest != ""; {
		m := lexeme.FindStringSubmatch(rest)
		if m == nil {
			return v, fmt.Errorf("%q cannot be read", rest)
		}
		rest = rest[len(m[0]):]
		for what := isWord; what <= isSign; what++ {
			if m[what] != "" {
				p.all = append(p.all, tok{what, m[what]})
			}
		}
	}
	v, err = p.binary(0)
	if err == nil && len(p.all) > 0 {
		err = fmt.Errorf("%q stands behind the end", p.all[0].text)
	}
	if err == nil && v.kind == matrix {
		err = errors.New("a range alone shows nothing")
	}
	return v, err
}

func (p *promParser) next() tok {
	if len(p.all) == 0 {
		return tok{}
	}
	t := p.all[0]
	p.all = p.all[1:]
	return t
}

func (p *promParser) is(text string) bool { return len(p.all) > 0 && p.all[0].text == text }

func (p *promParser) take(text string) bool {
	if p.is(text) {
		p.next()
		return true
	}
	return false
}

func (p *promParser) need(text string) error {
	if !p.take(text) {
		return fmt.Errorf("%q is missing before %v", text, p.all)
	}
	return nil
}

// levels are the binary operators, the weakest first.
var levels = [][]string{{"or"}, {"and", "unless"}, {"==", "!=", ">", "<", ">=", "<="}, {"+", "-"}, {"*", "/", "%"}}

const comparing = 2

func (p *promParser) binary(level int) (value, error) {
	if level == len(levels) {
		return p.primary()
	}
	left, err := p.binary(level + 1)
	for err == nil && len(p.all) > 0 && slices.Contains(levels[level], p.all[0].text) {
		op := p.next().text
		var on []string
		if p.is("on") || p.is("ignoring") {
			word := p.next().text
			if on, err = p.names(); err != nil {
				return left, err
			}
			if word == "ignoring" {
				on = nil
			}
		}
		many := p.take("group_left")
		if many && p.is("(") {
			if _, err := p.names(); err != nil {
				return left, err
			}
		}
		var right value
		if right, err = p.binary(level + 1); err != nil {
			return left, err
		}
		left, err = combined(op, level, left, right, on, many)
	}
	return left, err
}

// combined checks the two sides of an operator.
func combined(op string, level int, left, right value, on []string, many bool) (value, error) {
	for _, label := range on {
		if !left.labels[label] || !right.labels[label] {
			return left, fmt.Errorf("%s on(%s): one side does not have it", op, label)
		}
	}
	switch {
	case left.kind == matrix || right.kind == matrix:
		return left, fmt.Errorf("%s of a range", op)
	case level < comparing && (left.kind == scalar || right.kind == scalar):
		return left, fmt.Errorf("%s of a number", op)
	case level == comparing && left.kind == scalar && right.kind == scalar:
		return left, fmt.Errorf("%s compares two numbers", op)
	case left.kind == vector && right.kind == vector && on == nil && !many && level >= comparing && !maps.Equal(left.labels, right.labels):
		return left, fmt.Errorf("%s: the sides have the labels %v and %v: nothing would match", op, slices.Sorted(maps.Keys(left.labels)), slices.Sorted(maps.Keys(right.labels)))
	case level >= comparing && (left.counter || right.counter):
		return left, fmt.Errorf("%s of a counter itself: take its rate", op)
	}
	v := left
	if left.kind == scalar {
		v = right
	}
	v.counter = false
	v.filters = level == comparing || level < comparing && left.filters
	return v, nil
}

func (p *promParser) names() ([]string, error) {
	if err := p.need("("); err != nil {
		return nil, err
	}
	names := []string{}
	for !p.take(")") {
		t := p.next()
		if t.what != isWord {
			return nil, fmt.Errorf("%q is no label", t.text)
		}
		names = append(names, t.text)
		if !p.is(")") {
			if err := p.need(","); err != nil {
				return nil, err
			}
		}
	}
	return names, nil
}

var aggregations = []string{"sum", "min", "max", "avg", "count"}

// function is what a function takes and gives.
type function struct {
	takes   []kind
	gives   kind
	counter bool // of a counter alone
	gauge   bool // of anything but a counter
}

var functions = map[string]function{
	"rate": {[]kind{matrix}, vector, true, false}, "increase": {[]kind{matrix}, vector, true, false},
	"max_over_time": {[]kind{matrix}, vector, false, true}, "min_over_time": {[]kind{matrix}, vector, false, true}, "avg_over_time": {[]kind{matrix}, vector, false, true},
	"changes": {[]kind{matrix}, vector, false, true}, "histogram_quantile": {[]kind{scalar, vector}, vector, false, true},
	"clamp_min": {[]kind{vector, scalar}, vector, false, true}, "clamp_max": {[]kind{vector, scalar}, vector, false, true},
	"absent": {[]kind{vector}, vector, false, false}, "time": {nil, scalar, false, false},
}

func (p *promParser) primary() (value, error) {
	t := p.next()
	switch {
	case t.text == "-":
		return p.primary()
	case t.text == "(":
		v, err := p.binary(0)
		if err != nil {
			return v, err
		}
		return v, p.need(")")
	case t.what == isNumber:
		_, err := strconv.ParseFloat(t.text, 64)
		return value{kind: scalar}, err
	case t.what == isWord && slices.Contains(aggregations, t.text):
		return p.aggregation(t.text)
	case t.what == isWord && p.is("("):
		return p.call(t.text)
	case t.what == isWord:
		return p.selector(t.text)
	}
	return value{}, fmt.Errorf("%q stands where an expression should", t.text)
}

// aggregation reads what follows sum, max and so on.
func (p *promParser) aggregation(name string) (value, error) {
	var by []string
	var err error
	given := false
	grouping := func() {
		if err == nil && !given && (p.is("by") || p.is("without")) {
			if p.next().text == "without" {
				err = errors.New("say by which labels, not without which")
				return
			}
			given = true
			by, err = p.names()
		}
	}
	grouping()
	if err == nil {
		err = p.need("(")
	}
	if err != nil {
		return value{}, err
	}
	v, err := p.binary(0)
	if err == nil {
		err = p.need(")")
	}
	grouping()
	if err != nil {
		return v, err
	}
	if v.kind != vector {
		return v, fmt.Errorf("%s of no vector", name)
	}
	if v.counter && name != "count" {
		return v, fmt.Errorf("%s of a counter itself: take its rate first", name)
	}
	labels := map[string]bool{}
	for _, label := range by {
		if !v.labels[label] {
			return v, fmt.Errorf("%s by (%s): there is no such label among %v", name, label, slices.Sorted(maps.Keys(v.labels)))
		}
		labels[label] = true
	}
	return value{kind: vector, labels: labels}, nil
}

func (p *promParser) call(name string) (value, error) {
	f, ok := functions[name]
	if !ok {
		return value{}, fmt.Errorf("the function %s is not known here", name)
	}
	p.next()
	result := value{kind: f.gives, labels: map[string]bool{}, filters: name == "absent"}
	for i, want := range f.takes {
		if i > 0 {
			if err := p.need(","); err != nil {
				return result, err
			}
		}
		v, err := p.binary(0)
		switch {
		case err != nil:
			return result, err
		case v.kind != want:
			return result, fmt.Errorf("argument %d of %s is of another type", i+1, name)
		case v.kind != scalar && f.counter && !v.counter:
			return result, fmt.Errorf("%s of what is no counter", name)
		case v.kind != scalar && f.gauge && v.counter:
			return result, fmt.Errorf("%s of a counter itself", name)
		}
		if v.kind != scalar && name != "absent" {
			result.labels = maps.Clone(v.labels)
		}
	}
	if name == "histogram_quantile" {
		if !result.labels["le"] {
			return result, errors.New("histogram_quantile needs the label le")
		}
		delete(result.labels, "le")
	}
	return result, p.need(")")
}

// matcher says whether a label's value is meant.
type matcher struct {
	label, op, text string
	pattern         *regexp.Regexp
}

func (m matcher) fits(labels map[string]string) bool {
	switch value := labels[m.label]; m.op {
	case "=":
		return value == m.text
	case "!=":
		return value != m.text
	case "=~":
		return m.pattern.MatchString(value)
	default:
		return !m.pattern.MatchString(value)
	}
}

// selector reads a metric with its matchers and its range. One that finds no series that is really there is wrong.
func (p *promParser) selector(name string) (value, error) {
	all := p.in.series[name]
	if len(all) == 0 {
		return value{}, fmt.Errorf("there is no metric %s", name)
	}
	v := value{kind: vector, labels: map[string]bool{}, counter: p.in.counts(name)}
	for _, labels := range all {
		for label := range labels {
			v.labels[label] = true
		}
	}
	matchers, err := p.matchers(name, v.labels)
	if err != nil {
		return v, err
	}
	if !slices.ContainsFunc(all, func(labels map[string]string) bool {
		return !slices.ContainsFunc(matchers, func(m matcher) bool { return !m.fits(labels) })
	}) {
		return v, fmt.Errorf("no series of %s is meant by %v", name, matchers)
	}
	if p.take("[") {
		if t := p.next(); t.what != isSpan {
			return v, fmt.Errorf("%q is no time span", t.text)
		}
		v.kind = matrix
		return v, p.need("]")
	}
	return v, nil
}

func (p *promParser) matchers(name string, labels map[string]bool) ([]matcher, error) {
	var all []matcher
	if !p.take("{") {
		return nil, nil
	}
	for !p.take("}") {
		m := matcher{label: p.next().text, op: p.next().text}
		if !labels[m.label] {
			return nil, fmt.Errorf("%s has no label %s", name, m.label)
		}
		t := p.next()
		text, err := strconv.Unquote(t.text)
		if err != nil || t.what != isText || !slices.Contains([]string{"=", "!=", "=~", "!~"}, m.op) {
			return nil, fmt.Errorf("the matcher of %s cannot be read", m.label)
		}
		m.text = text
		if m.pattern, err = regexp.Compile("^(?:" + text + ")$"); err != nil {
			return nil, err
		}
		all = append(all, m)
		if !p.is("}") {
			if err := p.need(","); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func TestWrongPromQLIsFound(t *testing.T) {
	e := readExported(`# TYPE a_total counter
a_total{system="x",code="0"} 1
# TYPE b gauge
b{system="x"} 1
# TYPE c_seconds histogram
c_seconds_bucket{le="1"} 1
c_seconds_sum 1
c_seconds_count 1
`)
	for _, expr := range []string{
		`rate(a_total[5m])`, `sum by (system) (rate(a_total{code=~"0|1"}[5m])) > 0.1`, `sum(rate(a_total[5m])) by (system)`, `b == 2 and on(system) b > 1`,
		`histogram_quantile(0.99, sum by (le) (rate(c_seconds_bucket[5m])))`, `rate(c_seconds_sum[5m]) / rate(c_seconds_count[5m])`, `b - time() < 14 * 86400`,
		`up{job="tongma"} == 0`, `absent(b)`, `max by (system, instance) (b{system!="y"})`, `-b + (2 * b)`, `sum(b) / sum(max_over_time(b[1h]))`,
	} {
		if _, err := checkPromQL(e, expr); err != nil {
			t.Errorf("%s: %v", expr, err)
		}
	}
	for _, expr := range []string{
		``, `none`, `rate(a_total)`, `rate(b[5m])`, `rate(a_total[5])`, `a_total[5m]`, `sum by (none) (b)`, `b{none="x"}`, `b{system="y"}`, `a_total{code=~"4.*"}`,
		`sum by (system) (b) / sum by (code) (rate(a_total[5m]))`, `histogram_quantile(0.9, sum(rate(c_seconds_bucket[5m])))`, `histogram_quantile(rate(a_total[5m]))`,
		`b >`, `b b`, `(b`, `b)`, `b and 1`, `1 > 2`, `a_total > 1`, `sum(a_total)`, `unknown(b)`, `b{system="x"`, `b{system~"x"}`, `b == on(code) b`, `sum without (system) (b)`, `$x`, `max_over_time(a_total[5m])`,
	} {
		if _, err := checkPromQL(e, expr); err == nil {
			t.Errorf("%s is taken", expr)
		}
	}
}
