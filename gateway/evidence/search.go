package evidence

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"tongma/standard/proof"
)

// Wanted is whom a search is for on one day: their pseudonyms, which only the officer can make.
type Wanted struct {
	Day        string // YYYY-MM-DD, in +08:00
	Pseudonyms []proof.Pseudonym
}

// Bounds of a search.
const (
	MaxWanted = 4096  // pseudonyms, of all days together
	MaxFound  = 10000 // entries
)

// ErrTooMuch is the error of a search that is beyond the bounds: ask for fewer days.
var ErrTooMuch = fmt.Errorf("evidence: a search has at most %d pseudonyms and finds at most %d entries: ask for fewer days", MaxWanted, MaxFound)

// Search finds the entries of a person in the logs of all nodes, in the order of their time. It gives them only when by is on disk, which says who searched, for
// which case and purpose; how many were found Search enters itself. Somebody who searches for nobody leaves an entry as well.
func (l *Log) Search(ctx context.Context, by *proof.Entry, wanted []Wanted) ([]Found, error) {
	if by.Kind != proof.Search || by.Case == "" || by.Purpose == "" || by.Party == "" {
		return nil, errors.New("evidence: a search needs who searches, a case number and a purpose")
	}
	s := search{l: l, places: map[place]bool{}, people: map[proof.Pseudonym]string{}}
	if err := s.find(ctx, wanted); err != nil {
		return nil, err
	}
	slices.SortFunc(s.found, func(a, b Found) int {
		return cmp.Or(a.Entry.At.Compare(b.Entry.At), cmp.Compare(a.Log, b.Log), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Number, b.Number))
	})
	by.Found = uint32(len(s.found))
	err := l.append(ctx, by, nil)
	l.meters.appended(by.Kind, err)
	if err != nil {
		return nil, err
	}
	return s.found, nil
}

// place is where an entry stands.
type place struct {
	log string
	seq uint64
	pos uint64
}

type search struct {
	l      *Log
	people map[proof.Pseudonym]string // whom, and of which day
	places map[place]bool             // where to look, or where was looked
	found  []Found
}

func (s *search) find(ctx context.Context, wanted []Wanted) error {
	for _, w := range wanted {
		if _, err := endOf(w.Day); err != nil {
			return errors.New("evidence: a day is written like 2022-03-01")
		}
		for _, p := range w.Pseudonyms {
			if p != (proof.Pseudonym{}) {
				s.people[p] = w.Day
			}
		}
	}
	if len(s.people) > MaxWanted {
		return ErrTooMuch
	}
	if len(s.people) == 0 {
		return nil
	}
	// How far the index is comes first: what is indexed meanwhile is then found twice and not missed.
	indexed, err := s.positions(ctx)
	if err != nil {
		return err
	}
	for p, day := range s.people {
		if err := s.lookUp(ctx, p, day); err != nil {
			return err
		}
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	for log, from := range indexed {
		if err := s.readThrough(ctx, log, from); err != nil {
			return err
		}
	}
	return nil
}

func (s *search) positions(ctx context.Context) (map[string]uint64, error) {
	rows, err := s.l.store.Read.QueryContext(ctx, "SELECT name, indexed FROM logs")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	indexed := map[string]uint64{}
	for rows.Next() {
		var log string
		var seq uint64
		if err := rows.Scan(&log, &seq); err != nil {
			return nil, err
		}
		indexed[log] = seq
	}
	return indexed, rows.Err()
}

// lookUp finds in the index where a pseudonym may stand.
func (s *search) lookUp(ctx context.Context, p proof.Pseudonym, day string) error {
	rows, err := s.l.store.Read.QueryContext(ctx, "SELECT log, seq, places FROM pseudonyms WHERE day = $1 AND bucket = $2", day, bucketOf(p))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var log string
		var end uint64
		var places []byte
		if err := rows.Scan(&log, &end, &places); err != nil {
			return err
		}
		err := placesOf(places, p, func(before, pos uint64) { s.places[place{log, end - before, pos}] = true })
		if err != nil {
			return err
		}
		if len(s.places) > 2*MaxFound {
			return ErrTooMuch
		}
	}
	return rows.Err()
}

// open reads the entries that the index has pointed to. One whose body is given up by now is not found.
func (s *search) open(ctx context.Context) error {
	byGroup := map[place][]uint64{}
	for p := range s.places {
		group := place{log: p.log, seq: p.seq}
		byGroup[group] = append(byGroup[group], p.pos)
	}
	clear(s.places)
	for at, numbers := range byGroup {
		r, err := rowAt(ctx, s.l.store.Read, at.log, at.seq)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		entries, err := proof.Split(r.entries)
		if err != nil {
			return fmt.Errorf("log %s, group %d: %w: %w", r.log, r.seq, errDamaged, err)
		}
		for _, n := range numbers {
			if n >= uint64(len(entries)) {
				continue
			}
			if err := s.take(r, n, entries[n]); err != nil {
				return err
			}
		}
	}
	return nil
}

// readThrough looks through the groups that the index has not reached.
func (s *search) readThrough(ctx context.Context, log string, from uint64) error {
	rows, err := s.l.store.Read.QueryContext(ctx, "SELECT "+columns+" FROM groups WHERE log = $1 AND seq >= $2 AND entries IS NOT NULL ORDER BY seq", log, from)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return err
		}
		if !s.mayHave(r) {
			continue
		}
		entries, err := proof.Split(r.entries)
		if err != nil {
			return fmt.Errorf("log %s, group %d: %w: %w", r.log, r.seq, errDamaged, err)
		}
		for n, entry := range entries {
			if err := s.take(r, uint64(n), entry); err != nil {
				return err
			}
		}
	}
	return rows.Err()
}

// mayHave says whether one of few pseudonyms stands in a group, without reading its entries; of many it says yes.
func (s *search) mayHave(r *row) bool {
	if len(s.people) > 8 {
		return true
	}
	for p := range s.people {
		if bytes.Contains(r.entries, p[:]) {
			return true
		}
	}
	return false
}

// take takes an entry if it is of one of those who are looked for.
func (s *search) take(r *row, n uint64, encoded []byte) error {
	at := place{r.log, r.seq, n}
	if s.places[at] {
		return nil
	}
	e, err := proof.ParseEntry(encoded)
	if err != nil {
		return fmt.Errorf("log %s, group %d: %w: %w", r.log, r.seq, errDamaged, err)
	}
	if s.people[e.Holder] == "" && s.people[e.Subject] == "" {
		return nil
	}
	if len(s.found) == MaxFound {
		return ErrTooMuch
	}
	s.places[at] = true
	s.found = append(s.found, Found{Log: r.log, Group: r.seq, Number: uint32(n), Entry: e})
	return nil
}
