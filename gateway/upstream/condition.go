package upstream

import (
	"fmt"
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

// MarshalText writes a state as people read it.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Mode is what an operator wants of a system's guards.
type Mode int32

// The modes.
const (
	ModeAuto  Mode = iota // the guards decide
	ModeOpen              // forced open: nobody asks the system, not even a probe
	ModeDrain             // no new questions: those under way and those in the queue come to their end
)

var modes = [...]string{"auto", "open", "drain"}

func (m Mode) String() string { return modes[m] }

// MarshalText writes a mode as people read it.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (m *Mode) UnmarshalText(text []byte) error {
	for i, name := range modes {
		if name == string(text) {
			*m = Mode(i)
			return nil
		}
	}
	return fmt.Errorf("no mode is called %q: it is auto, open or drain", text)
}

// Condition is how a system's guards stand, for people.
type Condition struct {
	Mode       Mode                `json:"mode"`
	Breaker    State               `json:"breaker"`
	OpenUntil  time.Time           `json:"openUntil,omitzero"` // breaker open: when the system is tried next
	Probe      bool                `json:"probe"`              // whether it is tried by a probe; otherwise by a traveller
	RestUntil  time.Time           `json:"restUntil,omitzero"` // the system asked to be left alone until then
	RestReason standard.ReasonCode `json:"restReason,omitempty"`
	Limit      int                 `json:"limit"` // calls that may be under way at once, as the system bears them now
	UnderWay   int                 `json:"underWay"`
	Queued     int                 `json:"queued"`
	Retries    int                 `json:"retries"` // second attempts that the budget still allows
}
