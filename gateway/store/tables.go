package store

import (
	"context"
	"database/sql"
	"slices"
)

// table is what backups have to know of one.
type table struct {
	name    string
	key     []string // the order of its rows
	omit    []string // columns that are empty in backups
	passing bool     // what it holds is over in minutes: it is in no backup
}

// All tables, in the order in which they are restored.
var tables = []table{
	{name: "logs", key: []string{"name"}},
	{name: "groups", key: []string{"log", "seq"}},
	// A backup outlives the day. With the secret of the nodes it would undo the pseudonyms of that day for ever.
	{name: "day_keys", key: []string{"day", "part"}, omit: []string{"wrapped"}},
	{name: "pseudonyms", key: []string{"day", "bucket", "log", "seq"}},
	{name: "subject_requests", key: []string{"id"}},
	{name: "nonces", passing: true},
	{name: "nonce_turns", passing: true},
}

func findTable(name string) (table, bool) {
	at := slices.IndexFunc(tables, func(t table) bool { return t.name == name })
	if at < 0 {
		return table{}, false
	}
	return tables[at], true
}

// querier is a database, a connection or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// How to ask each kind whether there is a table.
var tableExists = map[Kind]string{
	SQLite:   `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = $1`,
	Postgres: `SELECT count(*) FROM pg_class WHERE oid = to_regclass($1)`,
}

// existing are those tables that this version of the schema has.
func (s *Store) existing(ctx context.Context, q querier) ([]table, error) {
	var there []table
	for _, t := range tables {
		var n int
		if err := q.QueryRowContext(ctx, tableExists[s.Kind], t.name).Scan(&n); err != nil {
			return nil, err
		}
		if n > 0 {
			there = append(there, t)
		}
	}
	return there, nil
}

// filled names a table that has rows, or "".
func (s *Store) filled(ctx context.Context, q querier) (string, error) {
	there, err := s.existing(ctx, q)
	if err != nil {
		return "", err
	}
	for _, t := range there {
		var any bool
		if err := q.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+t.name+")").Scan(&any); err != nil {
			return "", err
		}
		if any {
			return t.name, nil
		}
	}
	return "", nil
}

// Rows counts the rows of each table.
func (s *Store) Rows(ctx context.Context) (map[string]int64, error) {
	there, err := s.existing(ctx, s.Read)
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	for _, t := range there {
		var n int64
		if err := s.Read.QueryRowContext(ctx, "SELECT count(*) FROM "+t.name).Scan(&n); err != nil {
			return nil, err
		}
		counts[t.name] = n
	}
	return counts, nil
}
