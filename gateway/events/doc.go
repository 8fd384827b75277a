// Package events is all that a node tells in its log. Every event is declared once, in the [Catalogue]: its name, its level, its
// attributes with their kinds, what it means and what an operator does about it. deploy/events.md is written from that.
//
// A package of the gateway tells an event, and has no other way to the log:
//
//	events.Breaker.Tell(log, slog.String("system", id), slog.String("state", "open"))
//
// [Seal] puts a logger behind the catalogue. What comes out of it holds nothing that the catalogue does not allow, whoever has written it
// and with whatever:
//
//   - a message that is no event becomes the event [Undeclared], which says where in the program it came from and nothing else;
//   - an attribute that the event does not declare is left out, and counted in the attribute "withheld";
//   - a value that is not of its declared [Kind] becomes "[withheld]". Kinds are narrow: a system or a caller is one that the node has
//     made known with [Know], a word is one of those that the declaration lists, a number has a bound;
//   - of an error only what cannot hold a value is written, see [Error]; of a panic only its type.
//
// So a scan, a name, a number or a phone that somebody logs by mistake is not written. Two tests keep this: one finds every use of slog
// that goes past this package, and gateway/trial leads somebody with known traits past all systems and searches what was written.
package events
