package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Erase has what was deleted or overwritten in a table leave the files as well, once its transaction is committed.
//
//   - SQLite overwrites it at once (secure_delete); what is left is the write-ahead log, which is written back and cut to nothing. Erase waits for
//     readers until ctx ends.
//   - PostgreSQL keeps old rows until they are vacuumed away: the table is written anew, which locks it for as long as that takes. Its own
//     write-ahead log, archives of that and replicas hold it until they recycle.
func (s *Store) Erase(ctx context.Context, table string) error {
	if err := s.erase(ctx, table); err != nil {
		return fmt.Errorf("store %s: erase what was deleted from %s: %w", s.name, table, err)
	}
	return nil
}

func (s *Store) erase(ctx context.Context, table string) error {
	if _, ok := findTable(table); !ok {
		return errors.New("no such table")
	}
	if s.Kind == Postgres {
		_, err := s.Write.ExecContext(ctx, `VACUUM (FULL) "`+table+`"`)
		return err
	}
	for {
		done, err := s.truncate(ctx)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// truncate writes the log of SQLite back and cuts it, unless a reader still needs it. It keeps no writer waiting for that reader.
func (s *Store) truncate(ctx context.Context) (done bool, err error) {
	c, err := s.Write.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer c.Close()
	if _, err := c.ExecContext(ctx, "PRAGMA busy_timeout(0)"); err != nil {
		return false, err
	}
	var busy, frames, written int
	err = c.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &written)
	_, again := c.ExecContext(context.WithoutCancel(ctx), "PRAGMA "+busyTimeout)
	return busy == 0, errors.Join(err, again)
}
