package wire

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Action is what an operator has a gateway do about a system.
type Action string

// The actions. The first three are modes that hold until another takes their place, over restarts too; warm is the way from open or drain back to auto
// for a system that has been in trouble.
const (
	ActionAuto  Action = "auto"  // ask it, as its guards see fit
	ActionOpen  Action = "open"  // ask it nothing: its breaker is open until an operator says otherwise
	ActionDrain Action = "drain" // ask it nothing new; what is under way or waits already is answered
	ActionWarm  Action = "warm"  // auto again, but slowly: a few questions at once, then more
)

// Actions lists the actions, in the order in which they are documented.
var Actions = []Action{ActionOpen, ActionDrain, ActionWarm, ActionAuto}

// MaxReason is how many characters an operator's reason may have.
const MaxReason = 200

// ValidReason says whether text can stand as a reason: 1 to [MaxReason] characters that can be shown, on one line, with no space outside.
func ValidReason(text string) bool {
	return text != "" && utf8.ValidString(text) && utf8.RuneCountInString(text) <= MaxReason && strings.TrimSpace(text) == text &&
		!strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Operation is one action as the gateway has recorded it.
type Operation struct {
	At        time.Time `json:"at"`
	By        string    `json:"by"` // the operator's id, its X-Tongma-Rid
	Action    Action    `json:"action"`
	System    string    `json:"system"`
	Reason    string    `json:"reason"` // the operator's words; they must name nobody
	RequestID string    `json:"requestId"`
}
