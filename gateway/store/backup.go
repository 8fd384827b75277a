package store

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tongma/standard/sm"
)

// A backup is a text of lines, each a JSON value, the same whichever kind of database it is of:
//
//	{"format":"tongma/1 store","kind":"sqlite","version":3,"at":"2022-03-01T02:00:00Z"}
//	{"table":"groups","columns":[["log","text"],["seq","integer"],["head","bytes"], …]}
//	["node-1",0,"AAEC…", …]                       a row; bytes are base64, and null is null
//	…
//	{"rows":{"groups":1, …},"sm3":"66c7f0f4…"}    the last line: SM3 of all lines before

const backupFormat = "tongma/1 store"

// The types of columns.
const (
	typeText    = "text"
	typeInteger = "integer"
	typeBytes   = "bytes"
)

// What each kind of database calls them.
var columnTypes = map[string]string{
	"TEXT":    typeText,
	"INTEGER": typeInteger, "INT8": typeInteger, "INT4": typeInteger,
	"BLOB": typeBytes, "BYTEA": typeBytes,
}

// Contents is what a backup holds.
type Contents struct {
	Kind    Kind             `json:"kind"`    // of the database it is of
	Version int64            `json:"version"` // of the schema
	At      time.Time        `json:"at"`      // when it was begun: what was committed before is in it
	Rows    map[string]int64 `json:"rows"`    // of each table
	SM3     string           `json:"sm3"`     // hex, of all but the last line: it finds damage, and does not say who made it
}

type firstLine struct {
	Format  string    `json:"format"`
	Kind    Kind      `json:"kind"`
	Version int64     `json:"version"`
	At      time.Time `json:"at"`
}

// tableLine begins the rows of a table.
type tableLine struct {
	Table   string      `json:"table"`
	Columns [][2]string `json:"columns"` // name and type
}

type lastLine struct {
	Rows map[string]int64 `json:"rows"`
	SM3  string           `json:"sm3"`
}

// Backup writes all that the store holds, as it is at one moment, while nodes go on. It holds no wrapped day key: whoever has a backup and the secret
// of the nodes cannot undo pseudonyms. It does hold the keys that are sealed for the privacy officer, so it must not be kept for longer than they are.
// It holds no nonces.
func (s *Store) Backup(ctx context.Context, to io.Writer) (*Contents, error) {
	c, err := s.backup(ctx, to)
	if err != nil {
		return nil, fmt.Errorf("store %s: backup: %w", s.name, err)
	}
	return c, nil
}

func (s *Store) backup(ctx context.Context, to io.Writer) (*Contents, error) {
	how := &sql.TxOptions{ReadOnly: true} // a snapshot in SQLite with a write-ahead log
	if s.Kind == Postgres {
		how.Isolation = sql.LevelRepeatableRead
	}
	tx, err := s.Read.BeginTx(ctx, how)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	w := newBackupWriter(to)
	w.contents.Kind, w.contents.At = s.Kind, time.Now().UTC().Truncate(time.Millisecond)
	if err := tx.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version").Scan(&w.contents.Version); err != nil {
		return nil, err
	}
	if w.contents.Version > newest(s.Kind) {
		return nil, fmt.Errorf("the schema has version %d, which this program does not know: use the newer one", w.contents.Version)
	}
	w.object(firstLine{backupFormat, s.Kind, w.contents.Version, w.contents.At})
	there, err := s.existing(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, t := range there {
		if t.passing {
			continue
		}
		if err := w.table(ctx, tx, t); err != nil {
			return nil, fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	return w.end()
}

// backupWriter writes lines until something fails.
type backupWriter struct {
	contents Contents
	out      *bufio.Writer
	sum      hash.Hash
	line     []byte
	err      error
}

func newBackupWriter(to io.Writer) *backupWriter {
	return &backupWriter{out: bufio.NewWriterSize(to, 1<<16), sum: sm.New(), contents: Contents{Rows: map[string]int64{}}}
}

// put writes the line.
func (w *backupWriter) put() {
	w.line = append(w.line, '\n')
	w.sum.Write(w.line)
	if _, err := w.out.Write(w.line); w.err == nil {
		w.err = err
	}
	w.line = w.line[:0]
}

func (w *backupWriter) object(v any) {
	line, err := json.Marshal(v, json.Deterministic(true))
	if w.err == nil {
		w.err = err
	}
	w.line = append(w.line, line...)
	w.put()
}

// table writes the rows of one.
func (w *backupWriter) table(ctx context.Context, tx *sql.Tx, t table) error {
	columns, err := columnsOf(ctx, tx, t)
	if err != nil {
		return err
	}
	w.object(tableLine{t.name, columns})
	w.contents.Rows[t.name] = 0
	rows, err := tx.QueryContext(ctx, "SELECT "+columnList(columns)+" FROM "+t.name+" ORDER BY "+strings.Join(t.key, ", "))
	if err != nil {
		return err
	}
	defer rows.Close()
	values := make([]any, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() && w.err == nil {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if err := w.row(values); err != nil {
			return err
		}
		w.contents.Rows[t.name]++
	}
	return rows.Err()
}

// columnsOf are those of a table that backups hold, with their types.
func columnsOf(ctx context.Context, tx *sql.Tx, t table) ([][2]string, error) {
	rows, err := tx.QueryContext(ctx, "SELECT * FROM "+t.name+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	var columns [][2]string
	for _, c := range all {
		is, ok := columnTypes[c.DatabaseTypeName()]
		if !ok {
			return nil, fmt.Errorf("column %s is of type %s, which backups do not know", c.Name(), c.DatabaseTypeName())
		}
		if !slices.Contains(t.omit, c.Name()) {
			columns = append(columns, [2]string{c.Name(), is})
		}
	}
	return columns, rows.Err()
}

func columnList(columns [][2]string) string {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(`"` + c[0] + `"`)
	}
	return b.String()
}

func (w *backupWriter) row(values []any) (err error) {
	w.line = append(w.line, '[')
	for i, v := range values {
		if i > 0 {
			w.line = append(w.line, ',')
		}
		switch v := v.(type) {
		case nil:
			w.line = append(w.line, "null"...)
		case int64:
			w.line = strconv.AppendInt(w.line, v, 10)
		case string:
			if w.line, err = jsontext.AppendQuote(w.line, v); err != nil {
				return err
			}
		case []byte:
			w.line = append(w.line, '"')
			w.line = base64.StdEncoding.AppendEncode(w.line, v)
			w.line = append(w.line, '"')
		default:
			return fmt.Errorf("a value of type %T", v)
		}
	}
	w.line = append(w.line, ']')
	w.put()
	return nil
}

func (w *backupWriter) end() (*Contents, error) {
	w.contents.SM3 = hex.EncodeToString(w.sum.Sum(nil))
	w.object(lastLine{w.contents.Rows, w.contents.SM3})
	if w.err != nil {
		return nil, w.err
	}
	return &w.contents, w.out.Flush()
}
