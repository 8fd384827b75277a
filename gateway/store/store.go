package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// Kind is a kind of database.
type Kind string

// The kinds.
const (
	SQLite   Kind = "sqlite"
	Postgres Kind = "postgres"
)

// Store is an open database.
type Store struct {
	Kind Kind
	// Write is for transactions that write, Read for those that only read. Of SQLite, Write has one connection, which takes the lock for writing as
	// its transaction begins, and those of Read cannot write. Of PostgreSQL both are the same.
	Write, Read *sql.DB

	name  string
	kept  *sql.Conn // of SQLite
	check func(context.Context) error
	lock  func(context.Context) (release func() error, err error) // whoever migrates is alone
}

// Open opens a store and brings its schema up to date. The URL is sqlite:PATH, or postgres://… as libpq has it; what that leaves out, such as
// the password, is taken from the environment (PGPASSWORD, PGPASSFILE, PGSSLROOTCERT and so on). It connects directly: a pooler between must not
// share sessions among transactions.
func Open(ctx context.Context, url string) (*Store, error) {
	s, err := open(ctx, url, true)
	if err != nil {
		return nil, err
	}
	if _, err := s.Migrate(ctx, Latest); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// OpenAsIs opens a store that is there and leaves its schema as it is, for tools that look after stores.
func OpenAsIs(ctx context.Context, url string) (*Store, error) { return open(ctx, url, false) }

func open(ctx context.Context, url string, create bool) (*Store, error) {
	kind, rest, _ := strings.Cut(url, ":")
	var s *Store
	var err error
	switch kind {
	case "sqlite":
		s, err = openSQLite(ctx, rest, create)
	case "postgres", "postgresql":
		s, err = openPostgres(ctx, url)
	default: // which may be a password gone astray
		return nil, errors.New("store: the URL begins neither with sqlite: nor with postgres://")
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return s, nil
}

// Check says what is wrong with a URL, and whether it holds a password, without connecting. Such a URL must not stand where others read it, such
// as a configuration file or a command line.
func Check(url string) (secret bool, err error) {
	kind, path, _ := strings.Cut(url, ":")
	switch kind {
	case "sqlite":
		_, err = sqlitePath(path)
	case "postgres", "postgresql":
		secret = hasPassword(url)
		_, err = postgresConfig(url)
	default:
		err = errors.New("the URL begins neither with sqlite: nor with postgres://")
	}
	return secret, err
}

// String is where the store is. It holds no user and no password.
func (s *Store) String() string { return s.name }

// Close closes the store. Transactions under way are waited for.
func (s *Store) Close() error {
	if s.Read == s.Write {
		return s.Write.Close()
	}
	var err error
	if s.kept != nil {
		err = s.kept.Close()
	}
	return errors.Join(err, s.Read.Close(), s.Write.Close())
}

// Check says why the store cannot be written to durably now, as far as can be known without writing. Of SQLite it costs three looks at the file
// system and finds a file that was moved, removed or exchanged while it is open: SQLite itself goes on writing where nobody will ever read. Call it after
// a Commit, before anybody is told.
func (s *Store) Check(ctx context.Context) error {
	if err := s.check(ctx); err != nil {
		return fmt.Errorf("store %s: %w", s.name, err)
	}
	return nil
}

// Taken says whether err means that a row with this key is there already.
func Taken(err error) bool { return sqliteTaken(err) || postgresTaken(err) }
