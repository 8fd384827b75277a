package proof

import (
	"fmt"
	"time"

	"tongma/standard/sm"
	"tongma/standard/wire"
)

// Pseudonyms reads of an entry, as it was encoded, when it was and whom it is about: zero where it is about nobody who is known. The rest of it is not
// looked at.
func Pseudonyms(entry []byte) (at time.Time, holder, subject Pseudonym, err error) {
	c := cursor{rest: entry}
	c.take(17) // kind, id
	at = c.millis()
	c.take(9) // roles, the words of the answer, region
	c.millis()
	c.digest()
	c.varint()
	holder, subject = c.pseudonym("holder"), c.pseudonym("subject")
	if c.err != nil {
		return time.Time{}, Pseudonym{}, Pseudonym{}, fmt.Errorf("evidence entry: %w", c.err)
	}
	return at, holder, subject, nil
}

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
