package wire

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tongma/standard"
)

// Bounds of what is asked of the evidence.
const (
	MaxDays       = 400  // of one range
	MaxDayKeys    = 1000 // of one range
	MaxPseudonyms = 1000 // of one search, of all its days together
	MaxFindings   = 300  // entries of one page of a search
	MaxRequests   = 100  // travellers' requests of one page
	MaxCase       = 64   // characters of a case number, and of a purpose
	MaxBasis      = 64   // characters of a basis, and of a platform's reference
)

// Days is a range of days in +08:00, each written like 2022-03-01. Both are in it.
type Days struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// List gives the days of the range in their order; false, if it is none or has more than [MaxDays].
func (d Days) List() ([]string, bool) {
	from, err := ParseDay(d.From)
	if err != nil {
		return nil, false
	}
	to, err := ParseDay(d.To)
	if err != nil || to.Before(from) || to.Sub(from) >= MaxDays*24*time.Hour {
		return nil, false
	}
	var days []string
	for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
		days = append(days, day.Format(time.DateOnly))
	}
	return days, true
}

// ParseDay gives the beginning of a day that is written like 2022-03-01.
func ParseDay(text string) (time.Time, error) {
	return time.ParseInLocation(time.DateOnly, text, standard.Zone)
}

// DayKey is a key of one day's pseudonyms as the privacy officer gets it.
type DayKey struct {
	Day    string `json:"day"`
	Part   int    `json:"part"`             // from 0; a day has more than one only if a clock was set back, or the evidence secret changed
	Sealed []byte `json:"sealed,omitempty"` // to the officer's key; absent: destroyed, nobody can be found in that day any more
}

// DayKeys are the keys of a range of days, in the order of day and part. A day on which nothing was answered has none.
type DayKeys struct {
	Keys []DayKey `json:"keys"`
}

// Search asks for the entries of a person, whom the gateway knows by pseudonyms alone.
type Search struct {
	Case    string     `json:"case"`    // the number of the case that it is made for; it stands in the evidence for good, so it must name nobody
	Purpose string     `json:"purpose"` // one that is granted to the officer
	People  []WantedOn `json:"people"`
	After   string     `json:"after,omitempty"` // the next of the page before
}

// WantedOn is whom a search is for on one day: the pseudonyms that one person has under each of the day's keys.
type WantedOn struct {
	Day        string   `json:"day"`
	Pseudonyms [][]byte `json:"pseudonyms"` // 16 bytes each
}

// Findings is one page of what a search has found, in the order of time. Each page is a search of its own in the evidence.
type Findings struct {
	Search  string    `json:"search"`  // the id of its own entry
	Found   int       `json:"found"`   // entries, of all pages together
	Entries []Finding `json:"entries"` // at most [MaxFindings]
	Next    string    `json:"next,omitempty"`
}

// Finding is an entry with its place.
type Finding struct {
	Log    string `json:"log"`
	Group  uint64 `json:"group"`
	Number uint32 `json:"number"` // in its group, from 0
	Entry  []byte `json:"entry"`  // as package proof reads it
}

// KindAccess is what a traveller may ask for: what was recorded about them.
const KindAccess = "access"

// SubjectAsk is what a traveller asks for, vouched for by the platform of their system, which knows that it is they. It has exactly one of
// Document and Subject.
type SubjectAsk struct {
	System    string                    `json:"system"`
	Document  *standard.ChangedDocument `json:"document,omitempty"`
	Subject   string                    `json:"subject,omitempty"` // the traveller, as the system's own answers refer to them
	Kind      string                    `json:"kind"`              // [KindAccess]
	Basis     string                    `json:"basis"`             // how the platform knows that it is they
	Reference string                    `json:"reference"`         // the platform's own, which the answer repeats
}

// SubjectReceipt says that a request is kept.
type SubjectReceipt struct {
	ID       string            `json:"id"`
	At       time.Time         `json:"at"`
	Evidence standard.Evidence `json:"evidence"`
}

// SubjectList is what the officer asks for: requests in the order of their ids, from the one behind After on.
type SubjectList struct {
	After string `json:"after,omitempty"`
	All   bool   `json:"all,omitempty"` // those, too, that are answered
}

// SubjectRequests is one page of requests.
type SubjectRequests struct {
	Requests []SubjectRequest `json:"requests"` // at most [MaxRequests]
	Next     string           `json:"next,omitempty"`
}

// SubjectRequest is a request as the officer gets it.
type SubjectRequest struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Party    string    `json:"party"` // the platform
	System   string    `json:"system"`
	Sealed   []byte    `json:"sealed,omitempty"`    // a [SubjectAsk] in JSON, encrypted with SM2 to the officer's key; absent: its retention is over
	Key      []byte    `json:"publicKey,omitempty"` // the platform's SM2 key (SPKI), to seal the answer to; absent: it is no caller any more
	Answered time.Time `json:"answered,omitzero"`
	Officer  string    `json:"officer,omitempty"` // who has answered
}

// SubjectAnswer is what the officer answers.
type SubjectAnswer struct {
	ID     string `json:"id"`
	Answer []byte `json:"answer"` // an [Account] in JSON, encrypted with SM2 to the platform's key
}

// SubjectQuery asks what has become of a platform's own request.
type SubjectQuery struct {
	ID string `json:"id"`
}

// SubjectState says what has become of it.
type SubjectState struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	System   string    `json:"system"`
	Answered time.Time `json:"answered,omitzero"` // zero: not yet
	Answer   []byte    `json:"answer,omitempty"`  // as the officer has sealed it; absent: not yet, or its retention is over
}

// Account is what the officer tells a traveller, through their platform.
type Account struct {
	ID        string     `json:"id"`        // of the request
	Reference string     `json:"reference"` // the platform's
	Days      Days       `json:"days"`      // where was looked
	Closed    []string   `json:"closed"`    // days of these whose keys are destroyed: nobody can tell any more
	Entries   []Recorded `json:"entries"`
}

// Recorded is one thing that was recorded about a traveller.
type Recorded struct {
	ID      string           `json:"id"`
	At      time.Time        `json:"at"`
	Kind    string           `json:"kind"`  // verification, or subject_request
	Party   string           `json:"party"` // who asked
	Purpose string           `json:"purpose,omitempty"`
	Region  string           `json:"region,omitempty"`
	Site    string           `json:"site,omitempty"`
	System  string           `json:"system,omitempty"`
	Outcome standard.Outcome `json:"outcome,omitempty"`
	Status  standard.Status  `json:"status,omitempty"`
	Action  standard.Action  `json:"action,omitempty"`
}

// ValidLine says whether text can stand in a record: 1 to most characters that can be shown, on one line, with no space outside.
func ValidLine(text string, most int) bool {
	return text != "" && utf8.ValidString(text) && utf8.RuneCountInString(text) <= most && strings.TrimSpace(text) == text &&
		!strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}
