package standard

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a [Request].
const (
	MaxScan   = 8192  // bytes of a scan; the largest 2-D symbols hold under 8,000 characters
	MinWaitMs = 50    // less patience than this is always out of patience
	MaxWaitMs = 10000 // a checkpoint that waits longer has a queue
)

// Check says whether r holds together at the time now, and puts its document into the form in which it is compared. The
// error is an *[Error] that names the first member that is wrong. Whether there is such a system, and whether the caller
// may give this purpose, is for the gateway to say.
func (r *Request) Check(now time.Time) error {
	if err := r.checkSubject(now); err != nil {
		return err
	}
	if _, ok := LookupRegion(r.Place.Region); !ok {
		return &Error{KindRegion, "place.region", "must be six digits of GB/T 2260"}
	}
	for _, m := range r.texts() {
		if m.text == "" {
			continue
		}
		if err := checkText(KindField, m.field, m.text, 1, 64); err != nil {
			return err
		}
	}
	if !isReference(r.Reference) {
		return &Error{KindField, "reference", "must have at most 64 characters of A-Z a-z 0-9 . _ -"}
	}
	if r.WaitMs != 0 && (r.WaitMs < MinWaitMs || r.WaitMs > MaxWaitMs) {
		return &Error{KindField, "waitMs", "must be 50 to 10000 milliseconds, or absent"}
	}
	return nil
}

func (r *Request) checkSubject(now time.Time) error {
	given := 0
	for _, is := range [...]bool{r.Scan != "", len(r.ScanBytes) > 0, r.Document != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		return &Error{KindSubject, "scan", "give exactly one of scan, scanBytes and document, and not an empty one"}
	}
	switch {
	case r.Document != nil:
		d, err := r.Document.Check(now)
		if err != nil {
			return err
		}
		r.Document = &d
	case len(r.Scan) > MaxScan:
		return &Error{KindSubject, "scan", "must have at most 8192 bytes"}
	case len(r.ScanBytes) > MaxScan:
		return &Error{KindSubject, "scanBytes", "must have at most 8192 bytes"}
	case !utf8.ValidString(r.Scan) || strings.ContainsRune(r.Scan, 0):
		return &Error{KindSubject, "scan", "must be UTF-8 without NUL: send anything else as scanBytes"}
	}
	return nil
}

type namedText struct{ field, text string }

// texts lists the optional members that people write.
func (r *Request) texts() [9]namedText {
	var o Operator
	if r.Operator != nil {
		o = *r.Operator
	}
	return [...]namedText{
		{"place.site", r.Place.Site},
		{"system", r.System},
		{"device", r.Device},
		{"scene", r.Scene},
		{"purpose", r.Purpose},
		{"operator.id", o.ID},
		{"operator.name", o.Name},
		{"operator.department", o.Department},
		{"operator.phone", o.Phone},
	}
}

func isReference(s string) bool {
	return len(s) <= 64 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}
