package proof

import (
	"time"

	"tongma/standard"
)

// Kind is what an entry is about.
type Kind byte

// The kinds. Their numbers stand in entries for good.
const (
	Verification   Kind = 1 // an answered verification (验码)
	Search         Kind = 2 // somebody has searched the evidence for a person
	SubjectRequest Kind = 3 // a traveller's own request, vouched for by their platform
)

// Digest is a result of SM3.
type Digest = [32]byte

// Pseudonym stands for a person in the entries of one day: the first 16 bytes of HMAC-SM3(day key, text). Whoever has not the day's key can
// neither make nor undo one. The zero one says that nothing is known that could be tied to a person.
type Pseudonym [16]byte

// Entry is one line of the evidence (存证). It holds nothing personal.
type Entry struct {
	Kind Kind
	ID   string    // ULID: that of the verification, search or request
	At   time.Time // when it was answered, to the millisecond; its date in +08:00 names the day key

	// Who asked, as what, and for what.
	Party   string
	Roles   standard.Roles
	Purpose string
	Region  string // of the place of the check, GB/T 2260; "" where there is none
	Site    string
	Case    string // of a search: the case number it was made for

	// What was said. Of a search, Holder is nobody and Found how many entries it gave.
	System     string    // who was asked; "" if nobody claims the scan
	Holder     Pseudonym // by the document; see [Day.Holder]
	Subject    Pseudonym // by the system's own reference; see [Day.Subject]
	Outcome    standard.Outcome
	Reason     standard.ReasonCode // "" if verified
	Status     standard.Status
	Action     standard.Action
	Rule       string
	From       standard.From
	ObservedAt time.Time // to the millisecond; zero if nobody was asked
	Found      uint32

	// Answer is SM3 of the verification exactly as it was sent: the JSON text of "data", or that of an item of a batch. Its salt keeps it from being
	// guessed.
	Answer Digest
}
