package standard

// Status is the health level of a holder in the national coding. The zero value is None: no status is known.
// A reader that compares with Green is safe: nothing unknown equals it.
//
// Source: facts on GB/T 38962, inferred with high confidence from four unrelated code bases (provenance observed);
// the standard's own code table is not public.
type Status string

// The four statuses. None is written by leaving the member out.
const (
	None   Status = ""
	Green  Status = "00" // 低风险, 未见异常
	Yellow Status = "01" // 中风险
	Red    Status = "10" // 高风险
)

// Colour is the national colour of a status.
type Colour string

// The national colours. A system's own colour (blue, orange, grey …) is free text in [System].
const (
	ColourNone   Colour = "none"
	ColourGreen  Colour = "green"
	ColourYellow Colour = "yellow"
	ColourRed    Colour = "red"
)

// Colour gives the colour of s; whatever is not one of the three statuses has none.
func (s Status) Colour() Colour {
	switch s {
	case Green:
		return ColourGreen
	case Yellow:
		return ColourYellow
	case Red:
		return ColourRed
	}
	return ColourNone
}

// Outcome (验码结果) says what became of a verification. Only Verified speaks of a person's status.
type Outcome string

// The six outcomes.
const (
	Verified     Outcome = "verified"     // the home system answered for this scan within its validity
	Expired      Outcome = "expired"      // the scan was genuine and is no longer valid: ask for a fresh one
	NotFound     Outcome = "not_found"    // the system knows no such holder or code
	Unrecognised Outcome = "unrecognised" // no system claims this scan, or its system says it is not its own
	Refused      Outcome = "refused"      // the system declines to answer for this holder or to this gateway
	Unavailable  Outcome = "unavailable"  // the system could not be asked, or its answer could not be trusted
)

// Action is what the verifier is told to do.
type Action string

// The three actions, from the most to the least lenient.
const (
	Pass   Action = "pass"
	Manual Action = "manual" // look closer: ask, use another document, follow the local procedure
	Deny   Action = "deny"
)

// From says where an answer's record came from.
type From string

// The three origins of a record.
const (
	Live  From = "live"
	Cache From = "cache"
	Stale From = "stale" // past its time to live, served because the backend is down
)

// Provenance says how a fact is known (design rule 7). It travels in every answer.
type Provenance string

// The five provenances.
const (
	FromStandard   Provenance = "standard"   // public text of the standard
	FromDocumented Provenance = "documented" // an official or vendor document
	FromObserved   Provenance = "observed"   // seen in third-party code
	FromProfile    Provenance = "profile"    // Tongma's own
	FromSynthetic  Provenance = "synthetic"  // invented where nothing is public; never to be taken for real
)
