// Package freshness remembers answers for as long as they may be served, and what change notices have overtaken.
//
// The key is a keyed digest, so that nothing personal can be read from it; the value is the full record, encoded. What a
// caller may see of it and what is decided are worked out afterwards, for each call.
//
// # How old an answer may be
//
// [Life] says it for each status. An answer's [Standing] falls with its age: Fresh and Due are served as they are, and Due is
// asked for anew in the background; Stale is served at once and asked for anew; Resort is served only where a new answer cannot
// be had. What is stale is told as stale, and by the national default a stale green lets nobody pass. Nothing outlives what the
// scan or its system allow. Ages are measured by the uptime of the process: a clock that is set changes none.
//
// # What has changed since
//
// A platform tells of changes in a [Notice]. [Marks] keep them in the order in which they came: an answer carries the
// [Position] of its backend request in that order, and is not stored, joined or served once a later mark concerns it.
package freshness
