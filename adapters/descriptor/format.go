package descriptor

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// order is the canonical order of a descriptor's keys, in groups with an empty line between them.
var order = [][]string{
	{"system", "version", "name", "region", "dialect", "mode", "systems", "zone", "provenance", "gives"},
	{"credentials", "endpoints"},
	{"recognise"}, {"tokens"}, {"common"}, {"verify"}, {"record"},
	{"statuses", "tables"},
	{"limits", "freshness", "effects", "probe"},
}

// rank says where a key stands in order: its group, and its place among all. An unknown key stands last.
func rank(key string) (group, place int) {
	for group, keys := range order {
		if i := slices.Index(keys, key); i >= 0 {
			return group, place + i
		}
		place += len(keys)
	}
	return len(order), place
}

// Format writes a descriptor as all of them are written: keys in the order of the language, one empty line between their groups,
// expressions in single quotes, no space at the ends of lines. Comments stay with what they are about, and in their columns. What
// the file means is not changed, and a formatted file stays as it is. The error is [Findings] for a file that is not YAML as
// descriptors have it.
func Format(src []byte) ([]byte, error) {
	text := bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	r := &reader{collector: collector{file: File}}
	root := r.document(text)
	if root == nil {
		return nil, r.err()
	}
	if root.Kind != yaml.MappingNode || root.Style&yaml.FlowStyle != 0 {
		r.find(at(root), "a descriptor must be a mapping of lines", "write  key: value  lines")
		return nil, r.err()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	trimEnds(lines, root)
	requote(lines, root)
	out := []byte(inOrder(sectionsOf(lines, root)))
	again := (&reader{collector: collector{file: File}}).document(out)
	if again == nil || !sameMeaning(root, again) {
		return nil, errors.New("this file cannot be put in order without changing what it means: write each key on lines of its own")
	}
	return out, nil
}

// section is a top-level key with its value and the comments before it.
type section struct {
	key   string
	lines []string
	apart bool // an empty line stands before it
}

// sectionsOf takes a file apart: what stands before the first key and its comment, and the sections.
func sectionsOf(lines []string, root *yaml.Node) (head []string, out []section) {
	starts := make([]int, 0, len(root.Content)/2+1)
	for i := 0; i < len(root.Content); i += 2 {
		start := root.Content[i].Line - 1
		for start > 0 && strings.HasPrefix(lines[start-1], "#") {
			start--
		}
		starts = append(starts, start)
	}
	starts = append(starts, len(lines))
	for i := 0; i+1 < len(starts); i++ {
		body := lines[starts[i]:starts[i+1]]
		s := section{key: root.Content[2*i].Value, apart: starts[i] > 0 && lines[starts[i]-1] == ""}
		s.lines = body[:len(body)-trailingEmpty(body)]
		out = append(out, s)
	}
	head = lines[:starts[0]]
	return head[:len(head)-trailingEmpty(head)], out
}

func trailingEmpty(lines []string) int {
	n := 0
	for n < len(lines) && lines[len(lines)-1-n] == "" {
		n++
	}
	return n
}

// inOrder puts sections in order and empty lines between their groups.
func inOrder(head []string, sections []section) string {
	slices.SortStableFunc(sections, func(a, b section) int {
		_, p := rank(a.key)
		_, q := rank(b.key)
		return p - q
	})
	var b strings.Builder
	write := func(lines []string) {
		for _, l := range lines {
			b.WriteString(l + "\n")
		}
	}
	write(head)
	before := -1
	for i, s := range sections {
		group, _ := rank(s.key)
		if i > 0 && (group != before || s.apart) || i == 0 && len(head) > 0 {
			b.WriteString("\n")
		}
		write(s.lines)
		before = group
	}
	return b.String()
}

// trimEnds takes white space from the ends of lines, but of those where it may belong to a value of several lines.
func trimEnds(lines []string, root *yaml.Node) {
	for i := 0; i+1 < len(root.Content); i += 2 {
		end := len(lines)
		if i+2 < len(root.Content) {
			end = root.Content[i+2].Line - 1
		}
		if severalLines(root.Content[i+1]) {
			continue
		}
		for l := root.Content[i].Line - 1; l < end; l++ {
			lines[l] = strings.TrimRight(lines[l], " \t")
		}
	}
	for l := range lines[:root.Content[0].Line-1] {
		lines[l] = strings.TrimRight(lines[l], " \t")
	}
}

// severalLines says whether a value is, or has, one that may be written on several lines.
func severalLines(n *yaml.Node) bool {
	if n.Kind == yaml.ScalarNode {
		return n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || strings.ContainsAny(n.Value, "\n\t")
	}
	return slices.ContainsFunc(n.Content, severalLines)
}

// requote writes expressions that stand in double quotes in single ones, where nothing needs to be escaped.
func requote(lines []string, root *yaml.Node) {
	var quoted []*yaml.Node
	comments := map[int]string{}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.LineComment != "" {
			comments[n.Line] = n.LineComment
		}
		if n.Kind == yaml.ScalarNode && n.Style&yaml.DoubleQuotedStyle != 0 && strings.HasPrefix(n.Value, "=") && !strings.ContainsFunc(n.Value, control) {
			quoted = append(quoted, n)
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(root)
	for _, n := range slices.Backward(quoted) { // from the right, so that columns hold
		lines[n.Line-1] = requoted(lines[n.Line-1], n, comments[n.Line])
	}
}

// requoted changes the quotes of a scalar in its line, and leaves the line's comment in its column.
func requoted(line string, n *yaml.Node, comment string) string {
	before, from := cutColumns(line, n.Column-1)
	raw := doubleQuoted.FindString(from)
	if raw == "" {
		return line // it goes on in the next line
	}
	after := from[len(raw):]
	single := "'" + strings.ReplaceAll(n.Value, "'", "''") + "'"
	if rest, ok := strings.CutSuffix(after, comment); ok && comment != "" {
		content := strings.TrimRight(rest, " ")
		room := len(rest) - len(content) + utf8.RuneCountInString(raw) - utf8.RuneCountInString(single)
		after = content + strings.Repeat(" ", max(1, room)) + comment
	}
	return before + single + after
}

var doubleQuoted = regexp.MustCompile(`^"(?:[^"\\]|\\.)*"`)

// cutColumns cuts a line behind so many characters.
func cutColumns(line string, n int) (before, after string) {
	for i := range line {
		if n == 0 {
			return line[:i], line[i:]
		}
		n--
	}
	return line, ""
}

// sameMeaning says whether two documents say the same: the order of the keys of the root and the style of values aside.
func sameMeaning(a, b *yaml.Node) bool {
	top := func(root *yaml.Node) map[string]string {
		m := map[string]string{}
		for i := 0; i+1 < len(root.Content); i += 2 {
			m[root.Content[i].Value] = meaning(root.Content[i+1])
		}
		return m
	}
	x, y := top(a), top(b)
	for key, value := range x {
		if y[key] != value {
			return false
		}
	}
	return len(x) == len(y)
}

// meaning writes what a value is, without its style, its place and its comments.
func meaning(n *yaml.Node) string {
	s := fmt.Sprintf("%d %s %q", n.Kind, n.Tag, n.Value)
	for _, c := range n.Content {
		s += "(" + meaning(c) + ")"
	}
	return s
}
