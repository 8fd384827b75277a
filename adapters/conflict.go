package adapters

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Conflict says whether one scan could match both forms, and gives the shortest such scan as an example. Forms of different
// kinds, opaque forms, forms that answer for documents, and forms that do not hold conflict with nothing.
//
// The answer is exact for what the templates can match: they are regular, so that their intersection is computed. It errs
// towards a conflict only where the few scans in common are refused for another reason, such as a second ://.
func Conflict(a, b Form) (example string, conflict bool) {
	p, errA := a.compile()
	q, errB := b.compile()
	if errA != nil || errB != nil {
		return "", false
	}
	return p.overlap(q)
}

func (p *pattern) overlap(q *pattern) (example string, conflict bool) {
	if p.kind != q.kind {
		return "", false
	}
	switch p.kind {
	case kindURL:
		return p.overlapURL(q)
	case kindJSON:
		return p.overlapJSON(q)
	case kindText:
		return intersect(&p.text, &q.text)
	case kindBytes:
		long, short := p.starts, q.starts
		if len(long) < len(short) {
			long, short = short, long
		}
		return long, strings.HasPrefix(long, short)
	}
	return "", false
}

// overlapURL: two URL forms are disjoint if their sites, paths or fragments are, or a parameter that both require.
func (p *pattern) overlapURL(q *pattern) (string, bool) {
	if p.site != q.site {
		return "", false
	}
	path, samePath := intersect(&p.path, &q.path)
	fragment, sameFragment := intersect(&p.fragment, &q.fragment)
	if !samePath || !sameFragment {
		return "", false
	}
	values := make(map[string]*template)
	for i := range p.params {
		values[p.params[i].name] = &p.params[i].value
	}
	examples := make(map[string]string)
	for i := range q.params {
		name, value := q.params[i].name, &q.params[i].value
		other, both := values[name]
		if !both {
			other = value
		}
		example, ok := intersect(value, other)
		if !ok {
			return "", false
		}
		examples[name] = example
		delete(values, name)
	}
	for name, value := range values {
		examples[name], _ = intersect(value, value)
	}
	return p.site + path + query(examples) + strings.TrimSuffix("#"+fragment, "#"), true
}

// query writes parameters as a query, encoding only what would be misread.
func query(params map[string]string) string {
	var b strings.Builder
	for i, name := range slices.Sorted(maps.Keys(params)) {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(name + "=")
		for _, c := range []byte(params[name]) {
			if pchar.has(c) && c != '&' {
				b.WriteByte(c)
			} else {
				b.WriteString("%" + string("0123456789ABCDEF"[c>>4]) + string("0123456789ABCDEF"[c&15]))
			}
		}
	}
	return b.String()
}

// overlapJSON: two JSON forms are disjoint if one must have a key that the other must not have, or if they ask for more keys
// together than an object may have.
func (p *pattern) overlapJSON(q *pattern) (string, bool) {
	keys := slices.Compact(slices.Sorted(slices.Values(slices.Concat(p.json.Has, q.json.Has))))
	if p.json.refuses(q.json.Has) || q.json.refuses(p.json.Has) || len(keys) > maxFields {
		return "", false
	}
	object := []byte{'{'}
	for i, key := range keys {
		if i > 0 {
			object = append(object, ',')
		}
		object, _ = jsontext.AppendQuote(object, key)
		object = append(object, `:"0"`...)
	}
	return string(append(object, '}')), true
}

// refuses says whether an object with these keys is not of the form for one of them.
func (j *JSONForm) refuses(keys []string) bool {
	_, lacked := shared(keys, j.Lacks)
	if j.Only == nil {
		return lacked
	}
	_, more := missing(keys, j.Only)
	return more
}

// automaton is a template as the states of a finite automaton: state i is before one more byte, state len is the end.
type automaton []state

type state struct {
	chars charset
	next  int // the state after one of chars
	exit  int // the state behind the place, if the place may end here; else -1
}

func (t *template) automaton() automaton {
	var a automaton
	for i := range t.parts {
		p := &t.parts[i]
		for j := range len(p.literal) {
			a = append(a, state{charset{}.with(p.literal[j : j+1]), len(a) + 1, -1})
		}
		if p.literal != "" {
			continue
		}
		end := len(a) + p.size()
		for range p.min {
			a = append(a, state{p.chars, len(a) + 1, -1})
		}
		if p.max == maxScan {
			a = append(a, state{p.chars, len(a), len(a) + 1})
			continue
		}
		for len(a) < end {
			a = append(a, state{p.chars, len(a) + 1, end})
		}
	}
	return a
}

// consuming gives the states that are reached from state i without a byte and that take one.
func (a automaton) consuming(i int) iter.Seq[*state] {
	return func(yield func(*state) bool) {
		if i == len(a) || !yield(&a[i]) {
			return
		}
		if exit := a[i].exit; exit >= 0 && exit < len(a) {
			yield(&a[exit])
		}
	}
}

// accepts says whether the text may end in state i.
func (a automaton) accepts(i int) bool { return i == len(a) || a[i].exit == len(a) }

// crumb is how a pair of states was reached first.
type crumb struct {
	from int32
	char byte
	seen bool
}

// intersect gives the shortest text that both templates match, by a search through the pairs of their states.
func intersect(t, u *template) (string, bool) {
	a, b := t.automaton(), u.automaton()
	width := len(b) + 1
	trail := make([]crumb, (len(a)+1)*width)
	trail[0].seen = true
	for queue := []int{0}; len(queue) > 0; queue = queue[1:] {
		pair := queue[0]
		i, j := pair/width, pair%width
		if a.accepts(i) && b.accepts(j) {
			return spell(trail, pair), true
		}
		for s := range a.consuming(i) {
			for r := range b.consuming(j) {
				c, ok := s.chars.and(r.chars).pick()
				to := s.next*width + r.next
				if ok && !trail[to].seen {
					trail[to] = crumb{int32(pair), c, true}
					queue = append(queue, to)
				}
			}
		}
	}
	return "", false
}

// spell reads the text backwards from the pair where it ends.
func spell(trail []crumb, pair int) string {
	var text []byte
	for ; pair != 0; pair = int(trail[pair].from) {
		text = append(text, trail[pair].char)
	}
	slices.Reverse(text)
	return string(text)
}
