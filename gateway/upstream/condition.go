package upstream

import (
	"time"

	"tongma/standard"
)

// State is the state of a system's breaker.
type State int32

// The states, from well to sick. They are also the values of the metric.
const (
	Closed   State = iota // asked normally
	HalfOpen              // it is being tried whether the system has recovered
	Open                  // left in peace
)

func (s State) String() string { return [...]string{"closed", "half_open", "open"}[s] }

// Mode is what an operator wants of a system's guards.
type Mode int32

// The modes.
const (
	ModeAuto  Mode = iota // the guards decide
	ModeOpen              // forced open: nobody asks the system, not even a probe
	ModeDrain             // no new questions: those under way and those in the queue come to their end
)

func (m Mode) String() string { return [...]string{"auto", "open", "drain"}[m] }

// Condition is how a system's guards stand, for people; see the package comment for what each figure tells.
type Condition struct {
	Mode       Mode
	Breaker    State
	OpenUntil  time.Time // breaker open: when the system is tried next
	Probe      bool      // whether it is tried by a probe; otherwise by a traveller
	RestUntil  time.Time // the system asked to be left alone until then
	RestReason standard.ReasonCode
	Limit      int // calls that may be under way at once, as the system bears them now
	UnderWay   int
	Queued     int
	Retries    int // second attempts that the budget still allows
}
