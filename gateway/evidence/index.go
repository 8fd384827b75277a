package evidence

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"tongma/gateway/events"
	"tongma/standard/proof"
)

const (
	indexEvery   = time.Minute // groups are indexed when the oldest is this old,
	indexEntries = 1 << 16     // or when so many entries wait for it
	houseEvery   = 20 * time.Second
	// bucketsAtOnce is how many rows of the index are written in one transaction: it must not keep the writer waiting.
	bucketsAtOnce = 128
)

// position is how far the index of this node's log is. The entries of groups that it has not reached are read through in a search.
type position struct {
	mu      sync.Mutex
	indexed uint64    // groups below are in the index
	behind  uint64    // entries that are not
	oldest  time.Time // when the first group that is not was made; zero if all are
}

// written counts a group that was stored, and says whether it is time to index.
func (p *position) written(r *row) (due bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behind += uint64(r.count)
	if p.oldest.IsZero() {
		p.oldest = r.at
	}
	return p.behind >= indexEntries
}

// due says whether it is time to index.
func (p *position) due(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.behind >= indexEntries || !p.oldest.IsZero() && now.Sub(p.oldest).Abs() >= indexEvery
}

// lag is how old the oldest group is that is not in the index.
func (p *position) lag(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.oldest.IsZero() {
		return 0
	}
	return max(0, now.Sub(p.oldest))
}

// loadPosition reads how far the index is.
func (l *Log) loadPosition(ctx context.Context) error {
	p := &l.position
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := l.store.Write.QueryRowContext(ctx, "SELECT indexed FROM logs WHERE name = $1", l.config.Name).Scan(&p.indexed); err != nil {
		return err
	}
	p.behind, p.oldest = 0, time.Time{}
	var first uint64
	var at int64
	err := l.store.Write.QueryRowContext(ctx, "SELECT first, at FROM groups WHERE log = $1 AND seq = $2", l.config.Name, p.indexed).Scan(&first, &at)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	p.behind, p.oldest = l.length-first, time.UnixMilli(at)
	return nil
}

// run is what the index says of some groups in a row. The last are those below end.
type run struct {
	log     string
	end     uint64
	entries uint64
	places  map[bucket][]byte
}

// bucket is a row of the index: the pseudonyms of a day that begin with the same bits.
type bucket struct {
	day string
	no  int
}

const (
	bucketBits = 10
	tagSize    = 4 // bytes of a pseudonym behind its first that stand in a row
)

func bucketOf(p proof.Pseudonym) int { return int(binary.BigEndian.Uint16(p[:]) >> (16 - bucketBits)) }

// index puts groups into the index until all are in it.
func (l *Log) index(ctx context.Context) error {
	for {
		n, err := l.indexRun(ctx)
		if err != nil || n < indexEntries {
			return err
		}
	}
}

// indexRun puts one run into the index and says how many entries it had.
func (l *Log) indexRun(ctx context.Context) (uint64, error) {
	l.position.mu.Lock()
	from := l.position.indexed
	l.position.mu.Unlock()
	r, err := l.readRun(ctx, from)
	if err != nil || r.end == from {
		return 0, err
	}
	if err := l.writeRun(ctx, r); err != nil {
		return 0, err
	}
	var next int64
	err = l.store.Read.QueryRowContext(ctx, "SELECT at FROM groups WHERE log = $1 AND seq = $2", r.log, r.end).Scan(&next)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	l.position.advance(r, next)
	return r.entries, nil
}

// advance goes on behind a run; next is when the group behind it was made, 0 if there is none yet.
func (p *position) advance(r *run, next int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.indexed = r.end
	p.behind -= min(r.entries, p.behind)
	switch {
	case next != 0:
		p.oldest = time.UnixMilli(next)
	case p.behind == 0:
		p.oldest = time.Time{}
	}
}

func (l *Log) readRun(ctx context.Context, from uint64) (*run, error) {
	r := &run{log: l.config.Name, end: from, places: map[bucket][]byte{}}
	var groups []*row
	rows, err := l.store.Read.QueryContext(ctx, "SELECT "+columns+" FROM groups WHERE log = $1 AND seq >= $2 ORDER BY seq", r.log, from)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for r.entries < indexEntries && rows.Next() {
		g, err := scanRow(rows)
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
		r.end = g.seq + 1
		r.entries += uint64(g.count)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for _, g := range groups {
		if err := r.add(g); err != nil { // of a group that is damaged nothing can be found
			l.tellDamaged(g, err)
		}
	}
	return r, nil
}

func (r *run) add(g *row) error {
	entries, err := proof.Split(g.entries)
	if err != nil {
		return err
	}
	for pos, encoded := range entries {
		at, holder, subject, err := proof.Pseudonyms(encoded)
		if err != nil {
			return err
		}
		for _, p := range [...]proof.Pseudonym{holder, subject} {
			if p == (proof.Pseudonym{}) {
				continue
			}
			in := bucket{dayOf(at), bucketOf(p)}
			r.places[in] = appendPlace(r.places[in], p, r.end-g.seq, uint64(pos))
		}
	}
	return nil
}

// appendPlace says where a pseudonym stands: some of its bytes, how many groups before the end of the run, and the number of the entry in the group.
func appendPlace(places []byte, p proof.Pseudonym, before, pos uint64) []byte {
	places = append(places, p[1:1+tagSize]...)
	places = binary.AppendUvarint(places, before)
	return binary.AppendUvarint(places, pos)
}

var errIndex error = events.Err("a row of the index is damaged")

// placesOf gives where a pseudonym may stand.
func placesOf(places []byte, p proof.Pseudonym, found func(before, pos uint64)) error {
	for len(places) > 0 {
		if len(places) < tagSize {
			return errIndex
		}
		same := [tagSize]byte(places) == [tagSize]byte(p[1:])
		before, n := binary.Uvarint(places[tagSize:])
		if n <= 0 {
			return errIndex
		}
		pos, m := binary.Uvarint(places[tagSize+n:])
		if m <= 0 {
			return errIndex
		}
		if same {
			found(before, pos)
		}
		places = places[tagSize+n+m:]
	}
	return nil
}

// writeRun stores a run, a few rows at a time. Should two nodes do so for one log, what both have written is the same, or overlaps.
func (l *Log) writeRun(ctx context.Context, r *run) error {
	in := slices.SortedFunc(maps.Keys(r.places), func(a, b bucket) int {
		if a.day != b.day {
			return strings.Compare(a.day, b.day)
		}
		return a.no - b.no
	})
	for some := range slices.Chunk(in, bucketsAtOnce) {
		if err := l.writeBuckets(ctx, r, some); err != nil {
			return err
		}
	}
	_, err := l.store.Write.ExecContext(ctx, "UPDATE logs SET indexed = $1 WHERE name = $2 AND indexed < $1", r.end, r.log)
	return err
}

func (l *Log) writeBuckets(ctx context.Context, r *run, some []bucket) error {
	tx, err := l.store.Write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	insert, err := tx.PrepareContext(ctx, "INSERT INTO pseudonyms (day, bucket, log, seq, places) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (day, bucket, log, seq) DO NOTHING")
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, b := range some {
		if _, err := insert.ExecContext(ctx, b.day, b.no, r.log, r.end, r.places[b]); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// dropIndex deletes the index of the days before one, a few rows at a time.
func (l *Log) dropIndex(ctx context.Context, before string) error {
	for {
		var day sql.NullString
		err := l.store.Read.QueryRowContext(ctx, "SELECT MIN(day) FROM pseudonyms").Scan(&day)
		if err != nil || !day.Valid || day.String >= before {
			return err
		}
		for from := 0; from < 1<<bucketBits; from += 16 {
			if _, err := l.store.Write.ExecContext(ctx, "DELETE FROM pseudonyms WHERE day = $1 AND bucket >= $2 AND bucket < $3", day.String, from, from+16); err != nil {
				return err
			}
		}
	}
}
