package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// NotEmpty is why a store cannot be restored into.
type NotEmpty struct{ Table string }

func (e *NotEmpty) Error() string {
	return "table " + e.Table + " has rows already: a backup is restored into an empty store alone"
}

// Restore fills an empty store with what a backup of either kind holds, all of it or nothing. The backup is read to its end and checked first.
//
// The logs of evidence in it are closed: entries that were acknowledged after the backup are not in it, and a log that went on from there would
// say two things under one number. Nodes then need logs of new names. Unless complete says that no node has written since the backup, as when a store
// moves from one kind of database to another.
func (s *Store) Restore(ctx context.Context, from io.ReadSeeker, complete bool) (*Contents, error) {
	c, err := s.restore(ctx, from, complete)
	if err != nil {
		return nil, fmt.Errorf("store %s: restore: %w", s.name, err)
	}
	return c, nil
}

func (s *Store) restore(ctx context.Context, from io.ReadSeeker, complete bool) (*Contents, error) {
	c, err := Verify(from)
	if err != nil {
		return nil, err
	}
	if c.Version < 1 || c.Version > newest(s.Kind) {
		return nil, fmt.Errorf("the backup has version %d of the schema, which this program does not know: use the newer one", c.Version)
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	name, err := s.filled(ctx, s.Read)
	if err != nil {
		return nil, err
	}
	if name != "" {
		return nil, &NotEmpty{name}
	}
	if _, err := s.Migrate(ctx, c.Version); err != nil {
		return nil, err
	}
	err = s.load(ctx, from, c.SM3, complete)
	_, later := s.Migrate(context.WithoutCancel(ctx), Latest)
	return c, errors.Join(err, later)
}

// load does it in one transaction.
func (s *Store) load(ctx context.Context, from io.Reader, sum string, complete bool) error {
	tx, err := s.Write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := s.alone(ctx, tx); err != nil {
		return err
	}
	l := &loader{ctx: ctx, tx: tx}
	c, err := readBackup(from, l)
	if err != nil {
		return err
	}
	if c.SM3 != sum {
		return errors.New("the file has changed while it was read")
	}
	if err := l.flush(); err != nil {
		return err
	}
	if !complete {
		if _, err := tx.ExecContext(ctx, "UPDATE logs SET closed = $1 WHERE closed IS NULL", time.Now().UnixMilli()); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// alone makes sure that the store is empty and stays so for others until the transaction ends. In SQLite the transaction has that lock already.
func (s *Store) alone(ctx context.Context, tx *sql.Tx) error {
	if s.Kind == Postgres {
		there, err := s.existing(ctx, tx)
		if err != nil {
			return err
		}
		for _, t := range there {
			if _, err := tx.ExecContext(ctx, "LOCK TABLE "+t.name+" IN EXCLUSIVE MODE"); err != nil {
				return err
			}
		}
	}
	name, err := s.filled(ctx, tx)
	if err == nil && name != "" {
		err = &NotEmpty{name}
	}
	return err
}

// How many rows one statement inserts at most, and how many bytes.
const (
	batchRows  = 200
	batchBytes = 4 << 20
)

// loader inserts what it is told, many rows at a time.
type loader struct {
	ctx context.Context
	tx  *sql.Tx

	into    string // INSERT INTO … VALUES
	columns int
	values  []any
	bytes   int
}

func (l *loader) begin(firstLine) error { return nil }

func (l *loader) table(t tableLine) error {
	if err := l.flush(); err != nil {
		return err
	}
	l.into = "INSERT INTO " + t.Table + " (" + columnList(t.Columns) + ") VALUES "
	l.columns = len(t.Columns)
	return nil
}

func (l *loader) row(values []any) error {
	l.values = append(l.values, values...)
	for _, v := range values {
		switch v := v.(type) {
		case string:
			l.bytes += len(v)
		case []byte:
			l.bytes += len(v)
		}
	}
	if len(l.values) < batchRows*l.columns && l.bytes < batchBytes {
		return nil
	}
	return l.flush()
}

func (l *loader) flush() error {
	if len(l.values) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString(l.into)
	for i := range l.values {
		switch {
		case i == 0:
			b.WriteString("($")
		case i%l.columns == 0:
			b.WriteString("), ($")
		default:
			b.WriteString(", $")
		}
		b.WriteString(strconv.Itoa(i + 1))
	}
	b.WriteString(")")
	_, err := l.tx.ExecContext(l.ctx, b.String(), l.values...)
	clear(l.values)
	l.values, l.bytes = l.values[:0], 0
	return err
}
