package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// How this package uses PostgreSQL.
const (
	maxConnections  = 16
	connectPatience = 5 * time.Second       // unless the URL has connect_timeout
	idleUnasked     = 20 * time.Millisecond // a connection idle for longer is asked first whether its server is still there
	migrationLock   = 0x746f6e676d61        // "tongma": the advisory lock of whoever migrates
)

// hasPassword is true of what is no URL: who knows what it holds.
func hasPassword(given string) bool {
	u, err := url.Parse(given)
	if err != nil {
		return true
	}
	_, inUser := u.User.Password()
	q := u.Query()
	return inUser || q.Has("password") || q.Has("sslpassword")
}

// postgresConfig reads a URL. Errors of the library are dropped: they quote it.
func postgresConfig(given string) (*pgx.ConnConfig, error) {
	if u, err := url.Parse(given); err != nil || u.Host == "" && !u.Query().Has("host") {
		return nil, errors.New("write it like postgres://USER@HOST:5432/DATABASE?sslmode=verify-full")
	}
	c, err := pgx.ParseConfig(given)
	if err != nil {
		return nil, errors.New("the URL cannot be meant: look for a mistyped parameter, a file that it names and that is not there, or a character of the password that is not escaped")
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectPatience
	}
	if c.ValidateConnect == nil { // of several hosts, or after a failover: the one that can be written to
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "tongma"
	}
	return c, nil
}

func openPostgres(ctx context.Context, given string) (*Store, error) {
	c, err := postgresConfig(given)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*c, stdlib.OptionAfterConnect(insistPostgres),
		stdlib.OptionShouldPing(func(_ context.Context, p stdlib.ShouldPingParams) bool { return p.IdleDuration > idleUnasked }))
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	s := &Store{
		Kind:  Postgres,
		Write: db,
		Read:  db,
		name:  "postgres://" + net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) + "/" + c.Database,
		check: func(ctx context.Context) error { return db.PingContext(ctx) },
		lock:  func(ctx context.Context) (func() error, error) { return advisoryLock(ctx, db) },
	}
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return s, nil
}

// insistPostgres has a connection's commits wait for the disk, whatever is configured for the server, the database or the role.
func insistPostgres(ctx context.Context, c *pgx.Conn) error {
	var fsync string
	err := c.QueryRow(ctx, `SELECT current_setting('fsync'), set_config('synchronous_commit', CASE current_setting('synchronous_commit')
		WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)`).Scan(&fsync, nil)
	if err == nil && fsync != "on" {
		err = errors.New("the server runs with fsync=off and would lose what it has acknowledged: set fsync=on")
	}
	if err != nil { // the driver forgets it
		c.Close(ctx)
	}
	return err
}

// advisoryLock waits for the lock, on a connection of its own, which loses it when it ends.
func advisoryLock(ctx context.Context, db *sql.DB) (release func() error, err error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := c.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return func() error {
		_, err := c.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(migrationLock))
		return errors.Join(err, c.Close())
	}, nil
}

func postgresTaken(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "23505" // unique_violation
}
