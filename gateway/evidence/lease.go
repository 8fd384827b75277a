package evidence

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"tongma/gateway/events"
	"tongma/gateway/store"
)

const (
	leaseTime  = 10 * time.Second
	leaseRenew = 3 * time.Second
)

// ErrTaken is the error of [Open] where another node has the log.
var ErrTaken error = events.Err("another node has this log: give each node a log of its own name (evidence: log), and its own state folder")

// ErrEnded is the error of [Open] for a log that has ended for good, because the store came from a backup: it was closed when that was restored, or has fewer
// groups than this node has written. To go on would be to sign other groups under the numbers of those that are lost.
var ErrEnded error = events.Err("this log has ended: the store was put back from a backup, and what the log had since is lost: give it a new name (evidence: log)")

// holder is who a node is to other nodes: an id kept in its state folder, which a lock on the file keeps from two processes at once, and a random
// part of this start, which tells a copy of the folder apart. Behind the id stands how many groups the node has seen in its log.
type holder struct {
	id, start string
	file      *os.File
}

const (
	holderSize = 32 // of the id, in hex
	markSize   = 20 // of the number, in digits
)

func (h *holder) String() string { return h.id + "/" + h.start }

func openHolder(folder, log string) (*holder, error) {
	file, err := os.OpenFile(filepath.Join(folder, "evidence-"+log+".holder"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("evidence: state folder: %w", err)
	}
	h := &holder{start: rand.Text(), file: file}
	if h.id, err = lockHolder(file); err != nil {
		file.Close()
		return nil, err
	}
	return h, nil
}

func lockHolder(file *os.File) (string, error) {
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return "", fmt.Errorf("evidence: %s is in use by another process: %w", file.Name(), err)
	}
	text := make([]byte, holderSize)
	n, _ := file.ReadAt(text, 0)
	if b, err := hex.DecodeString(string(text[:n])); err == nil && len(b) == holderSize/2 {
		return string(text), nil
	}
	fresh := make([]byte, holderSize/2)
	rand.Read(fresh)
	id := hex.EncodeToString(fresh)
	err := file.Truncate(0)
	if err == nil {
		_, err = file.WriteAt([]byte(id+"\n"), 0)
	}
	if err := errors.Join(err, file.Sync()); err != nil {
		return "", fmt.Errorf("evidence: state folder: %w", err)
	}
	return id, nil
}

// mark keeps how many groups there are. It is not synced: a mark that a power cut has taken back finds less, and nothing wrong.
func (h *holder) mark(groups uint64) error {
	_, err := h.file.WriteAt(fmt.Appendf(nil, "%0*d\n", markSize, groups), holderSize+1)
	return err
}

// marked is how many groups there were at least; 0 if that is not known.
func (h *holder) marked() uint64 {
	text := make([]byte, markSize)
	if n, _ := h.file.ReadAt(text, holderSize+1); n < markSize {
		return 0
	}
	groups, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return 0
	}
	return groups
}

func (h *holder) close() { h.file.Close() } // and the lock with it

// lease is the row that says who may write a log. Its times are those of the database, so that nodes need not have the same.
type lease struct {
	db   *sql.DB
	now  string // the database's time, in its own words
	log  string
	mine *holder
}

// nows is how a database says its time in milliseconds.
var nows = map[store.Kind]string{
	store.SQLite:   "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
	store.Postgres: "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
}

// take takes the lease if it is free. With again a lease that this state folder has had before is free as well.
func (l *lease) take(ctx context.Context, again bool) (bool, error) {
	earlier := l.mine.String()
	if again {
		earlier = l.mine.id + "/%"
	}
	var closed sql.NullInt64
	err := l.db.QueryRowContext(ctx, "SELECT closed FROM logs WHERE name = $1", l.log).Scan(&closed)
	if err == nil && closed.Valid {
		return false, ErrEnded
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	return l.one(ctx, "INSERT INTO logs (name, holder, until) VALUES ($1, $2, "+l.now+" + $3) "+
		"ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until "+
		"WHERE logs.closed IS NULL AND (logs.until < "+l.now+" OR logs.holder LIKE $4)", l.log, l.mine.String(), leaseTime.Milliseconds(), earlier)
}

// wait takes the lease, for which it waits as long as one lasts. A lease that is renewed meanwhile belongs to a node that lives.
func (l *lease) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaseTime+time.Second)
	defer cancel()
	var first int64
	for {
		ok, err := l.take(ctx, true)
		if ok || err != nil {
			return err
		}
		var until int64
		if err := l.db.QueryRowContext(ctx, "SELECT until FROM logs WHERE name = $1", l.log).Scan(&until); err != nil {
			return err
		}
		if first != 0 && until != first {
			return ErrTaken
		}
		first = until
		select {
		case <-ctx.Done():
			return ErrTaken
		case <-time.After(leaseTime / 40):
		}
	}
}

// renew says whether the lease is still this node's.
func (l *lease) renew(ctx context.Context) (bool, error) {
	return l.one(ctx, "UPDATE logs SET until = "+l.now+" + $1 WHERE name = $2 AND holder = $3", leaseTime.Milliseconds(), l.log, l.mine.String())
}

// free gives it back.
func (l *lease) free(ctx context.Context) error {
	_, err := l.one(ctx, "UPDATE logs SET until = 0 WHERE name = $1 AND holder = $2", l.log, l.mine.String())
	return err
}

func (l *lease) one(ctx context.Context, query string, args ...any) (bool, error) {
	result, err := l.db.ExecContext(ctx, query, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}
