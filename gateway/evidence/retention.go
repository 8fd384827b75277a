package evidence

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"tongma/gateway/store"
	"tongma/standard/proof"
)

const (
	// steadyFor is how long a clock must have gone evenly before anything is destroyed by it that nobody can bring back.
	steadyFor = time.Hour
	// uneven is how far a clock may go off from the time that passes.
	uneven = time.Minute
	// agrees is how long a store may have been idle before its own times no longer speak for a node's clock.
	agrees = 3 * 24 * time.Hour
)

// steady watches whether the clock goes evenly.
type steady struct {
	wall  time.Time
	up    time.Duration // when the clock showed wall
	since time.Duration // from when on it has gone evenly; may be below 0
}

// newSteady begins to watch. A clock that agrees with what the store has seen last is trusted at once.
func (l *Log) newSteady(ctx context.Context) (steady, error) {
	now, up := l.config.Now(), l.config.Uptime()
	s := steady{wall: now, up: up, since: up}
	var last sql.NullInt64
	err := l.store.Write.QueryRowContext(ctx, "SELECT MAX(at) FROM (SELECT MAX(at) AS at FROM groups WHERE entries IS NOT NULL UNION ALL SELECT MAX(made) FROM day_keys) AS seen").Scan(&last)
	if d := now.Sub(time.UnixMilli(last.Int64)); last.Valid && d > -uneven && d < agrees {
		s.since -= steadyFor
	}
	return s, err
}

// look says whether the clock may be destroyed by.
func (s *steady) look(now time.Time, up time.Duration) bool {
	off := now.Sub(s.wall) - (up - s.up)
	s.wall, s.up = now, up
	if off.Abs() > uneven {
		s.since = up
	}
	return up-s.since >= steadyFor
}

// wipe deletes the wrapped keys of days that are over, so that nodes have them no more.
func (l *Log) wipe(ctx context.Context, now time.Time) error {
	l.days.forget(now)
	return l.erase(ctx, "UPDATE day_keys SET wrapped = NULL WHERE wrapped IS NOT NULL AND day < $1", dayOf(now.Add(-afterDay)))
}

// destroy deletes the sealed keys of days whose retention is over: from then on nobody can tie an entry of theirs to a person. The index of those days
// is of no use then, and what travellers have asked for goes at the same age.
func (l *Log) destroy(ctx context.Context, now time.Time) error {
	last := now.Add(-l.config.Retention)
	return errors.Join(
		l.erase(ctx, "UPDATE day_keys SET destroyed = $1, wrapped = NULL, sealed = NULL WHERE destroyed IS NULL AND day < $2", now.UnixMilli(), dayOf(last)),
		l.erase(ctx, "UPDATE subject_requests SET sealed = NULL, answer = NULL WHERE at < $1 AND (sealed IS NOT NULL OR answer IS NOT NULL)", last.UnixMilli()),
		l.dropIndex(ctx, dayOf(last)),
	)
}

// erase runs a statement that deletes what must not come back.
func (l *Log) erase(ctx context.Context, statement string, args ...any) error {
	result, err := l.store.Write.ExecContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if n > 0 {
		l.unclean = true
	}
	return err
}

// eraseTime is how long cleaning may take, once in a while. PostgreSQL lets nobody read a table that is to be cleaned, not even while that waits for
// somebody's backup; so the table of keys, which a node must read as a day begins, is not waited for long.
var eraseTime = map[store.Kind]time.Duration{store.SQLite: houseEvery, store.Postgres: 300 * time.Millisecond}

// clean has what was deleted leave the files as well.
func (l *Log) clean(ctx context.Context) error {
	if !l.unclean {
		return nil
	}
	var faults []error
	for _, table := range [...]string{"day_keys", "subject_requests"} {
		erasing, cancel := context.WithTimeout(ctx, eraseTime[l.store.Kind])
		faults = append(faults, l.store.Erase(erasing, table))
		cancel()
	}
	err := errors.Join(faults...)
	l.unclean = err != nil
	return err
}

// pruneAtOnce is how many groups lose their entries in one transaction: it must not keep the writer waiting.
const pruneAtOnce = 64

// prune gives up the entries of groups that are older than Keep; their hashes stay. Of logs that nobody writes any more as well.
func (l *Log) prune(ctx context.Context, now time.Time) error {
	if l.config.Keep == 0 {
		return nil
	}
	before := now.Add(-l.config.Keep)
	for {
		n, err := l.pruneSome(ctx, before.UnixMilli())
		if err != nil {
			return err
		}
		if n < pruneAtOnce {
			return l.dropIndex(ctx, dayOf(before.Add(-time.Hour))) // a day's last entries may be in a group of the next
		}
	}
}

func (l *Log) pruneSome(ctx context.Context, before int64) (int, error) {
	old, err := readRows(ctx, l.store.Read, "SELECT "+columns+" FROM groups WHERE at < $1 AND entries IS NOT NULL ORDER BY at LIMIT $2", before, pruneAtOnce)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	tx, err := l.store.Write.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	for _, r := range old {
		leaves, err := proof.Prune(r.entries)
		if err != nil { // it stays as it is, for whoever looks into it
			l.tellDamaged(r, err)
			return 0, err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE groups SET entries = NULL, leaves = $1 WHERE log = $2 AND seq = $3", leaves, r.log, r.seq); err != nil {
			return 0, err
		}
	}
	return len(old), tx.Commit()
}
