package descriptor

import "tongma/adapters/strict"

// Finding is one thing that is wrong with a descriptor or a fixture file.
type Finding = strict.Finding

// Findings is everything that is wrong with a file, in the order of the file. It is the error of [Load].
type Findings = strict.Findings

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
	return c.findings.Err()
}
