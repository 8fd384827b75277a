package adapters

import "tongma/standard"

// maxFields bounds what one scan form may take out of a scan.
const maxFields = 16

// Ticket is a scan that has been recognised, or a document. The fields are what recognition took out of the scan, by the names
// that the form gives them.
type Ticket struct {
	Scan     string // the text, without a line end; "" for a document or a binary code
	Bytes    []byte // a binary code
	Form     int    // which of the adapter's forms matched
	Document *standard.Document

	n      int
	fields [maxFields]field
}

type field struct{ name, value string }

// Field gives the value of a field, "" if there is none of that name.
func (t *Ticket) Field(name string) string {
	for i := range t.fields[:t.n] {
		if t.fields[i].name == name {
			return t.fields[i].value
		}
	}
	return ""
}

// Fields calls yield for each field, in the order of the form.
func (t *Ticket) Fields(yield func(name, value string) bool) {
	for _, f := range t.fields[:t.n] {
		if !yield(f.name, f.value) {
			return
		}
	}
}

// add appends a field and says whether there was room.
func (t *Ticket) add(name, value string) bool {
	if t.n == maxFields {
		return false
	}
	t.fields[t.n] = field{name, value}
	t.n++
	return true
}
