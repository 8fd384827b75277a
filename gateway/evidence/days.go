package evidence

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tongma/gateway"
	"tongma/gateway/events"
	"tongma/standard"
	"tongma/standard/proof"
)

const (
	// afterDay is how long nodes keep a day's key when the day is over: as far as their clocks may be apart.
	afterDay = 2 * time.Minute
	maxParts = 100
)

// days has the keys of those days that are not over.
type days struct {
	l      *Log
	under  []byte // what keys are wrapped with
	latest atomic.Pointer[openDay]

	mu     sync.Mutex
	open   map[string]*openDay
	failed atomic.Int64 // when a key could last not be had, in nanoseconds since 1970
}

// noKey is how long nobody tries again when a key could not be had: those who wait for it must not all wait in turn.
const noKey = 100 * time.Millisecond

var errNoKey = fmt.Errorf("%w: %w", ErrUnavailable, events.Err("the key of the day cannot be had"))

// openDay makes the pseudonyms of a day that is not over.
type openDay struct {
	*proof.Day
	begin, end int64 // milliseconds
}

func newDays(l *Log) *days {
	return &days{l: l, under: wrapping(l.config.Secret), open: map[string]*openDay{}}
}

// pseudonymise fills in whom an entry is about.
func (l *Log) pseudonymise(ctx context.Context, e *proof.Entry, about gateway.Person) error {
	known, named := about.Document != (standard.Document{}), about.Subject != ""
	if !known && !named {
		return nil
	}
	day, err := l.days.at(ctx, e.At)
	if err != nil {
		return err
	}
	if known {
		e.Holder = day.Holder(about.Document.Type, about.Document.Number)
	}
	if named {
		e.Subject = day.Subject(about.System, about.Subject)
	}
	return nil
}

// at gives what makes the pseudonyms of a time.
func (d *days) at(ctx context.Context, at time.Time) (*openDay, error) {
	ms := at.UnixMilli()
	if day := d.latest.Load(); day != nil && day.begin <= ms && ms < day.end {
		return day, nil
	}
	name := dayOf(at)
	end, err := endOf(name)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	day := d.open[name]
	if day == nil {
		if d.failing(noKey) {
			return nil, errNoKey
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestWait) // all who come today need it, though who is first may leave
		defer cancel()
		pseudonyms, err := d.fetch(ctx, name)
		if err != nil {
			events.DayKeyTrouble.Tell(d.l.config.Log, d.l.named, slog.Time("day", at), slog.Any("err", err))
			d.failed.Store(time.Now().UnixNano())
			return nil, errNoKey
		}
		day = &openDay{pseudonyms, end.AddDate(0, 0, -1).UnixMilli(), end.UnixMilli()}
		d.open[name] = day
	}
	d.latest.Store(day)
	return day, nil
}

// failing says whether a key could not be had within this time.
func (d *days) failing(within time.Duration) bool {
	return time.Since(time.Unix(0, d.failed.Load())) < within
}

// fetch reads the key of a day, or makes one that all nodes then have.
func (d *days) fetch(ctx context.Context, day string) (*proof.Day, error) {
	for range maxParts {
		key, next, err := d.read(ctx, day)
		if key != nil || err != nil {
			return key, err
		}
		if err := d.make(ctx, day, next); err != nil {
			return nil, err
		}
	}
	return nil, events.Err("it has too many keys already: look for nodes with different evidence secrets")
}

// read gives the last key of a day that can be unwrapped; nil, and the part that the next one will be, if there is none.
func (d *days) read(ctx context.Context, day string) (*proof.Day, int, error) {
	rows, err := d.l.store.Write.QueryContext(ctx, "SELECT part, wrapped FROM day_keys WHERE day = $1 ORDER BY part DESC", day)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	next := 0
	for rows.Next() {
		k, wrapped := DayKey{Day: day}, []byte(nil)
		if err := rows.Scan(&k.Part, &wrapped); err != nil {
			return nil, 0, err
		}
		next = max(next, k.Part+1)
		if wrapped == nil { // the day was over once already
			continue
		}
		key, err := k.unwrap(d.under, wrapped)
		if err != nil {
			begin, _ := time.ParseInLocation(time.DateOnly, day, standard.Zone)
			events.DayKeyOdd.Tell(d.l.config.Log, d.l.named, slog.Time("day", begin), slog.Int("part", k.Part))
			continue
		}
		made := proof.NewDay(key)
		clear(key[:])
		return made, 0, nil
	}
	return nil, next, rows.Err()
}

// make puts a new key of a day into the store, unless another node is faster.
func (d *days) make(ctx context.Context, day string, part int) error {
	k := DayKey{Day: day, Part: part}
	key := new([32]byte)
	rand.Read(key[:])
	defer clear(key[:])
	wrapped, err := k.wrap(d.under, key)
	if err != nil {
		return err
	}
	if err := k.seal(d.l.config.Officer, key); err != nil {
		return err
	}
	_, err = d.l.store.Write.ExecContext(ctx, "INSERT INTO day_keys (day, part, wrapped, sealed, made) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (day, part) DO NOTHING",
		day, part, wrapped, k.Sealed, d.l.config.Now().UnixMilli())
	return err
}

// forget drops the keys of days that are over from memory.
func (d *days) forget(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, day := range d.open {
		if now.UnixMilli() >= day.end+afterDay.Milliseconds() {
			delete(d.open, name)
			d.latest.CompareAndSwap(day, nil)
		}
	}
}

func (d *days) forgetAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.open)
	d.latest.Store(nil)
}

// DayKeys gives the keys of all days for the officer, those that are destroyed without what was sealed.
func (l *Log) DayKeys(ctx context.Context) ([]DayKey, error) {
	rows, err := l.store.Read.QueryContext(ctx, "SELECT day, part, sealed FROM day_keys ORDER BY day, part")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var keys []DayKey
	for rows.Next() {
		var k DayKey
		if err := rows.Scan(&k.Day, &k.Part, &k.Sealed); err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, rows.Err()
}
