package descriptor

import (
	"fmt"
	"sort"
	"strings"
)

// Finding is one thing that is wrong with a descriptor or a fixture file: where, what, and how to mend it.
type Finding struct {
	File   string `json:"file"`
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // from 1, in characters
	What   string `json:"what"`
	Mend   string `json:"mend,omitempty"`
}

func (f Finding) String() string {
	s := fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.What)
	if f.Mend != "" {
		s += " (" + f.Mend + ")"
	}
	return s
}

// Findings is everything that is wrong with a file, in the order of the file. It is the error of [Load].
type Findings []Finding

func (fs Findings) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// position is a place in a YAML file.
type position struct{ line, column int }

// collector gathers findings while a file is read and compiled, so that all are told at once.
type collector struct {
	file     string
	findings Findings
}

func (c *collector) find(at position, what, mend string) {
	c.findings = append(c.findings, Finding{File: c.file, Line: at.line, Column: at.column, What: what, Mend: mend})
}

// err gives the findings as an error, nil if there are none.
func (c *collector) err() error {
	if len(c.findings) == 0 {
		return nil
	}
	sort.SliceStable(c.findings, func(i, j int) bool {
		a, b := c.findings[i], c.findings[j]
		return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
	})
	return c.findings
}
