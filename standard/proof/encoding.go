package proof

import (
	"encoding/binary"
	"errors"
	"fmt"

	"tongma/standard"
)

// Bounds of an entry.
const (
	MaxText  = 256  // bytes of one text, which is 64 characters of any kind
	MaxEntry = 2048 // bytes of an entry
)

// AppendEntry appends the encoding of e, which is the only one that it has. Times are cut to whole milliseconds. An error says which member
// cannot be encoded, and never what it holds.
func AppendEntry(dst []byte, e *Entry) ([]byte, error) {
	out, err := appendEntry(dst, e)
	if err != nil {
		return dst, fmt.Errorf("evidence entry: %w", err)
	}
	return out, nil
}

func appendEntry(dst []byte, e *Entry) ([]byte, error) {
	id, err := parseULID(e.ID)
	switch {
	case err != nil:
		return nil, err
	case !e.Kind.known():
		return nil, errKind
	case e.Roles >= maxRoles:
		return nil, errRoles
	case e.At.IsZero():
		return nil, errAt
	}
	dst = append(append(dst, byte(e.Kind)), id[:]...)
	if dst, err = appendMillis(dst, "at", e.At); err != nil {
		return nil, err
	}
	dst = append(dst, byte(e.Roles))
	if dst, err = appendSaid(dst, e); err != nil {
		return nil, err
	}
	if dst, err = appendRegion(dst, e.Region); err != nil {
		return nil, err
	}
	if dst, err = appendMillis(dst, "observedAt", e.ObservedAt); err != nil {
		return nil, err
	}
	dst = append(dst, e.Answer[:]...)
	dst = binary.AppendUvarint(dst, uint64(e.Found))
	dst = appendPseudonym(dst, e.Holder)
	dst = appendPseudonym(dst, e.Subject)
	for _, t := range [...]struct{ name, text string }{
		{"party", e.Party}, {"purpose", e.Purpose}, {"site", e.Site}, {"case", e.Case}, {"system", e.System}, {"rule", e.Rule},
	} {
		if dst, err = appendText(dst, t.name, t.text); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// appendSaid appends the five words of the answer.
func appendSaid(dst []byte, e *Entry) ([]byte, error) {
	dst, err := appendWord(dst, "outcome", outcomes, e.Outcome)
	if err != nil {
		return nil, err
	}
	if dst, err = appendWord(dst, "reason", reasons, e.Reason); err != nil {
		return nil, err
	}
	if dst, err = appendWord(dst, "status", statuses, e.Status); err != nil {
		return nil, err
	}
	if dst, err = appendWord(dst, "action", actions, e.Action); err != nil {
		return nil, err
	}
	return appendWord(dst, "from", origins, e.From)
}

// ParseEntry reads an entry. Whatever it accepts, [AppendEntry] encodes to the same bytes. Times are in [standard.Zone].
func ParseEntry(b []byte) (Entry, error) {
	c := cursor{rest: b}
	var e Entry
	e.Kind = Kind(c.uint(1))
	e.ID = formatULID(c.take(16))
	e.At = c.millis()
	e.Roles = standard.Roles(c.uint(1))
	e.Outcome = word(&c, "outcome", outcomes)
	e.Reason = word(&c, "reason", reasons)
	e.Status = word(&c, "status", statuses)
	e.Action = word(&c, "action", actions)
	e.From = word(&c, "from", origins)
	e.Region = c.region()
	e.ObservedAt = c.millis()
	e.Answer = c.digest()
	e.Found = c.varint()
	e.Holder = c.pseudonym("holder")
	e.Subject = c.pseudonym("subject")
	e.Party = c.text("party")
	e.Purpose = c.text("purpose")
	e.Site = c.text("site")
	e.Case = c.text("case")
	e.System = c.text("system")
	e.Rule = c.text("rule")
	err := c.end()
	switch {
	case err != nil:
	case !e.Kind.known():
		err = errKind
	case e.Roles >= maxRoles:
		err = errRoles
	case e.At.IsZero():
		err = errAt
	}
	if err != nil {
		return Entry{}, fmt.Errorf("evidence entry: %w", err)
	}
	return e, nil
}

// maxRoles is above every set of the roles there are.
const maxRoles = 2 << standard.RolePrivacy

var (
	errKind  = errors.New("its kind is not one that this version knows")
	errRoles = errors.New("roles has one that this version does not know")
	errAt    = errors.New("at is missing")
)

func (k Kind) known() bool { return k >= Verification && k <= SubjectRequest }

func (c *cursor) region() string {
	n := c.uint(3)
	switch {
	case n == 0:
		return ""
	case n > 999999:
		c.fail(errRegion)
		return ""
	}
	return fmt.Sprintf("%06d", n)
}

var errRegion = errors.New("region must be six digits, or none, and not 000000")

func appendRegion(dst []byte, region string) ([]byte, error) {
	n := 0
	for i := range len(region) {
		if region[i] < '0' || region[i] > '9' {
			return nil, errRegion
		}
		n = 10*n + int(region[i]-'0')
		if i > 5 {
			return nil, errRegion
		}
	}
	if region != "" && (len(region) != 6 || n == 0) {
		return nil, errRegion
	}
	return append(dst, byte(n>>16), byte(n>>8), byte(n)), nil
}
