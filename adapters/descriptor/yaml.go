package descriptor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"tongma/adapters/strict"
)

// maxFile bounds a descriptor and a fixture file, in bytes.
const maxFile = 256 << 10

// reader walks a YAML file with a finding for whatever is not as it should be.
type reader struct {
	collector
	of string // the file of the dialect that is read, "" for a file of a system's folder
}

// scalar is a YAML scalar, or a part of one: a literal, or an expression when it begins with "=".
type scalar struct {
	text   string // the literal, or the expression without its "="
	isExpr bool
	kind   string // YAML's tag: !!str, !!int, !!float, !!bool
	at     position
	style  yaml.Style
	whole  string // what YAML made of the whole scalar
	from   int    // how many characters of whole stand before text
	file   string // the dialect's, where it is none of the descriptor's own
}

// in says which file the scalar stands in.
func (s scalar) in() string { return cmp.Or(s.file, File) }

// place says where the character of text with this index stands in the file.
func (s scalar) place(index int) position {
	before := []rune(s.whole)
	before = before[:min(s.from+index, len(before))]
	column, doubled := s.at.column+len(before), ""
	switch {
	case s.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || slices.Contains(before, '\n'):
		return s.at
	case s.style&yaml.SingleQuotedStyle != 0:
		column, doubled = column+1, "'"
	case s.style&yaml.DoubleQuotedStyle != 0:
		column, doubled = column+1, `"\`
	}
	for _, c := range before {
		if strings.ContainsRune(doubled, c) { // it takes two characters in the file
			column++
		}
	}
	return position{s.at.line, column}
}

// part gives the expression that stands in text from one byte to another.
func (s scalar) part(from, to int) scalar {
	p := s
	p.text, p.isExpr, p.from = s.text[from:to], true, s.from+utf8.RuneCountInString(s.text[:from])
	return p
}

// pair is a key with its value, where the order of a mapping counts.
type pair[T any] struct {
	key   string
	at    position
	value T
}

// document parses the one YAML document of src and gives its root, nil when there is something to find.
func (r *reader) document(src []byte) *yaml.Node {
	root, findings := strict.Parse(r.file, src, strict.Rules{
		Size:   maxFile,
		Empty:  "see adapters/README.md, or begin with  tongma adapter new",
		Broken: "indent with spaces, and quote an expression that has any of , : # ? { } [ ]",
	})
	r.findings = append(r.findings, findings...)
	return root
}

func at(n *yaml.Node) position { return position{n.Line, n.Column} }

// fields reads a mapping by a table of its keys. what names the mapping in findings.
func (r *reader) fields(n *yaml.Node, what string, known map[string]func(*yaml.Node), required ...string) {
	seen := map[string]bool{}
	for _, p := range r.mapping(n, what) {
		read, ok := known[p.key]
		if !ok {
			r.find(p.at, fmt.Sprintf("%s has no key %q", what, p.key), "it has "+list(known))
			continue
		}
		seen[p.key] = true
		read(p.value)
	}
	if n.Kind != yaml.MappingNode {
		return
	}
	for _, k := range required {
		if !seen[k] {
			r.find(at(n), fmt.Sprintf("%s needs %q", what, k), "add  "+k+":")
		}
	}
}

// mapping gives the pairs of a mapping in their order.
func (r *reader) mapping(n *yaml.Node, what string) []pair[*yaml.Node] {
	if n.Kind != yaml.MappingNode {
		r.find(at(n), what+" must be a mapping", "write  key: value  lines below it")
		return nil
	}
	var out []pair[*yaml.Node]
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode || strings.HasPrefix(k.Value, "=") {
			r.find(at(k), "YAML has split an expression here", "quote the whole expression: '=…'")
			continue
		}
		if v.Kind == yaml.ScalarNode && v.Tag == "!!null" && v.Style == 0 {
			r.find(at(k), fmt.Sprintf("%q has no value", k.Value), "give it one; if it is the rest of an expression that YAML has split, quote the whole expression: '=…'")
			continue
		}
		out = append(out, pair[*yaml.Node]{k.Value, at(k), v})
	}
	return out
}

// list gives the keys of a table for people.
func list[T any](known map[string]T) string {
	keys := make([]string, 0, len(known))
	for k := range known {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return strings.Join(keys, ", ")
}

// sequence gives the items of a list.
func (r *reader) sequence(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		r.find(at(n), what+" must be a list", "begin each item with  - ")
		return nil
	}
	return n.Content
}

// scalar reads a literal or an expression.
func (r *reader) scalar(n *yaml.Node, what string) scalar {
	s := scalar{at: at(n), kind: n.Tag, style: n.Style, whole: n.Value, file: r.of}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		mend := "write one value"
		if n.Kind == yaml.MappingNode && len(n.Content) > 0 && strings.HasPrefix(n.Content[0].Value, "=") {
			mend = "YAML has split an expression here: quote it whole: '=…'"
		}
		r.find(s.at, what+" must be a single value", mend)
		return s
	}
	s.text = n.Value
	if !strings.HasPrefix(s.text, "=") {
		return s
	}
	if strings.HasPrefix(s.text, "==") {
		s.text, s.from = s.text[1:], 1
		return s
	}
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	if n.Style&quoted == 0 && (n.LineComment != "" || strings.ContainsAny(s.text, ",:#?{}[]")) {
		r.find(s.at, what+": YAML may cut or split this expression", "quote it whole: '=…'")
	}
	s.text, s.isExpr, s.from = s.text[1:], true, 1
	return s
}

// text reads a literal text into *into.
func (r *reader) text(into *string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s := r.scalar(n, what)
		if s.isExpr {
			r.find(s.at, what+" cannot be an expression", "write the value itself")
			return
		}
		*into = s.text
	}
}

// literal reads a literal text into *into, with its place.
func (r *reader) literal(into *scalar, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*into = scalar{at: at(n)}
		r.text(&into.text, what)(n)
	}
}

// value reads a literal or an expression into *into.
func (r *reader) value(into **scalar, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s := r.scalar(n, what)
		*into = &s
	}
}

// texts reads a list of literal texts.
func (r *reader) texts(into *[]string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		for _, item := range r.sequence(n, what) {
			var s string
			r.text(&s, what)(item)
			*into = append(*into, s)
		}
	}
}

// values reads a mapping of names to literals or expressions, in its order.
func (r *reader) values(into *[]pair[scalar], what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		for _, p := range r.mapping(n, what) {
			*into = append(*into, pair[scalar]{p.key, p.at, r.scalar(p.value, what+" "+p.key)})
		}
	}
}
