package replay

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"tongma/gateway/registry"
	"tongma/standard/wire"
)

// sure is the PostgreSQL: it keeps the bounds, and the nonces of requests that it decides about.
type sure struct{ db *sql.DB }

// These stand in the place of a caller, whose tag is longer.
const (
	everybody = ""     // the row that holds for all
	back      = "back" // a row whose until is when every node has told what it knew before the store went back
)

// How the bounds move.
const (
	window   = time.Second            // by how much until is ahead of the clock
	renewal  = 750 * time.Millisecond // it is moved when less than that is left
	gap      = 5 * time.Second        // nodes that were all away for so long begin with a floor
	step     = 2 * time.Second        // by how much the until of one caller is ahead of its request
	telling  = 3 * time.Second        // every node that lives has looked at the bounds
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
		switch caller {
		case everybody:
			v.turn, found = t, true
		case back:
		default:
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

// begin makes the first row. What a gateway accepted before its nodes shared nonces is below the floor. A store that was restored from a backup has none
// either, but logs that were closed then: what had been accepted before, from whichever clock, is below the floor too.
func (s *sure) begin(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, `WITH clock AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now),
			start AS (SELECT now, greatest(now, (SELECT max(closed) + $1 FROM logs)) AS at FROM clock)
		INSERT INTO nonce_turns (caller, floor, since, until, seq, epoch, began)
			SELECT $2, at, at, at, 0, '', 0 FROM start UNION ALL SELECT $3, 0, 0, now + $4, 0, '', 0 FROM start
		ON CONFLICT DO NOTHING`, wire.Skew.Milliseconds(), everybody, back, telling.Milliseconds())
	return err
}

// forward puts all times that may have been decided about below the floor, in a store that has gone back behind what a node knew of it.
func (s *sure) forward(ctx context.Context, known *view, now int64) error {
	to := max(known.until, now+window.Milliseconds()) // nobody had moved until further
	told := maps.Clone(known.callers)
	told[back] = bounds{until: now + telling.Milliseconds()}
	tags := slices.Sorted(maps.Keys(told))
	untils := make([]int64, len(tags))
	for i, tag := range tags {
		untils[i] = told[tag].until
	}
	return s.within(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE nonce_turns SET floor = greatest(floor, $1), since = greatest(since, $1), until = greatest(until, $1),
			seq = greatest(seq, $2) + 1 WHERE caller = ''`, to, known.seq); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO nonce_turns AS t (caller, floor, since, until, seq, epoch, began)
			SELECT tag, until, until, until, 0, '', 0 FROM unnest($1::text[], $2::bigint[]) AS r (tag, until)
			ON CONFLICT (caller) DO UPDATE SET floor = greatest(t.floor, excluded.floor), since = greatest(t.since, excluded.since), until = greatest(t.until, excluded.until)`,
			tags, untils)
		return err
	})
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
		var wait bool
		if err := tx.QueryRowContext(ctx, `SELECT seq, EXISTS (SELECT FROM nonce_turns WHERE caller = $1 AND until > extract(epoch FROM clock_timestamp()) * 1000)
			FROM nonce_turns WHERE caller = '' FOR SHARE`, back).Scan(&seq, &wait); err != nil {
			return err
		}
		if seq != t.seq || wait { // for the bounds that others may know
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
	var known turn // the furthest that any of those who ask goes by
	for i := range all {
		known.seq, known.until = max(known.seq, all[i].turn.seq), max(known.until, all[i].turn.until)
	}
	found, err := s.insert(ctx, all, known)
	verdicts := make([]error, len(all))
	taken := make(map[string]bool, len(all))
	for i := range all {
		switch tag := all[i].tag; {
		case err != nil || !found[i].decided:
			verdicts[i] = registry.ErrUnsure
		case !found[i].fresh || taken[tag]:
			verdicts[i] = registry.ErrReplayed
		default:
			taken[tag] = true // there may be two in one crowd
		}
	}
	return verdicts
}

// verdict is what PostgreSQL says of a nonce: whether it decides about it, and whether it was not there.
type verdict struct{ decided, fresh bool }

// insert says it of all, in their order, once they are on disk. The node that asks may know less than PostgreSQL, which decides about nothing below the floor;
// or it may know more, even of the caller alone: then the store has gone back and may have lost some, and decides about nothing.
func (s *sure) insert(ctx context.Context, all []nonce, known turn) ([]verdict, error) {
	tags, callers, ats := make([]string, len(all)), make([]string, len(all)), make([]int64, len(all))
	for i := range all {
		tags[i], callers[i], ats[i] = all[i].tag, all[i].caller, all[i].at
	}
	rows, err := s.db.QueryContext(ctx, `WITH asked AS (
			SELECT i, tag, at, coalesce(everybody.seq >= $4 AND everybody.until >= $5
				AND at > greatest(everybody.floor, own.floor) AND at <= greatest(everybody.until, own.until), false) AS decided
			FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS n (tag, who, at, i)
			LEFT JOIN nonce_turns AS everybody ON everybody.caller = '' LEFT JOIN nonce_turns AS own ON own.caller = who),
		fresh AS (INSERT INTO nonces (caller, nonce, until) SELECT '', tag, at + $6 FROM asked WHERE decided ORDER BY tag
			ON CONFLICT DO NOTHING RETURNING nonce)
		SELECT i, decided, tag IN (SELECT nonce FROM fresh) FROM asked`, tags, callers, ats, known.seq, known.until, nonceFor.Milliseconds())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make([]verdict, len(all)) // of what is not told nothing is decided
	for rows.Next() {
		var i int
		var is verdict
		if err := rows.Scan(&i, &is.decided, &is.fresh); err != nil {
			return nil, err
		}
		found[i-1] = is
	}
	return found, rows.Err()
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
