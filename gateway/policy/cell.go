package policy

import "tongma/standard"

// The five things by which every case is told apart before any condition is looked at.
type (
	kind  uint8 // what became of the call and, where it was verified, the status
	from  uint8 // how old the answer is
	worse uint8 // whether another code of the holder is yellow or red
	by    uint8 // what was asked with
)

const (
	green kind = iota
	yellow
	red
	none
	expired
	notFound
	unrecognised
	declined
	unavailable
	kinds
)

const (
	live from = iota
	cached
	stale
	froms
)

const (
	noneWorse worse = iota
	worseElsewhere
	worses
)

const (
	byScan by = iota
	byDocument
	bys
)

// Standing is how a system, by one recognition mode, stands at a place.
type Standing uint8

// The standings. Of several routes a preferred one is taken first. What is refused lets nobody pass.
const (
	preferred Standing = iota
	honoured
	refused
	standings
)

// The words of rule files.
var (
	kindWords     = []string{"green", "yellow", "red", "none", "expired", "not_found", "unrecognised", "refused", "unavailable"}
	fromWords     = []string{"live", "cache", "stale"}
	worseWords    = []string{"clear", "worse"}
	byWords       = []string{"scan", "document"}
	standingWords = []string{"preferred", "honoured", "refused"}
)

func (s Standing) String() string { return standingWords[s] }

// Preferred says whether the place would rather have this route than another.
func (s Standing) Preferred() bool { return s == preferred }

// Refused says whether nobody passes by this route.
func (s Standing) Refused() bool { return s == refused }

// cell is one combination of the five. What was not verified has no age and no other codes: it is live and clear.
type cell uint16

const cells = int(kinds) * int(froms) * int(worses) * int(bys) * int(standings)

func makeCell(k kind, f from, w worse, b by, s Standing) cell {
	return cell((((int(k)*int(froms)+int(f))*int(worses)+int(w))*int(bys)+int(b))*int(standings) + int(s))
}

func (c cell) parts() (kind, from, worse, by, Standing) {
	s := Standing(c % cell(standings))
	c /= cell(standings)
	b := by(c % cell(bys))
	c /= cell(bys)
	w := worse(c % cell(worses))
	c /= cell(worses)
	return kind(c / cell(froms)), from(c % cell(froms)), w, b, s
}

// possible says whether a case can fall into a cell.
func (c cell) possible() bool {
	k, f, w, _, _ := c.parts()
	return k <= none || f == live && w == noneWorse
}

// cellOf finds the cell of a case. Whatever is not known for sure falls where nobody passes.
func cellOf(c *Case, standing Standing) cell {
	k, f, w, b := kindOf(c.Verification), live, noneWorse, byScan
	if c.Document {
		b = byDocument
	}
	if k <= none {
		f, w = fromOf(c.Verification), worseOf(c.Verification)
	}
	return makeCell(k, f, w, b, standing)
}

func kindOf(v *standard.Verification) kind {
	switch v.Outcome {
	case standard.Verified:
		switch v.Status {
		case standard.Green:
			return green
		case standard.Yellow:
			return yellow
		case standard.Red:
			return red
		}
		return none
	case standard.Expired:
		return expired
	case standard.NotFound:
		return notFound
	case standard.Unrecognised:
		return unrecognised
	case standard.Refused:
		return declined
	}
	return unavailable
}

func fromOf(v *standard.Verification) from {
	if v.Freshness != nil {
		switch v.Freshness.From {
		case standard.Live:
			return live
		case standard.Cache:
			return cached
		}
	}
	return stale
}

func worseOf(v *standard.Verification) worse {
	for _, o := range v.Others {
		if o.Status == standard.Yellow || o.Status == standard.Red {
			return worseElsewhere
		}
	}
	return noneWorse
}
