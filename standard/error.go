package standard

// Kind says what sort of mistake an [Error] is. The gateway maps kinds to return codes in one place.
type Kind string

// The kinds.
const (
	KindSubject  Kind = "subject"  // not exactly one of scan, scanBytes and document, or one that is empty or too long
	KindRegion   Kind = "region"   // not in GB/T 2260
	KindDocument Kind = "document" // not a possible document
	KindSystem   Kind = "system"   // no such system
	KindField    Kind = "field"    // a member outside its bounds

	KindReference Kind = "reference" // used within the last minute for another request
)

// Error is a mistake in what somebody gave us. Field names the member; What says what is wrong with it and what is right;
// neither ever holds the value.
type Error struct {
	Kind  Kind
	Field string
	What  string
}

func (e *Error) Error() string { return e.Field + ": " + e.What }
