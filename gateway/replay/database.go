package replay

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"tongma/gateway/registry"
	"tongma/standard/wire"
)

// sure is the PostgreSQL: it keeps the bounds, and the nonces of requests that it decides about.
type sure struct{ db *sql.DB }

// everybody stands in the place of a caller in the row that holds for all. No tag is empty.
const everybody = ""

// How the bounds move.
const (
	window   = time.Second            // by how much until is ahead of the clock
	renewal  = 750 * time.Millisecond // it is moved when less than that is left
	gap      = 5 * time.Second        // nodes that were all away for so long begin with a floor
	step     = 2 * time.Second        // by how much the until of one caller is ahead of its request
	nonceFor = wire.NonceLife + wire.Skew
)

var errTurned = errors.New("replay: the turn has gone over meanwhile")

// read gives the bounds, and PostgreSQL's time in ms. The first node finds none and begins them.
func (s *sure) read(ctx context.Context) (v *view, now int64, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT caller, floor, since, until, seq, epoch, began, (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM nonce_turns`)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	v = &view{callers: map[string]bounds{}}
	found := false
	for rows.Next() {
		var caller string
		var t turn
		if err := rows.Scan(&caller, &t.floor, &t.since, &t.until, &t.seq, &t.epoch, &t.began, &now); err != nil {
			return nil, 0, err
		}
		if caller == everybody {
			v.turn, found = t, true
		} else {
			v.callers[caller] = t.bounds
		}
	}
	if err := rows.Err(); err != nil {
		return nil, 0, err
	}
	if !found {
		return nil, 0, sql.ErrNoRows
	}
	return v, now, nil
}

// begin makes the first row. What a gateway accepted before its nodes shared nonces is below the floor.
func (s *sure) begin(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO nonce_turns (caller, floor, since, until, seq, epoch, began)
		SELECT '', now, now, now, 0, '', 0 FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now) AS clock
		ON CONFLICT DO NOTHING`)
	return err
}

// extend moves the until of a turn to a window after now, unless another node has meanwhile. After a gap everything up to now is below
// the floor: what was accepted before it may be lost, if PostgreSQL is back from a backup.
func (s *sure) extend(ctx context.Context, t *turn, now int64) error {
	floor, since := t.floor, t.since
	if now-t.until > gap.Milliseconds() {
		floor, since = now, now
	}
	_, err := s.db.ExecContext(ctx, `UPDATE nonce_turns SET floor = greatest(floor, $1), since = greatest(since, $2), until = greatest(until, $3)
		WHERE caller = '' AND seq = $4 AND until = $5`, floor, since, now+window.Milliseconds(), t.seq, t.until)
	return err
}

// pass gives the turn to the Redis of an epoch, or with "" to PostgreSQL. What Redis had accepted is below the floor from then on.
func (s *sure) pass(ctx context.Context, t *turn, epoch string, now int64) error {
	return s.within(ctx, func(tx *sql.Tx) error {
		var seq, until int64
		if err := tx.QueryRowContext(ctx, `SELECT seq, until FROM nonce_turns WHERE caller = '' FOR UPDATE`).Scan(&seq, &until); err != nil {
			return err
		}
		if seq != t.seq || t.epoch != "" && until != t.until { // somebody reaches that Redis still
			return errTurned
		}
		border := max(until, now)
		if _, err := tx.ExecContext(ctx, `UPDATE nonce_turns SET until = greatest(until, $1), seq = seq + 1, epoch = $2, began = $3
			WHERE caller = ''`, border, epoch, now); err != nil {
			return err
		}
		move := `UPDATE nonce_turns SET since = greatest(since, until)`
		if t.epoch != "" {
			move += `, floor = greatest(floor, until)`
		}
		_, err := tx.ExecContext(ctx, move)
		return err
	})
}

// raise moves the until of some callers of a turn, who are ahead of that of all, and gives it.
func (s *sure) raise(ctx context.Context, t *turn, to map[string]int64) (map[string]bounds, error) {
	tags := make([]string, 0, len(to))
	for tag := range to {
		tags = append(tags, tag)
	}
	slices.Sort(tags) // so that two nodes wait for each other in one order
	untils := make([]int64, len(tags))
	raised := make(map[string]bounds, len(tags))
	for i, tag := range tags {
		untils[i] = to[tag] + step.Milliseconds()
		raised[tag] = bounds{until: untils[i]}
	}
	err := s.within(ctx, func(tx *sql.Tx) error {
		var seq int64
		if err := tx.QueryRowContext(ctx, `SELECT seq FROM nonce_turns WHERE caller = '' FOR SHARE`).Scan(&seq); err != nil {
			return err
		}
		if seq != t.seq {
			return errTurned
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO nonce_turns (caller, floor, since, until, seq, epoch, began)
			SELECT tag, 0, 0, until, 0, '', 0 FROM unnest($1::text[], $2::bigint[]) AS r (tag, until)
			ON CONFLICT (caller) DO UPDATE SET until = greatest(nonce_turns.until, excluded.until)`, tags, untils)
		return err
	})
	return raised, err
}

// within commits what f does, if it does it.
func (s *sure) within(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		tx.Rollback()
		return err
	}
	return tx.Commit()
}

// take says of each nonce whether it is new: nil, [registry.ErrReplayed] or [registry.ErrUnsure].
func (s *sure) take(ctx context.Context, all []nonce) []error {
	tags, untils := make([]string, len(all)), make([]int64, len(all))
	for i := range all {
		tags[i], untils[i] = all[i].tag, all[i].at+nonceFor.Milliseconds()
	}
	fresh, err := s.insert(ctx, tags, untils)
	verdicts := make([]error, len(all))
	for i := range all {
		switch {
		case err != nil:
			verdicts[i] = registry.ErrUnsure
		case !fresh[all[i].tag]:
			verdicts[i] = registry.ErrReplayed
		}
		delete(fresh, all[i].tag) // the second of two in one crowd
	}
	return verdicts
}

// insert gives the tags that were not there. They come back once they are on disk.
func (s *sure) insert(ctx context.Context, tags []string, untils []int64) (map[string]bool, error) {
	rows, err := s.db.QueryContext(ctx, `INSERT INTO nonces (caller, nonce, until) SELECT '', tag, until FROM unnest($1::text[], $2::bigint[]) AS n (tag, until)
		ORDER BY tag ON CONFLICT DO NOTHING RETURNING nonce`, tags, untils)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	fresh := map[string]bool{}
	for rows.Next() {
		var tag string
		if err := rows.Scan(&tag); err != nil {
			return nil, err
		}
		fresh[tag] = true
	}
	return fresh, rows.Err()
}

// sweep drops what no request can be accepted with any more. Times that old go below the floor first, so that a clock that is set back opens
// no way for them; rows go a sweep later, when every node has heard of that.
func (s *sure) sweep(ctx context.Context, now int64) error {
	return s.within(ctx, func(tx *sql.Tx) error {
		var floor, until int64
		if err := tx.QueryRowContext(ctx, `SELECT floor, until FROM nonce_turns WHERE caller = '' FOR UPDATE`).Scan(&floor, &until); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM nonces WHERE until <= $1`, floor+nonceFor.Milliseconds()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM nonce_turns WHERE caller <> '' AND until <= $1`, floor); err != nil {
			return err
		}
		old := now - nonceFor.Milliseconds()
		_, err := tx.ExecContext(ctx, `UPDATE nonce_turns SET floor = greatest(floor, $1) WHERE caller = ''`, min(old, until))
		return err
	})
}
