// Package store opens the database of a gateway: a SQLite file, or PostgreSQL for many nodes. It is the only place that knows how the two
// differ.
//
//	s, err := store.Open(ctx, "sqlite:/var/lib/tongma/tongma.db")
//	s, err := store.Open(ctx, "postgres://tongma@db.example/tongma?sslmode=verify-full")
//
// Open brings the schema up to date first (migrations/, run by goose under a lock: many nodes may start at once). Queries are written once for
// both kinds: $1, $2 in the order of their first use, times as milliseconds since 1970, bytes as []byte.
//
// # What is durable when
//
// A transaction that Commit has answered with nil is on disk:
//
//   - SQLite: journal_mode=WAL with synchronous=EXTRA, which in this mode is FULL. Commit returns after the log's fsync (F_FULLFSYNC on macOS): one
//     for each transaction.
//   - PostgreSQL: synchronous_commit is at least "on" for each connection, whatever the server's default is. A server that runs with fsync=off is
//     refused. With a synchronous standby Commit waits for it as well.
//
// A Commit that failed may have been kept or not: a lost connection does not tell. Who must know reads the row by its key.
//
// # Two versions at once
//
// While a new version is rolled out, old nodes go on in the new schema. So a migration takes nothing away that the version before uses: that is
// left to the version after. An old program opens a newer store as it is.
//
// # Secrets
//
// The URL of PostgreSQL may hold a password. It is in no error of this package and in no [Store.String].
package store
