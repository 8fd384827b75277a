package wire

import (
	"time"

	"tongma/standard"
)

// Action is what an operator has a gateway do about a system.
type Action string

// The actions. The first three are modes that hold until another takes their place, over restarts too; warm is the way from open or drain back to auto
// for a system that has been in trouble; forget leaves the mode as it is.
const (
	ActionAuto   Action = "auto"   // ask it, as its guards see fit
	ActionOpen   Action = "open"   // ask it nothing: its breaker is open until an operator says otherwise
	ActionDrain  Action = "drain"  // ask it nothing new; what is under way or waits already is answered
	ActionWarm   Action = "warm"   // auto again, but slowly: a probe first where there is one, then one question at a time, then more
	ActionForget Action = "forget" // serve nothing that it has answered so far, here or on any other node
)

// Actions lists the actions, in the order in which they are documented.
var Actions = []Action{ActionOpen, ActionDrain, ActionWarm, ActionAuto, ActionForget}

// MaxOperations is how many of its last operations a gateway gives.
const MaxOperations = 500

// MaxReason is how many characters an operator's reason may have.
const MaxReason = 200

// ValidReason says whether text can stand as a reason: 1 to [MaxReason] characters that can be shown, on one line, with no space outside.
func ValidReason(text string) bool { return ValidLine(text, MaxReason) }

// Order is what an operator asks for: an action on a system, and why.
type Order struct {
	System string `json:"system"`
	Action Action `json:"action"`
	Reason string `json:"reason"` // see [ValidReason]; it is recorded, so it must name nobody
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

// Operations is a part of the gateway's record.
type Operations struct {
	Operations []Operation `json:"operations"` // the newest first
}

// State is what an operator sees of a gateway.
type State struct {
	At      time.Time     `json:"at"` // when it was so, by the gateway's clock
	Systems []SystemState `json:"systems"`
}

// SystemState is what an operator sees of one system and of the guards before it. Times are the gateway's.
type SystemState struct {
	System  string   `json:"system"`
	Name    string   `json:"name"`
	Region  string   `json:"region"`            // GB/T 2260
	Missing []string `json:"missing,omitempty"` // what it is not configured with: "endpoint", "credential appId", …

	Mode string     `json:"mode"`           // as an operator has set it: auto, open or drain
	Held *Operation `json:"held,omitempty"` // what has set it, if it is not auto

	Breaker   string    `json:"breaker"`            // closed, half_open or open
	OpenUntil time.Time `json:"openUntil,omitzero"` // breaker open: when the system is tried next
	Probe     bool      `json:"probe"`              // whether it is tried by a probe; otherwise by a traveller

	RestUntil  time.Time           `json:"restUntil,omitzero"` // the system has asked to be left alone until then
	RestReason standard.ReasonCode `json:"restReason,omitempty"`

	Limit    int `json:"limit"`    // calls that may be under way at once, as the system bears them now
	UnderWay int `json:"underWay"` // calls
	Queued   int `json:"queued"`   // calls that wait for their turn
	Retries  int `json:"retries"`  // second attempts that their budget still allows
}
