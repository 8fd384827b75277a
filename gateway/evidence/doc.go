// Package evidence keeps what the gateway has answered: a log (存证) of entries that whoever has the gateway's public key can check, with package
// proof alone. Rule 4 of the house is kept here: nothing is answered before its entry is on disk.
//
// # How entries are written
//
// [Log.Append] adds an entry to the group that waits. One goroutine takes that group, makes the tree of its entries and the head, signs it and
// stores all of it as one row; meanwhile the next group forms. So there is no timer: a lone entry is written at once, and the more come the more
// share a signature and a sync. Append returns when the row is durable.
//
// # What an entry stands for
//
// For an answer that was ready to be given. That it was received nobody can know: its connection may have broken. An Append that failed may have
// left its entry, because a database that went away in the midst of it may have kept the row; the writer then stores that very row again until it
// knows, and never signs another under the same number.
//
// # One log, one node
//
// Each node writes a log of its own name. Who may write it holds the lease, a row that is renewed every few seconds, and every insert looks whether it
// still does; the primary key (log, seq) has the last word. A node that finds its log taken refuses all answers ([ErrUnavailable]) until it has
// it back. One that starts again with the same state folder takes its own lease back at once, another folder waits until the lease has run out.
//
// A node goes on in no log whose last group is signed by a key that it has never had ([ErrTampered]). The keys that it has had are in its state folder.
//
// # Whom entries are about
//
// Entries hold pseudonyms under a key of the day, see [DayKey]. Nodes have that key, wrapped in the store under the evidence secret, until the day is over; after
// that only the privacy officer has it, sealed to their key, until the retention is over; after that nobody. No clock is trusted more than it must
// be: where a clock is set back into a day whose key is gone, that day gets another one, and keys are destroyed only by a clock that has gone
// evenly for an hour or that agrees with the store.
//
// # What it takes
//
// An entry takes about 210 bytes on disk with its index, in either database, where forty share a group; alone it takes about 520, for then the head and the
// signature are its own. A day at 23,300 entries a second is 2,000 million entries: 430 GB over all nodes. Config.Keep keeps less: of an entry that is
// given up 32 bytes stay, of its group the head. With Keep at three days such a rush takes 1.3 TB and then 80 GB for each day that is gone. SQLite uses the
// room again but does not give it back, PostgreSQL likewise.
//
// With 64 callers at once an entry takes 12 µs of the processor, its share of the group and of the index within; with 256, 8 µs. A group takes 0.2 ms and
// one sync, however few share it. `go test ./gateway/evidence -run - -bench .` measures it. Ten million entries open in a few milliseconds, because a log is read from its end: the last row, and one for each bit of their number.
//
// # How people are found
//
// The officer's client unseals the keys of the days in question, makes the pseudonyms and asks [Log.Search], which leaves an entry of its own
// before it answers. An index is built behind the writer, and what it has not reached is read through.
package evidence
