package proof

import (
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// Day makes the pseudonyms of one day, which is a date in +08:00. It serves many goroutines at once.
type Day struct{ key *sm.MAC }

// NewDay takes the day's key: 32 random bytes.
func NewDay(key *[32]byte) *Day { return &Day{sm.NewMAC(key[:], []byte(wire.LinePseudonym+"\n"))} }

// Holder is the pseudonym of a person by a document: of a type such as 01, and the whole number in the form in which numbers are compared
// ([standard.Document.CheckNumber]). A masked number names many people and must not be given.
func (d *Day) Holder(docType, number string) Pseudonym { return d.of("document", docType, number) }

// Subject is the pseudonym of a person by what a system's own answers refer to them by.
func (d *Day) Subject(system, subject string) Pseudonym { return d.of("subject", system, subject) }

func (d *Day) of(what, whose, text string) Pseudonym {
	rest := make([]byte, 0, 128)
	rest = append(append(rest, what...), '\n')
	rest = append(append(rest, whose...), '\n')
	var sum sm.Digest
	d.key.Sum(sm.New(), append(rest, text...), &sum)
	return Pseudonym(sum[:16])
}
