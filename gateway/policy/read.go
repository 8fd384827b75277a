package policy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tongma/adapters/strict"
	"tongma/standard"
)

// china is the zone of dates without one.
var china = time.FixedZone("+08:00", 8*60*60)

// reader walks a file with a finding for whatever is not as it should be.
type reader struct {
	file     string
	findings strict.Findings
	sources  []pair[source]
}

func (r *reader) find(at position, mend, what string, args ...any) {
	r.findings = append(r.findings, strict.Finding{File: r.file, Line: at.line, Column: at.column, What: fmt.Sprintf(what, args...), Mend: mend})
}

// fields reads a mapping by a table of its keys. what names it in findings.
func (r *reader) fields(n *yaml.Node, what string, known map[string]func(*yaml.Node), required ...string) {
	if n.Kind != yaml.MappingNode {
		r.find(at(n), "write it as  key: value", "%s must be a mapping", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		read, ok := known[k.Value]
		switch {
		case !ok:
			r.find(at(k), "it has "+strings.Join(slices.Sorted(maps.Keys(known)), ", "), "%s has no key %q", what, k.Value)
		case v.Tag == "!!null":
			r.find(at(k), "give it one, or leave it out", "%q has no value", k.Value)
			seen[k.Value] = true
		default:
			seen[k.Value] = true
			read(v)
		}
	}
	for _, name := range required {
		if !seen[name] {
			r.find(at(n), "add  "+name+": …", "%s has no %s", what, name)
		}
	}
}

// items gives the elements of a list, or the one value that stands for a list of one.
func (r *reader) items(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return []*yaml.Node{n}
}

func (r *reader) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || strings.TrimSpace(n.Value) == "" {
		r.find(at(n), "write one value", "%s must be a text", what)
		return ""
	}
	return n.Value
}

// word reads one of a list of words and gives its place there, -1 for none of them.
func (r *reader) word(n *yaml.Node, what string, words []string) int {
	i := slices.Index(words, n.Value)
	if n.Kind != yaml.ScalarNode || i < 0 {
		r.find(at(n), "it is one of "+strings.Join(words, ", "), "%s cannot be %q", what, n.Value)
		return -1
	}
	return i
}

// words reads a list of words as the set of those that stand there.
func (r *reader) words(n *yaml.Node, what string, words []string) []bool {
	set := make([]bool, len(words))
	for _, item := range r.items(n) {
		if i := r.word(item, what, words); i >= 0 {
			if set[i] {
				r.find(at(item), "keep one", "%s has %s twice", what, item.Value)
			}
			set[i] = true
		}
	}
	if !slices.Contains(set, true) && len(r.findings) == 0 {
		r.find(at(n), "name at least one of "+strings.Join(words, ", "), "%s is empty", what)
	}
	return set
}

func (r *reader) whole(n *yaml.Node, what string, from, to int) int {
	i, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || i < from || i > to {
		r.find(at(n), fmt.Sprintf("write a whole number from %d to %d", from, to), "%s cannot be %q", what, n.Value)
	}
	return i
}

// moment reads a time, or a date, which is its first moment in China.
func (r *reader) moment(n *yaml.Node, what string) time.Time {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, n.Value, china); n.Kind == yaml.ScalarNode && err == nil {
			return t
		}
	}
	r.find(at(n), "write it like 2022-03-01 or 2022-03-01T08:00:00+08:00", "%s is no time", what)
	return time.Time{}
}

// span reads how long something is: 48h, 90m, 7d.
func (r *reader) span(n *yaml.Node, what string) time.Duration {
	text := n.Value
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if i, err := strconv.Atoi(days); err == nil && i < 10_000 {
			text = strconv.Itoa(24*i) + "h"
		}
	}
	d, err := time.ParseDuration(text)
	if n.Kind != yaml.ScalarNode || err != nil || d < 0 {
		r.find(at(n), "write it like 48h or 7d", "%s is no span of time", what)
	}
	return d
}

// both reads what is said to people in both languages.
func (r *reader) both(n *yaml.Node, what string) (t standard.Text) {
	r.fields(n, what, map[string]func(*yaml.Node){
		"zh": func(n *yaml.Node) { t.Zh = r.text(n, "zh") },
		"en": func(n *yaml.Node) { t.En = r.text(n, "en") },
	}, "zh", "en")
	return t
}

var (
	idRule     = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	regionRule = regexp.MustCompile(`^[1-9]\d{5}$`)
	systemRule = regexp.MustCompile(`^[a-z][a-z0-9]{1,31}$`)
)

func (r *reader) rulesFile(root *yaml.Node) *File {
	f := &File{Name: r.file, systems: map[string]Standing{}, at: at(root)}
	var systems, modes, meanings, rules, tests, from, notice *yaml.Node
	keep := func(into **yaml.Node) func(*yaml.Node) { return func(n *yaml.Node) { *into = n } }
	r.fields(root, "a file of rules", map[string]func(*yaml.Node){
		"region":    func(n *yaml.Node) { f.Regions = r.regions(n) },
		"version":   func(n *yaml.Node) { f.Version = r.whole(n, "version", 1, 9999) },
		"name":      func(n *yaml.Node) { f.Title = r.both(n, "name") },
		"announced": func(n *yaml.Node) { f.Announced = r.moment(n, "announced") },
		"notice":    func(n *yaml.Node) { notice = n; f.Notice = r.span(n, "notice") },
		"from":      func(n *yaml.Node) { from = n; f.From = r.moment(n, "from") },
		"until":     func(n *yaml.Node) { f.Until = r.moment(n, "until") },
		"sources":   r.readSources,
		"systems":   keep(&systems), "modes": keep(&modes), "statuses": keep(&meanings),
		"order":     func(n *yaml.Node) { f.ordered = r.word(n, "order", []string{"disjoint", "first"}) == 1 },
		"otherwise": func(n *yaml.Node) { f.inherits = r.word(n, "otherwise", []string{"inherit"}) == 0 },
		"rules":     keep(&rules), "tests": keep(&tests),
	}, "region", "version", "name", "sources", "statuses", "rules", "tests")
	r.times(f, root, from, notice)
	if systems != nil {
		r.systems(f, systems)
	}
	if modes != nil {
		r.modes(f, modes)
	}
	if meanings != nil {
		r.meanings(f, meanings)
	}
	if rules != nil {
		f.at = at(rules)
		r.rules(f, rules)
	}
	if tests != nil {
		r.tests(f, tests)
	}
	for _, s := range r.sources {
		if !s.value.used {
			r.find(s.at, "name it where it belongs, or leave it out", "nothing is from the source %s", s.key)
		}
	}
	f.sources = r.sources
	return f
}

func (r *reader) regions(n *yaml.Node) (codes []string) {
	for _, item := range r.items(n) {
		switch _, known := standard.LookupRegion(item.Value); {
		case item.Value == national && n.Kind == yaml.ScalarNode:
		case item.Kind != yaml.ScalarNode || !regionRule.MatchString(item.Value) || !known:
			r.find(at(item), "write a code of GB/T 2260 such as \"440000\", or default alone", "%q is no region", item.Value)
			continue
		case slices.Contains(codes, item.Value):
			r.find(at(item), "keep one", "the region %s stands here twice", item.Value)
			continue
		}
		codes = append(codes, item.Value)
	}
	if len(codes) == 0 && len(r.findings) == 0 {
		r.find(at(n), "name one", "the file has no region")
	}
	return codes
}

// times checks from when until when a file holds.
func (r *reader) times(f *File, root, from, notice *yaml.Node) {
	switch {
	case len(f.Regions) > 0 && f.Regions[0] == national:
		if from != nil || notice != nil || !f.Until.IsZero() || f.inherits {
			r.find(at(root), "leave from, until, notice and otherwise out", "the national default holds always, and there is nothing behind it")
		}
		return
	case from == nil:
		r.find(at(root), "add  from: …", "a region's rules need a day from which they hold")
		return
	}
	if !f.Until.IsZero() && !f.Until.After(f.From) {
		r.find(at(from), "until must be later than from", "the rules never hold")
	}
	if notice == nil {
		return
	}
	if f.Announced.IsZero() {
		r.find(at(notice), "add  announced: …", "a notice period is counted from the day when the rules are announced")
	} else if f.From.Sub(f.Announced) < f.Notice {
		r.find(at(from), "let them hold from "+f.Announced.Add(f.Notice).Format(time.RFC3339)+", or shorten the notice",
			"the rules would hold %s after they are announced, and their notice period is %s", f.From.Sub(f.Announced), f.Notice)
	}
}

var provenances = []string{
	string(standard.FromStandard), string(standard.FromDocumented), string(standard.FromObserved), string(standard.FromProfile), string(standard.FromSynthetic),
}

func (r *reader) readSources(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		r.find(at(n), "write  sources: {law: {says: …, provenance: …}}", "sources must be a mapping")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if !idRule.MatchString(k.Value) {
			r.find(at(k), "a lower-case letter, then letters, digits, - and _", "%q is no name of a source", k.Value)
		}
		var s source
		r.fields(v, "a source", map[string]func(*yaml.Node){
			"says": func(n *yaml.Node) { s.says = r.text(n, "says") },
			"provenance": func(n *yaml.Node) {
				if i := r.word(n, "provenance", provenances); i >= 0 {
					s.provenance = standard.Provenance(provenances[i])
				}
			},
		}, "says", "provenance")
		r.sources = append(r.sources, pair[source]{k.Value, at(k), s})
	}
}

// from gives a reader of the source of a line.
func (r *reader) from(into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		i := slices.IndexFunc(r.sources, func(s pair[source]) bool { return s.key == n.Value })
		if i < 0 {
			r.find(at(n), "declare it under sources", "there is no source %q", n.Value)
			return
		}
		r.sources[i].value.used = true
		*into = n.Value
	}
}

// systems reads the lines that say how systems stand: by a system's id, by a region for all of its systems, or others.
func (r *reader) systems(f *File, n *yaml.Node) {
	for _, line := range r.items(n) {
		r.standings(line, "a line of systems", func(item *yaml.Node, s Standing) {
			id := item.Value
			_, taken := f.systems[id]
			switch {
			case taken || id == "others" && f.restSaid:
				r.find(at(item), "keep one", "%s stands here twice", id)
			case id == "others":
				f.rest, f.restSaid = s, true
			case !regionRule.MatchString(id) && !systemRule.MatchString(id):
				r.find(at(item), "write a system's id, a region's code, or others", "%q is no system", id)
			default:
				f.systems[id] = s
			}
		})
	}
}

func (r *reader) modes(f *File, n *yaml.Node) {
	for _, line := range r.items(n) {
		r.standings(line, "a line of modes", func(item *yaml.Node, s Standing) {
			m := r.whole(item, "a recognition mode", 1, maxMode)
			switch {
			case m < 1 || m > maxMode:
			case f.modeSaid[m]:
				r.find(at(item), "keep one", "mode %d stands here twice", m)
			default:
				f.modes[m], f.modeSaid[m] = s, true
			}
		})
	}
}

func (r *reader) standings(line *yaml.Node, what string, each func(*yaml.Node, Standing)) {
	var of *yaml.Node
	var are int
	var src string
	r.fields(line, what, map[string]func(*yaml.Node){
		"of": func(n *yaml.Node) { of = n }, "are": func(n *yaml.Node) { are = r.word(n, "are", standingWords) }, "source": r.from(&src),
	}, "of", "are", "source")
	if of == nil || are < 0 {
		return
	}
	for _, item := range r.items(of) {
		each(item, Standing(are))
	}
}

// meanings reads what each status means at the place.
func (r *reader) meanings(f *File, n *yaml.Node) {
	var src string
	known := map[string]func(*yaml.Node){"source": r.from(&src)}
	for k := green; k <= none; k++ {
		known[kindWords[k]] = func(n *yaml.Node) { f.meanings[k] = r.both(n, kindWords[k]) }
	}
	r.fields(n, "statuses", known, "green", "yellow", "red", "none", "source")
}
