// Package adapters is where Tongma meets the regional health code systems.
//
// # What an adapter is
//
// An [Adapter] speaks one dialect, that is, the protocol of one system's backend. It says what the system's scans look like
// ([Adapter.Forms]) and asks the backend about one of them ([Adapter.Verify]). All that it needs from outside it gets from a
// [Host], so that the same adapter runs in the gateway, against real backends, and in a test, against a script. Most adapters
// are not written in Go: package descriptor compiles them from a YAML file.
//
// # How a scan finds its system
//
// Every system declares its scans as a list of [Form]. [NewCatalogue] compiles the forms of all systems into one matcher
// and refuses to do so while one scan could match two of them: such a clash is found when a system is registered, not when a
// traveller stands there. [Catalogue.Recognise] then finds the one form that a scan matches and puts what it takes out of
// the scan into a [Ticket]. It costs about the same however many systems there are, and allocates nothing for text, unless it has
// escapes to be decoded.
//
// A scan belongs to one kind of input by its first bytes, and only forms of that kind are tried:
//
//	scan begins with                  kind   forms
//	http:// or https:// in any case   URL    url, params
//	{                                 JSON   json
//	anything else                     text   text
//	(scanBytes)                       bytes  bytes
//
// Scans are taken as they are, up to 8,192 bytes. One line end (CR LF, LF or CR) at the end is dropped, because serial scanners
// add it; nothing else is trimmed, folded or repaired. Two scans that a scanner ran together in one frame match nothing if
// they are lines, URLs or JSON; a text form whose end is open cannot tell two texts without a line end from one.
//
// A request that names its system goes to [Entry.Recognise] instead. There opaque forms count as well, but a scan that
// another system claims is not recognised.
package adapters
