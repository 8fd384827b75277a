package standard

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a [Notice].
const (
	MaxSeq     = 1 << 53 // every number up to it is exact in every JSON reader
	MaxChanges = 1000    // more are told in several notices, or as all
	MaxSubject = 128     // characters
)

// Notice (变更通知) is what a platform tells a gateway of its own system: whose code has changed, so that nothing older is served from
// memory any more. Its numbers begin at 1 and rise by one with each notice. One without changes is a heartbeat. (Tongma profile 1.)
type Notice struct {
	System  string   `json:"system"`
	Seq     uint64   `json:"seq"`
	Changes []Change `json:"changes"`
}

// Change says by exactly one of its first four members what has changed.
type Change struct {
	Subject  string           `json:"subject,omitempty"`  // the holder, as the system's own answers refer to it
	Scan     string           `json:"scan,omitempty"`     // one code, as it is scanned; other codes of its holder are not meant
	Document *ChangedDocument `json:"document,omitempty"` // the holder, by a document
	All      bool             `json:"all,omitempty"`      // everything that the system has answered so far
	At       time.Time        `json:"at"`                 // when it changed
}

// ChangedDocument is a [Document] without the name, which a notice has no use for.
type ChangedDocument struct {
	Type   string `json:"type"`
	Number string `json:"number"`
}

// NoticeReceipt says what became of a notice.
type NoticeReceipt struct {
	System   string `json:"system"`
	Seq      uint64 `json:"seq"`
	Last     uint64 `json:"last"`     // the highest number so far
	Repeated bool   `json:"repeated"` // seq was not above the last one; the notice has been applied all the same
	Missed   uint64 `json:"missed"`   // how many numbers before it never came; if any, everything of the system has been marked
}

// Check says whether n holds together at the time now, and puts documents and scans into the form in which they are compared. The error is
// an *[Error] that names the first member that is wrong. Whether there is such a system, whose it is, and whether a change lies in the
// future, is for the gateway to say.
func (n *Notice) Check(now time.Time) error {
	switch {
	case n.System == "":
		return &Error{KindField, "system", "name the system that has changed"}
	case n.Seq < 1 || n.Seq > MaxSeq:
		return &Error{KindField, "seq", "must be 1 to 9007199254740992 (2^53)"}
	case n.Changes == nil:
		return &Error{KindField, "changes", "give a list; an empty one is a heartbeat"}
	}
	for i := range n.Changes {
		if err := n.Changes[i].check(now); err != nil {
			err.Field = "changes." + strconv.Itoa(i) + "." + err.Field
			return err
		}
	}
	return nil
}

func (c *Change) check(now time.Time) *Error {
	given := 0
	for _, is := range [...]bool{c.Subject != "", c.Scan != "", c.Document != nil, c.All} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return &Error{KindField, "all", "give exactly one of subject, scan, document and all"}
	case c.At.IsZero():
		return &Error{KindField, "at", "say when it changed, with the zone, such as 2022-01-10T08:00:00+08:00"}
	case c.Scan != "":
		return c.checkScan()
	case c.Document != nil:
		return c.checkDocument(now)
	case c.Subject != "":
		return asError(checkText(KindField, "subject", c.Subject, 1, MaxSubject))
	}
	return nil
}

// checkScan drops the line end of a scanner, as recognition does.
func (c *Change) checkScan() *Error {
	c.Scan = strings.TrimRight(c.Scan, "\r\n")
	switch {
	case c.Scan == "" || len(c.Scan) > MaxScan:
		return &Error{KindField, "scan", "must have 1 to 8192 bytes"}
	case !utf8.ValidString(c.Scan) || strings.ContainsRune(c.Scan, 0):
		return &Error{KindField, "scan", "must be UTF-8 without NUL: name the holder of any other code"}
	}
	return nil
}

func (c *Change) checkDocument(now time.Time) *Error {
	number, err := Document{Type: c.Document.Type, Number: c.Document.Number}.CheckNumber(now)
	c.Document = &ChangedDocument{c.Document.Type, number}
	return asError(err)
}

// asError is for checks that give an *[Error] or nil.
func asError(err error) *Error {
	e, _ := err.(*Error)
	return e
}
