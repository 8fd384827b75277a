package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// busyTimeout is how long a connection waits for another process that holds the lock, in milliseconds.
const busyTimeout = "busy_timeout(5000)"

// What every connection of SQLite is told.
var pragmas = []string{
	busyTimeout,
	"foreign_keys(1)",
	"fullfsync(1)",                 // macOS: fsync alone leaves it in the drive
	"journal_size_limit(67108864)", // the write-ahead log becomes this small again after a rush
	"secure_delete(1)",             // what is deleted is overwritten
	"synchronous(3)",               // EXTRA: Commit waits for the disk, and until there is a write-ahead log also for the folder
}

// sqlitePath is the absolute path of the file.
func sqlitePath(path string) (string, error) {
	if path == "" || strings.HasPrefix(path, ":") || strings.HasPrefix(path, "//") {
		return "", errors.New("write it like sqlite:/var/lib/tongma/tongma.db")
	}
	return filepath.Abs(path)
}

func openSQLite(ctx context.Context, given string, create bool) (_ *Store, err error) {
	path, err := sqlitePath(given)
	if err != nil {
		return nil, err
	}
	if create {
		err = makePrivate(path)
	} else {
		_, err = os.Stat(path)
	}
	if err != nil {
		return nil, err
	}
	s := &Store{Kind: SQLite, name: "sqlite:" + path}
	if s.Write, err = sql.Open("sqlite", sqliteDSN(path, "immediate", pragmas...)); err != nil {
		return nil, err
	}
	if s.Read, err = sql.Open("sqlite", sqliteDSN(path, "deferred", append([]string{"query_only(1)"}, pragmas...)...)); err != nil {
		return nil, errors.Join(err, s.Write.Close())
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	s.Write.SetMaxOpenConns(1)
	readers := max(4, runtime.GOMAXPROCS(0)) + 1
	s.Read.SetMaxOpenConns(readers)
	s.Read.SetMaxIdleConns(readers)
	if err := insistSQLite(ctx, s.Write); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if s.kept, err = keepOpen(ctx, s.Read); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f, err := remember(path, path+"-wal")
	if err != nil {
		return nil, err
	}
	s.check = func(context.Context) error { return f.check() }
	s.lock = func(ctx context.Context) (func() error, error) { return flock(ctx, path+".lock") }
	return s, nil
}

func sqliteDSN(path, txlock string, pragmas ...string) string {
	q := url.Values{"_txlock": {txlock}, "_pragma": pragmas}
	// SQLite reads it as a URI, so that no path can smuggle a parameter in.
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// makePrivate makes the file if there is none, for its owner's eyes alone; SQLite gives those beside it the same rights. One that is there is
// not opened: closing it would take away the locks that this process may have on it.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), syncFolder(filepath.Dir(path)))
}

// syncFolder makes durable that a file is in a folder.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// insistSQLite has a write-ahead log, which the file keeps, and makes sure of what SQLite would leave out without a word. The way to the log leads
// over a journal, whose removal must not come undone: that is why it is not a pragma of the URL, which the driver would run before synchronous.
func insistSQLite(ctx context.Context, db *sql.DB) error {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode(wal)").Scan(&mode); err != nil {
		return err
	}
	var synchronous int
	if err := db.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return err
	}
	if mode != "wal" || synchronous != 3 {
		return fmt.Errorf("SQLite is in journal mode %s with synchronous %d, not in wal with 3: put the file on a local disk", mode, synchronous)
	}
	return nil
}

// keepOpen takes a connection that nobody else gets, so that there always is one: with its last connection SQLite ends the write-ahead log, and
// the next begins another file.
func keepOpen(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	var tables int
	if err := c.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// files are what SQLite has open.
type files map[string]fs.FileInfo

func remember(paths ...string) (files, error) {
	f := files{}
	for _, p := range paths {
		is, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		f[p] = is
	}
	return f, nil
}

// check finds out whether what has these names is what was opened.
func (f files) check() error {
	for path, was := range f {
		is, err := os.Stat(path)
		if err != nil {
			return err
		}
		if !os.SameFile(was, is) {
			return fmt.Errorf("%s is another file than the one that is open: start the node anew", path)
		}
	}
	return nil
}

// flock waits until no other process, and nobody else in this one, holds the lock. The file stays: removing it would let two in.
func flock(ctx context.Context, path string) (release func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	got := make(chan error, 1)
	go func() { got <- flockFile(f) }()
	select {
	case err := <-got:
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return f.Close, nil
	case <-ctx.Done():
		go func() { // the wait cannot be called off; what it ends with is given back
			<-got
			f.Close()
		}()
		return nil, fmt.Errorf("another process holds %s: %w", path, ctx.Err())
	}
}

func flockFile(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func sqliteTaken(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE)
}
