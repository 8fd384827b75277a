package evidence

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"tongma/gateway/events"
	"tongma/standard/proof"
)

// row is a group as it is stored.
type row struct {
	log        string
	seq, first uint64
	count      uint32
	at         time.Time
	head, sign []byte
	subtree    []byte
	entries    []byte // framed; nil if they are gone
	leaves     []byte // then their hashes

	requests []*SubjectRequest // to be stored with it
}

const insertRow = "INSERT INTO groups (log, seq, first, count, at, head, sign, subtree, entries) " +
	"SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 WHERE EXISTS (SELECT 1 FROM logs WHERE name = $1 AND holder = $10 AND closed IS NULL) " +
	"AND (CAST($2 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM groups WHERE log = $1 AND seq = CAST($2 AS BIGINT) - 1)) " +
	"ON CONFLICT (log, seq) DO NOTHING"

// putRow stores a row if holder has the lease, the row before is there and none in its place. It is errLost if not: another node has the log, or the store has
// gone back, as an asynchronous replica that takes over does. After any other
// error the row may be there or not, and putRow is to be called again.
func (l *Log) putRow(ctx context.Context, r *row, holder string) error {
	if stored, err := l.insertRow(ctx, r, holder); stored || err != nil {
		return err
	}
	var head, sign []byte
	err := l.store.Write.QueryRowContext(ctx, "SELECT head, sign FROM groups WHERE log = $1 AND seq = $2", r.log, r.seq).Scan(&head, &sign)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errLost
	case err != nil:
		return err
	case !bytes.Equal(head, r.head) || !bytes.Equal(sign, r.sign):
		return errLost
	}
	return nil // an earlier try has stored it
}

// insertRow does so where nothing is in the way, and says whether it has.
func (l *Log) insertRow(ctx context.Context, r *row, holder string) (bool, error) {
	if len(r.requests) == 0 {
		return insertedRow(ctx, l.insert, r, holder)
	}
	tx, err := l.store.Write.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	if stored, err := insertedRow(ctx, tx.StmtContext(ctx, l.insert), r, holder); !stored || err != nil {
		return false, err
	}
	for _, q := range r.requests {
		if err := q.insert(ctx, tx); err != nil {
			return false, err
		}
	}
	return true, tx.Commit()
}

func insertedRow(ctx context.Context, insert *sql.Stmt, r *row, holder string) (bool, error) {
	result, err := insert.ExecContext(ctx, r.log, r.seq, r.first, r.count, r.at.UnixMilli(), r.head, r.sign, r.subtree, r.entries, holder)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

const columns = "log, seq, first, count, at, head, sign, subtree, entries, leaves"

type scanner interface{ Scan(to ...any) error }

func scanRow(from scanner) (*row, error) {
	r := new(row)
	var at int64
	if err := from.Scan(&r.log, &r.seq, &r.first, &r.count, &at, &r.head, &r.sign, &r.subtree, &r.entries, &r.leaves); err != nil {
		return nil, err
	}
	r.at = time.UnixMilli(at)
	return r, nil
}

func lastRow(ctx context.Context, db *sql.DB, log string) (*row, error) {
	return scanRow(db.QueryRowContext(ctx, "SELECT "+columns+" FROM groups WHERE log = $1 ORDER BY seq DESC LIMIT 1", log))
}

func rowAt(ctx context.Context, db *sql.DB, log string, seq uint64) (*row, error) {
	return scanRow(db.QueryRowContext(ctx, "SELECT "+columns+" FROM groups WHERE log = $1 AND seq = $2", log, seq))
}

// group is the row as package proof knows it.
func (r *row) group() *proof.Group {
	return &proof.Group{Head: r.head, Sign: r.sign, Entries: r.entries, Leaves: r.leaves}
}

func readRows(ctx context.Context, db *sql.DB, query string, args ...any) ([]*row, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []*row
	for rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

func (l *Log) tellDamaged(r *row, err error) {
	events.EvidenceDamaged.Tell(l.config.Log, slog.String("log", r.log), slog.Uint64("group", r.seq), slog.Any("err", err))
}
