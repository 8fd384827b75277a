package store

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"regexp"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tongma/standard/sm"
)

// maxLine bounds a line of a backup, in bytes. A group of a hundred thousand entries needs about 20 million.
const maxLine = 256 << 20

// visitor is told what stands in a backup.
type visitor interface {
	begin(firstLine) error
	table(tableLine) error
	row(values []any) error // nil, int64, string or []byte each; they are not kept
}

// Verify reads a backup to its end, and says what it holds if it is whole.
func Verify(from io.Reader) (*Contents, error) {
	c, err := readBackup(from, ignore{})
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return c, nil
}

type ignore struct{}

func (ignore) begin(firstLine) error { return nil }
func (ignore) table(tableLine) error { return nil }
func (ignore) row([]any) error       { return nil }

// backupReader reads lines.
type backupReader struct {
	in      *bufio.Reader
	sum     hash.Hash
	line    []byte
	number  int
	visitor visitor

	rows    map[string]int64
	table   string
	columns [][2]string
	values  []any
}

// readBackup tells a visitor of each line. What it was told holds only if there is no error.
func readBackup(from io.Reader, v visitor) (*Contents, error) {
	r := &backupReader{in: bufio.NewReaderSize(from, 1<<16), sum: sm.New(), visitor: v, rows: map[string]int64{}}
	c, err := r.read()
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", r.number, err)
	}
	return c, nil
}

func (r *backupReader) read() (*Contents, error) {
	var first firstLine
	if err := r.next(); err != nil {
		return nil, err
	}
	if err := strict(r.line, &first); err != nil || first.Format != backupFormat {
		return nil, errors.New("this is no backup of a store")
	}
	if err := r.visitor.begin(first); err != nil {
		return nil, err
	}
	for {
		before := r.sum.Sum(nil)
		if err := r.next(); err != nil {
			return nil, err
		}
		switch {
		case r.line[0] == '[':
			if err := r.row(); err != nil {
				return nil, err
			}
		case bytes.HasPrefix(r.line, []byte(`{"table"`)):
			if err := r.begin(); err != nil {
				return nil, err
			}
		default:
			if err := r.end(before); err != nil {
				return nil, err
			}
			return &Contents{first.Kind, first.Version, first.At, r.rows, hex.EncodeToString(before)}, nil
		}
	}
}

// next reads a line, which is not empty.
func (r *backupReader) next() error {
	r.number++
	r.line = r.line[:0]
	for {
		piece, err := r.in.ReadSlice('\n')
		r.line = append(r.line, piece...)
		switch {
		case len(r.line) > maxLine:
			return fmt.Errorf("it has more than %d bytes", maxLine)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			return errors.New("the backup is cut off here")
		case err != nil:
			return err
		case len(r.line) < 2:
			return errors.New("it is empty")
		}
		r.sum.Write(r.line)
		return nil
	}
}

func strict(line []byte, into any) error {
	return json.Unmarshal(line, into, json.RejectUnknownMembers(true))
}

var columnName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

func (r *backupReader) begin() error {
	var t tableLine
	if err := strict(r.line, &t); err != nil {
		return errors.New("it does not name a table and its columns")
	}
	if known, ok := findTable(t.Table); !ok || known.passing {
		return errors.New("it names a table that backups do not hold")
	}
	if _, again := r.rows[t.Table]; again {
		return fmt.Errorf("table %s comes twice", t.Table)
	}
	if len(t.Columns) == 0 {
		return fmt.Errorf("table %s has no columns", t.Table)
	}
	for _, c := range t.Columns {
		if !columnName.MatchString(c[0]) || c[1] != typeText && c[1] != typeInteger && c[1] != typeBytes {
			return fmt.Errorf("table %s has a column that is none", t.Table)
		}
	}
	r.table, r.columns, r.values, r.rows[t.Table] = t.Table, t.Columns, make([]any, len(t.Columns)), 0
	return r.visitor.table(t)
}

func (r *backupReader) row() error {
	if r.table == "" {
		return errors.New("a row stands before its table")
	}
	var texts []jsontext.Value
	if err := strict(r.line, &texts); err != nil || len(texts) != len(r.columns) {
		return fmt.Errorf("it is no row of table %s with %d columns", r.table, len(r.columns))
	}
	for i, text := range texts {
		var err error
		if r.values[i], err = value(text, r.columns[i][1]); err != nil {
			return fmt.Errorf("column %s: %w", r.columns[i][0], err)
		}
	}
	r.rows[r.table]++
	return r.visitor.row(r.values)
}

// value reads a value of a column's type.
func value(text jsontext.Value, is string) (any, error) {
	switch kind := text.Kind(); {
	case kind == 'n':
		return nil, nil
	case kind == '0' && is == typeInteger:
		return strconv.ParseInt(string(text), 10, 64)
	case kind == '"' && is != typeInteger:
		s, err := jsontext.AppendUnquote(nil, text)
		if err != nil || is == typeText {
			return string(s), err
		}
		return base64.StdEncoding.Strict().AppendDecode([]byte{}, s)
	}
	return nil, fmt.Errorf("it is no %s", is)
}

func (r *backupReader) end(sum []byte) error {
	var last lastLine
	if err := strict(r.line, &last); err != nil {
		return errors.New("it is neither a table, a row nor the end")
	}
	if last.SM3 != hex.EncodeToString(sum) || !maps.Equal(last.Rows, r.rows) {
		return errors.New("the digest is another one: the backup is damaged")
	}
	if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.New("something follows it")
	}
	return nil
}
