// Package strict reads YAML as a file that somebody must be able to trust: one document of plain mappings, lists and values, of
// bounded size and depth. Anchors, aliases, tags, a key twice and whatever else makes YAML surprising are findings, each with
// its place and how to mend it. Descriptors, fixtures and the gateway's configuration are read by it.
//
//	root, findings := strict.Parse("adapter.yaml", src, strict.Rules{Size: 256 << 10, Empty: "…", Broken: "…"})
//	if root == nil {
//		return findings
//	}
package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Rules are what differs from one kind of file to another.
type Rules struct {
	Size   int    // the most bytes that a file may have
	Empty  string // how to mend a file without anything in it
	Broken string // how to mend what is not YAML
}

// maxDepth is how deeply values may be nested.
const maxDepth = 20

// Parse reads the one document of src and gives its root, or nil and what is wrong. name stands for the file in findings.
func Parse(name string, src []byte, rules Rules) (*yaml.Node, Findings) {
	p := parser{name: name, rules: rules, lines: bytes.Count(src, []byte("\n")) + 1}
	if len(src) > rules.Size {
		p.find(1, 1, fmt.Sprintf("the file has more than %d KiB", rules.Size>>10), "split it, or leave out what is not needed")
		return nil, p.findings
	}
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		p.syntax(err)
		return nil, p.findings
	}
	switch err := dec.Decode(&more); {
	case err == nil:
		second := more.Content[0]
		p.find(second.Line, second.Column, "the file holds more than one YAML document", "keep one, without a further ---")
	case !errors.Is(err, io.EOF):
		p.syntax(err)
	default:
		p.plain(&doc, 0)
	}
	if len(p.findings) > 0 {
		return nil, p.findings
	}
	return doc.Content[0], nil
}

type parser struct {
	name     string
	rules    Rules
	lines    int
	findings Findings
}

func (p *parser) find(line, column int, what, mend string) {
	p.findings = append(p.findings, Finding{File: p.name, Line: line, Column: column, What: what, Mend: mend})
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// syntax reports what YAML itself refuses.
func (p *parser) syntax(err error) {
	line, what := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if errors.Is(err, io.EOF) {
		p.find(1, 1, "the file is empty", p.rules.Empty)
		return
	}
	if m := yamlLine.FindStringSubmatch(what); m != nil {
		line, _ = strconv.Atoi(m[1])
		what = strings.Replace(what, m[0], "", 1)
		if strings.HasPrefix(what, "did not find expected") {
			line++ // the library counts lines from 0 where its parser complains, from 1 where its scanner does
		}
		line = min(line, p.lines)
	}
	mend := p.rules.Broken
	if strings.Contains(what, "UTF-8") {
		mend = "save the file as UTF-8"
	}
	p.find(line, 1, "not YAML: "+what, mend)
}

// plain refuses anchors, aliases, tags of one's own, a key twice, and great depth.
func (p *parser) plain(n *yaml.Node, depth int) {
	switch {
	case depth > maxDepth:
		p.find(n.Line, n.Column, "nested too deeply", fmt.Sprintf("%d levels are enough", maxDepth))
		return
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		p.find(n.Line, n.Column, "anchors and aliases are not part of the language", "write the value out")
		return
	case n.Style&yaml.TaggedStyle != 0:
		p.find(n.Line, n.Column, "YAML tags are not part of the language", "leave the "+n.Tag+" out")
		return
	}
	if n.Kind == yaml.MappingNode {
		p.keys(n)
	}
	for _, c := range n.Content {
		p.plain(c, depth+1)
	}
}

// keys refuses a key twice in a mapping.
func (p *parser) keys(n *yaml.Node) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if seen[k.Value] && k.Kind == yaml.ScalarNode {
			p.find(k.Line, k.Column, fmt.Sprintf("%q stands here twice", k.Value), "keep one of them")
		}
		seen[k.Value] = true
	}
}
