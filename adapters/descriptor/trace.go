package descriptor

import "tongma/adapters"

// Event is one thing that a run of a descriptor did. Its values are those of the run: secrets and persons stand in them, so whoever
// prints them masks them first.
type Event struct {
	Kind   EventKind
	Step   int             // of verify, from 1
	Line   int             // in File, from 1; 0: no one line
	File   string          // adapter.yaml, or that of the dialect that is shared
	Name   string          // of what was bound, or of the token
	Source string          // the expression without its =; "" for a literal
	Value  any             // what it came to
	Held   bool            // whether a condition held
	Is     string          // the word of a clause
	Call   *adapters.Call  // as the host was given it
	Reply  *adapters.Reply // as the host gave it
	Err    error           // what went wrong instead
}

// EventKind says what an event is, and by that which of its members are set.
type EventKind string

// The kinds of events. Whatever can go wrong has Err.
const (
	EventStep    EventKind = "step"    // Step: a step of verify begins
	EventWhen    EventKind = "when"    // Line, Source, Held: whether the step runs
	EventFetch   EventKind = "fetch"   // Name: the call of a token begins
	EventFetched EventKind = "fetched" // Name, Value: it has ended
	EventToken   EventKind = "token"   // Name, Value: a token is used
	EventName    EventKind = "name"    // Name, Line, Source, Value: let or then
	EventCall    EventKind = "call"    // Call: before it is sent
	EventReply   EventKind = "reply"   // Reply
	EventClause  EventKind = "clause"  // Line, Source, Is, Held: a clause of outcome was asked
	EventPassed  EventKind = "passed"  // Line, Source, Is: a clause was not asked, as it reads no http.status and that is outside 2xx
)

// OpenTraced is [Descriptor.Open] for people who want to see what a run does: trace is called for each event where it happens. The
// calls of tokens run on goroutines of their own, and may go on when the verification has ended, so trace must be safe for
// concurrent use.
func (d *Descriptor) OpenTraced(host adapters.Host, trace func(Event)) adapters.Adapter {
	a := d.open(host)
	a.trace = trace
	return a
}

// tell hands an event to the trace, if there is one. Who builds an event that costs something asks for the trace first.
func (a *adapter) tell(kind EventKind, name string, value any, err error) {
	if a.trace != nil {
		a.trace(Event{Kind: kind, Name: name, Value: value, Err: err})
	}
}

// tellExpression is tell for an expression of the descriptor.
func (a *adapter) tellExpression(kind EventKind, e *expression, is string, held bool, err error) {
	if a.trace != nil {
		a.trace(Event{Kind: kind, Line: e.source.at.line, File: e.source.in(), Source: e.source.text, Is: is, Held: held, Err: err})
	}
}

// tellBound is tell for a name of let or then.
func (a *adapter) tellBound(b *binding, value any, err error) {
	if a.trace == nil {
		return
	}
	e := Event{Kind: EventName, Line: b.at.line, File: File, Name: b.name, Value: value, Err: err}
	if b.value.expr != nil {
		e.File, e.Source = b.value.expr.source.in(), b.value.expr.source.text
	}
	a.trace(e)
}
