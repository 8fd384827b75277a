package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver
)

const missing = "no PostgreSQL: nothing that needs it is tested (Debian package: postgresql)"

// Server is a PostgreSQL on a loopback address, with a data folder of its own.
type Server struct {
	Address string // host:port

	bin, dir string // its programs; its folder
	password string
	as       *syscall.SysProcAttr
	keeper   *keeper
	process  *exec.Cmd // nil when it has been killed
	names    atomic.Int64
}

var errMissing = errors.New(missing)

// The one server of the test binary. It ends with the binary, however that ends.
var shared = sync.OnceValues(start)

// PostgresURL is that of an empty database in the server that all tests of this binary share. The database goes with the test.
func PostgresURL(t testing.TB) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		skipOrFail(t, err)
	}
	return s.Database(t)
}

// StartPostgres starts a server for this test alone. It ends with the test.
func StartPostgres(t testing.TB) *Server {
	t.Helper()
	s, err := start()
	if err != nil {
		skipOrFail(t, err)
	}
	t.Cleanup(func() {
		s.Kill()
		s.keeper.end()
	})
	return s
}

func skipOrFail(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errMissing) {
		t.Skip(missing)
	}
	t.Fatal(err)
}

// Database is the URL of a new, empty database, which goes with the test. Its user may do everything, and it holds a password.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", s.names.Add(1))
	if err := s.do(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // a server that the test has killed has none to drop
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		s.do(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	})
	return s.url(name)
}

func (s *Server) url(database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("postgres", s.password), Host: s.Address, Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// do runs a statement as an operator.
func (s *Server) do(ctx context.Context, statement string) error {
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, statement)
	return err
}

// Do runs a statement as an operator, in the database postgres. It must succeed.
func (s *Server) Do(t testing.TB, statement string) {
	t.Helper()
	if err := s.do(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// Kill ends all its processes at once, as they are: nothing is written that was not. The server has to recover when it is started again.
func (s *Server) Kill() {
	if s.process != nil {
		s.process.Process.Signal(syscall.SIGQUIT) // the first process kills the others and waits for them
		s.process.Wait()
		s.process = nil
	}
}

// Restart starts it after Kill, with what it had on disk. It answers when Restart returns.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.run(); err != nil {
		t.Fatal(err)
	}
}

// start makes a data folder and starts a server in it.
func start() (_ *Server, err error) {
	s := &Server{password: rand.Text(), as: &syscall.SysProcAttr{Setpgid: true}}
	if s.bin, err = programs(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "tongma-postgres-"); err != nil {
		return nil, err
	}
	if err := s.becomePostgres(); err != nil {
		os.RemoveAll(s.dir)
		return nil, err
	}
	if s.keeper, err = startKeeper(s.dir, s.as); err != nil {
		os.RemoveAll(s.dir)
		return nil, err
	}
	defer func() {
		if err != nil {
			s.keeper.end()
		}
	}()
	if s.Address, err = freeAddress(); err != nil {
		return nil, err
	}
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(s.password), 0o644); err != nil { // in a folder that is its owner's alone
		return nil, err
	}
	initdb := exec.Command(filepath.Join(s.bin, "initdb"), "--pgdata", s.data(), "--username", "postgres", "--pwfile", secret,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	initdb.Dir, initdb.SysProcAttr = s.dir, s.as
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return s, s.run()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// becomePostgres has the programs run as the user postgres where this is root: they refuse root.
func (s *Server) becomePostgres() error {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("PostgreSQL refuses to run as root, and there is no user postgres: %w", err)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return err
	}
	s.as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, int(uid), int(gid))
}

// programs finds the folder of initdb and postgres: in PATH, or the newest of Debian's.
func programs() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(initdb), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errMissing
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

// freeAddress is a port of the loopback address that was free a moment ago.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// run starts the server and waits until it answers.
func (s *Server) run() error {
	_, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.process = exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.data(), "-p", port,
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=100", "-c", "shared_buffers=16MB",
		"-c", "log_min_messages=warning", "-c", "cluster_name=tongma-test")
	s.process.Dir, s.process.SysProcAttr, s.process.Stdout, s.process.Stderr = s.dir, s.as, log, log
	if err := s.process.Start(); err != nil {
		s.process = nil
		return err
	}
	for began := time.Now(); ; {
		err := s.do(context.Background(), "SELECT 1")
		if err == nil {
			return nil
		}
		if time.Since(began) > 60*time.Second || s.gone() {
			s.Kill()
			said, _ := os.ReadFile(log.Name())
			return fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, said)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// gone says whether it has ended by itself.
func (s *Server) gone() bool {
	pid, _ := syscall.Wait4(s.process.Process.Pid, nil, syscall.WNOHANG, nil)
	return pid != 0
}
