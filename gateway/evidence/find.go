package evidence

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"tongma/standard/proof"
)

var (
	// ErrNotFound is the error for an entry, a log, a range or a request that is not there, or whose entries are given up by now.
	ErrNotFound = errors.New("evidence: there is none, or it is not kept any more")
	errDamaged  = errors.New("a row is damaged")
)

// Found is an entry with its place.
type Found struct {
	Log    string
	Group  uint64
	Number uint32 // in its group, from 0
	Entry  proof.Entry
}

// Kept is an entry with all of its group, which proves it.
type Kept struct {
	Found
	group *proof.Group
}

// Prove makes the proof of the entry.
func (k *Kept) Prove() (*proof.Proof, error) { return k.group.Prove(int(k.Number)) }

// An id begins with the time when it was drawn, and its group is made when the one before has been written. Where a clock was set between, it
// is a little off: that is looked through when nothing was found at the usual place.
var around = [...]struct{ from, to time.Duration }{
	{0, 2 * time.Second},
	{-2 * time.Second, 0},
	{2 * time.Second, 10 * time.Second},
}

// Find finds the entry of an id, in the logs of all nodes of the store. It is ErrNotFound if there is none.
func (l *Log) Find(ctx context.Context, id string) (*Kept, error) {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return nil, ErrNotFound
	}
	at := ulid.Time(u.Time())
	for _, a := range around {
		k, err := l.findBetween(ctx, u, at.Add(a.from), at.Add(a.to))
		if k != nil || err != nil {
			return k, err
		}
	}
	return nil, ErrNotFound
}

func (l *Log) findBetween(ctx context.Context, id ulid.ULID, from, to time.Time) (*Kept, error) {
	rows, err := l.store.Read.QueryContext(ctx, "SELECT "+columns+" FROM groups WHERE entries IS NOT NULL AND at >= $1 AND at < $2 ORDER BY at", from.UnixMilli(), to.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(r.entries, id[:]) {
			continue
		}
		if k, err := r.find(id.String()); k != nil || err != nil {
			return k, err
		}
	}
	return nil, rows.Err()
}

// find looks for an entry in a row.
func (r *row) find(id string) (*Kept, error) {
	entries, err := proof.Split(r.entries)
	if err != nil {
		return nil, fmt.Errorf("log %s, group %d: %w: %w", r.log, r.seq, errDamaged, err)
	}
	for i := range entries {
		e, err := proof.ParseEntry(entries[i])
		if err != nil {
			return nil, fmt.Errorf("log %s, group %d: %w: %w", r.log, r.seq, errDamaged, err)
		}
		if e.ID == id {
			return &Kept{Found{Log: r.log, Group: r.seq, Number: uint32(i), Entry: e}, r.group()}, nil
		}
	}
	return nil, nil
}

// Range is a range of a log's groups: those from From on that are before To.
type Range struct{ From, To uint64 }

// Logs gives the logs of the store, and how many groups each has.
func (l *Log) Logs(ctx context.Context) (map[string]uint64, error) {
	rows, err := l.store.Read.QueryContext(ctx, "SELECT name, COALESCE((SELECT MAX(seq) + 1 FROM groups WHERE log = name), 0) FROM logs")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	logs := map[string]uint64{}
	for rows.Next() {
		var name string
		var size uint64
		if err := rows.Scan(&name, &size); err != nil {
			return nil, err
		}
		logs[name] = size
	}
	return logs, rows.Err()
}

// size is how many groups a log has.
func (l *Log) size(ctx context.Context, log string) (uint64, error) {
	var size uint64
	err := l.store.Read.QueryRowContext(ctx, "SELECT COALESCE((SELECT MAX(seq) + 1 FROM groups WHERE log = name), 0) FROM logs WHERE name = $1", log).Scan(&size)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("log %s: %w", log, ErrNotFound)
	}
	return size, err
}

// Between gives the groups of a log that were made at or after one time and before another. Where its clock was set back between, the
// range may begin or end on either side of that.
func (l *Log) Between(ctx context.Context, log string, from, to time.Time) (Range, error) {
	size, err := l.size(ctx, log)
	if err != nil {
		return Range{}, err
	}
	var r Range
	if r.From, err = l.firstAt(ctx, log, size, from); err != nil {
		return Range{}, err
	}
	if r.To, err = l.firstAt(ctx, log, size, to); err != nil {
		return Range{}, err
	}
	if r.From >= r.To {
		return Range{}, fmt.Errorf("log %s: nothing was written in this time: %w", log, ErrNotFound)
	}
	return r, nil
}

// firstAt finds the first group of a log that was not made before a time, by halves.
func (l *Log) firstAt(ctx context.Context, log string, size uint64, at time.Time) (uint64, error) {
	low, high := uint64(0), size
	for low < high {
		middle := low + (high-low)/2
		var made int64
		err := l.store.Read.QueryRowContext(ctx, "SELECT at FROM groups WHERE log = $1 AND seq = $2", log, middle).Scan(&made)
		if err != nil {
			return 0, fmt.Errorf("log %s, group %d: %w", log, middle, err)
		}
		if made < at.UnixMilli() {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

// Grow proves that a log at a later group goes on from an earlier one.
func (l *Log) Grow(ctx context.Context, log string, earlier, later uint64) (*proof.Growth, error) {
	from, err := l.signed(ctx, log, earlier)
	if err != nil {
		return nil, err
	}
	to, err := l.signed(ctx, log, later)
	if err != nil {
		return nil, err
	}
	return proof.Grow(ctx, from, to, rowsOf(l.store.Read, log))
}

func (l *Log) signed(ctx context.Context, log string, seq uint64) (s proof.Signed, err error) {
	err = l.store.Read.QueryRowContext(ctx, "SELECT head, sign FROM groups WHERE log = $1 AND seq = $2", log, seq).Scan(&s.Head, &s.Sign)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("log %s, group %d: %w", log, seq, ErrNotFound)
	}
	return s, err
}
