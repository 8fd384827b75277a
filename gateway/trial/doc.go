// Package trial holds tests alone: a whole gateway, with the real dialects, against backends that misbehave in every way that
// the sandbox knows, and against changes under way.
//
//	faults   every fault, every dialect, whatever is remembered: nothing false, nobody kept waiting, nobody else harmed
//	history  verifications, notices, exchanges of backends and operators at once; a checker reads what everybody saw
//	clock    an hour forward, an hour back, in the middle of it
//	canary   a person whose traits are searched for in everything that a node writes down
//	soak     all of it for as long as SOAK says (make soak)
package trial
