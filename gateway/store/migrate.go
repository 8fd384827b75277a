package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// Latest is the newest version of the schema that this program knows.
const Latest int64 = math.MaxInt64

// What goose calls each kind.
var dialects = map[Kind]goose.Dialect{SQLite: goose.DialectSQLite3, Postgres: goose.DialectPostgres}

// Migrate brings the schema to a version, up or down, and says to which. It is alone in doing so among all nodes. Going down drops what the older
// version does not know.
func (s *Store) Migrate(ctx context.Context, to int64) (_ int64, err error) {
	p, err := s.migrator()
	if err != nil {
		return 0, err
	}
	release, err := s.lock(ctx)
	if err != nil {
		return 0, fmt.Errorf("store %s: migration: %w", s.name, err)
	}
	defer func() { err = errors.Join(err, release()) }()
	at, known, err := s.version(ctx, p)
	if err != nil {
		return 0, err
	}
	switch {
	case to == Latest && at >= known: // a newer program has been here: its schema has all that this one uses
		return at, nil
	case to == Latest || to > at:
		_, err = p.UpTo(ctx, to)
	case to < at:
		_, err = p.DownTo(ctx, to)
	}
	if err != nil {
		return 0, fmt.Errorf("store %s: migration: %w", s.name, err)
	}
	at, _, err = s.version(ctx, p)
	return at, err
}

// Version is the version of the schema, and the newest that this program knows.
func (s *Store) Version(ctx context.Context) (at, known int64, err error) {
	p, err := s.migrator()
	if err != nil {
		return 0, 0, err
	}
	return s.version(ctx, p)
}

func (s *Store) migrator() (*goose.Provider, error) {
	dir, err := fs.Sub(migrations, "migrations/"+string(s.Kind))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialects[s.Kind], s.Write, dir, goose.WithDisableGlobalRegistry(true))
}

func (s *Store) version(ctx context.Context, p *goose.Provider) (at, known int64, err error) {
	at, known, err = p.GetVersions(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("store %s: version of the schema: %w", s.name, err)
	}
	return at, known, nil
}

// newest is the newest version of the schema that this program knows.
func newest(kind Kind) int64 {
	files, err := migrations.ReadDir("migrations/" + string(kind))
	if err != nil || len(files) == 0 {
		return 0
	}
	number, _, _ := strings.Cut(files[len(files)-1].Name(), "_") // they are sorted
	n, _ := strconv.ParseInt(number, 10, 64)
	return n
}
