package adapters

import (
	"context"
	"io"
	"net/http"
	"time"

	"tongma/standard"
)

// Adapter (适配器) speaks one dialect. It is safe for concurrent use. Guards wrap an adapter with the same interface.
type Adapter interface {
	// Forms says what the system's scans look like. The catalogue compiles all forms of all systems into one matcher.
	Forms() []Form
	// Verify asks the system's backend. The error is a *[Fault] whenever the backend is to blame; a status is never
	// guessed, so whatever is not understood is a fault.
	Verify(ctx context.Context, q *Query) (Result, error)
}

// Keyer is an adapter that can say which inputs its answer depends on. WriteKey writes the descriptor's digest and each input, each
// behind its length, so that two queries with the same bytes get the same answer. An adapter without it is never cached
// or coalesced.
type Keyer interface {
	WriteKey(w io.Writer, q *Query)
}

// Screener is an adapter that may have its answer from the scan alone: one that says itself that it has expired needs no call,
// and is told so whatever the state of its backend. Screen says whether it has an answer.
type Screener interface {
	Screen(q *Query) (Result, bool)
}

// Prober is an adapter that can ask its backend about a code that nobody has, so that whether a sick backend works again is not tried
// out on a traveller. Probe gives nil if the backend answered as a sound one does.
type Prober interface {
	Probe(ctx context.Context, at Place) error
}

// Dialect is an adapter that is not connected yet: what a descriptor compiles to.
type Dialect interface {
	Info() Info
	Open(Host) Adapter
}

// Query is one question to a system: the ticket and what the caller told.
type Query struct {
	Ticket   Ticket
	Place    Place
	Operator standard.Operator
	Caller   Caller
}

// Place is where the check happens, with what the gateway knows of it.
type Place struct {
	Region   string            // GB/T 2260
	Site     string            // the checkpoint's own name
	City     string            // the prefecture's code (the province's for a municipality), "" if none
	CityName string            // its name, such as 杭州市
	IDs      map[string]string // what a system calls this place or device, from the configuration
}

// Caller is who asks, as far as a system may be told.
type Caller struct {
	ID, Device, Scene, Purpose string
}

// Result is what a system said. An outcome other than verified has a reason and no record.
type Result struct {
	Outcome    standard.Outcome
	Reason     standard.ReasonCode
	Record     *standard.Record
	ObservedAt time.Time // when the backend request began; zero if none was needed
	ValidUntil time.Time // until when the system or the scan itself lets this stand; zero: it does not say
}

// Fault is trouble with a backend: no answer, or one that cannot be understood or trusted. What says what happened, with the
// descriptor's place and the types of values, never a value.
type Fault struct {
	Reason     standard.ReasonCode
	Blameless  bool          // not the backend's: no request can be made of what was scanned, told or configured
	RetryAfter time.Duration // 0: unknown
	What       string
	Err        error
}

func (f *Fault) Error() string {
	s := string(f.Reason)
	if f.What != "" {
		s += ": " + f.What
	}
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

func (f *Fault) Unwrap() error { return f.Err }

// Host is all that an adapter needs from outside. The gateway gives a real one, fixtures one that plays a script.
type Host interface {
	// Send makes one HTTP request to the system. It follows no redirect, does not retry, and reads at most r.MaxReply bytes. Any
	// HTTP status is a reply but 206: no part was asked for, and half an answer is none. Its error is a *Fault.
	Send(ctx context.Context, r *Call) (*Reply, error)
	// Credential gives a configured credential and whether it is there.
	Credential(name string) (string, bool)
	Now() time.Time
	// Random fills b from a cryptographic source.
	Random(b []byte)
}

// Call is one request to a backend.
type Call struct {
	Method   string
	Endpoint string // name of the endpoint, "" for the main one
	Target   string // escaped path and query, beginning with "/", to be put behind the endpoint's URL
	Header   []HeaderField
	Body     []byte
	Timeout  time.Duration // of this system, besides the context's
	MaxReply int64         // bytes; a longer reply is a fault
}

// HeaderField is one header of a call. HTTP gives no order to headers of different names.
type HeaderField struct{ Name, Value string }

// Reply is what came back.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Info is what the catalogue, the gateway and people need to know of a system.
type Info struct {
	System      string // id, such as suishen
	Name        standard.Text
	Region      string   // GB/T 2260, the home region
	Systems     []System // further ones that the same backend answers for, with nothing of the scan to tell them by
	Gives       []string // what a system without statuses gives: nucleic, antibody, vaccine
	Version     string   // of the descriptor
	Dialect     string   // the dialect that it shares with others, "" if it has one of its own
	Mode        int      // the recognition mode (互认方式): 1 shared data, 2 conversion to the national code, 3 the national code itself
	Provenance  standard.Provenance
	Synthetic   []string // what in this dialect is invented, in words
	Sources     []string // where its facts are from
	Digest      string   // hex SM3 of the descriptor
	Credentials []Credential
	Endpoints   []string // names of further endpoints, besides the main one
	Limits      Limits
	Freshness   Freshness
	Records     bool // the backend records each call (`effects: visit`): no hedging, no blind retry
}

// System is a further system that a dialect answers for. Which one an answer is of, its record says.
type System struct {
	ID     string
	Name   standard.Text
	Region string // GB/T 2260
}

// Credential is one that a dialect needs to be configured with.
type Credential struct {
	Name   string
	Secret bool // given by file or environment only, never printed
}

// Limits bound what a system is asked. Zero means the gateway's default; a configuration may lower and raise them.
type Limits struct {
	Timeout     time.Duration
	Concurrency int
	Rate        float64 // calls a second
	Body        int64   // bytes of a reply
	Retry       int
	Hedge       time.Duration // a second request may be made when the first has not been answered for so long; 0: never
}

// Freshness says how long an answer may be served from memory, by status. It never outlives [Result].ValidUntil.
type Freshness struct {
	Green, Yellow, Red time.Duration
}

// PlaceOf gives the place of a check, with the city that its region lies in.
func PlaceOf(p standard.Place, ids map[string]string) Place {
	place := Place{Region: p.Region, Site: p.Site, IDs: ids}
	if city, ok := standard.City(p.Region); ok {
		place.City, place.CityName = city.Code, city.Name
	}
	return place
}
