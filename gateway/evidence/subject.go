package evidence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tongma/gateway"
	"tongma/standard/proof"
)

// SubjectRequest is what a traveller has asked for through their platform: what was said of them, say.
type SubjectRequest struct {
	ID     string
	At     time.Time
	Party  string // the platform that vouches for them
	System string
	Sealed []byte // to the privacy officer; nil when the retention is over

	Answered time.Time // zero: not yet
	Officer  string    // who has answered
	Answer   []byte    // sealed for the platform by the officer; nil when the retention is over
}

// Request keeps what a traveller asks for, sealed to the officer, and returns when that and its entry are on disk: both, or neither. E says which platform
// vouches, and about whom it is. Its errors are those of [Log.Append].
func (l *Log) Request(ctx context.Context, e *proof.Entry, about gateway.Person, text []byte) error {
	if e.Kind != proof.SubjectRequest || e.Party == "" || e.System == "" {
		return errors.New("evidence: a request needs a platform and its system")
	}
	sealed, err := l.config.Officer.Encrypt(text)
	if err != nil {
		return fmt.Errorf("evidence: a request cannot be sealed: %w", err)
	}
	// Whoever leaves takes back an entry that is not yet being written; its request would stay.
	return l.keep(context.WithoutCancel(ctx), e, about, &SubjectRequest{ID: e.ID, At: e.At, Party: e.Party, System: e.System, Sealed: sealed})
}

// insert stores a request. Ids are drawn by the node and come once; one that is there already must not hold up the log.
func (r *SubjectRequest) insert(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO subject_requests (id, at, party, system, sealed) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING",
		r.ID, r.At.UnixMilli(), r.Party, r.System, r.Sealed)
	return err
}

const requestColumns = "id, at, party, system, sealed, answered, officer, answer"

// Requests gives requests in the order of their ids, from the one behind after on, at most so many; "" begins at the first. Those that are answered are left
// out unless all is set.
func (l *Log) Requests(ctx context.Context, after string, most int, all bool) ([]SubjectRequest, error) {
	where := "id > $1 AND answered IS NULL"
	if all {
		where = "id > $1"
	}
	rows, err := l.store.Read.QueryContext(ctx, "SELECT "+requestColumns+" FROM subject_requests WHERE "+where+" ORDER BY id LIMIT $2", after, most)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []SubjectRequest
	for rows.Next() {
		r, err := scanRequest(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, *r)
	}
	return list, rows.Err()
}

// RequestOf gives one request, which only the officer and the platform that made it may see. It is ErrNotFound if there is none.
func (l *Log) RequestOf(ctx context.Context, id string) (*SubjectRequest, error) {
	r, err := scanRequest(l.store.Read.QueryRowContext(ctx, "SELECT "+requestColumns+" FROM subject_requests WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	return r, err
}

// Answer keeps the officer's answer to a request, sealed for its platform. It is ErrNotFound if there is no such request, or it has been answered.
func (l *Log) Answer(ctx context.Context, id, officer string, answer []byte) error {
	result, err := l.store.Write.ExecContext(ctx, "UPDATE subject_requests SET answered = $1, officer = $2, answer = $3 WHERE id = $4 AND answered IS NULL",
		l.config.Now().UnixMilli(), officer, answer, id)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return ErrNotFound
}

func scanRequest(from scanner) (*SubjectRequest, error) {
	var r SubjectRequest
	var at int64
	var answered sql.NullInt64
	var officer sql.NullString
	if err := from.Scan(&r.ID, &at, &r.Party, &r.System, &r.Sealed, &answered, &officer, &r.Answer); err != nil {
		return nil, err
	}
	r.At, r.Officer = time.UnixMilli(at), officer.String
	if answered.Valid {
		r.Answered = time.UnixMilli(answered.Int64)
	}
	return &r, nil
}
