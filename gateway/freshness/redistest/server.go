// Package redistest gives tests a Redis of their own, and ways to trouble it: it is the process that is stopped, killed and lied
// with, and a [Proxy] is the network before it.
package redistest

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Server is a redis-server on a loopback address that keeps nothing on disk.
type Server struct {
	Address string        // host:port
	Admin   *redis.Client // an operator's

	t       testing.TB
	program string // one program serves and checks dumps, as its first argument says
	args    []string
	process *exec.Cmd
}

// Start starts one on a free port, with further arguments. It ends with the test, which is skipped where there is no Redis.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	program, err := exec.LookPath("redis-check-rdb")
	if err != nil {
		t.Skip("no Redis: nothing of the shared memory is tested (Debian package: redis-tools)")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, program: program, Address: l.Addr().String(), args: args}
	l.Close()
	s.Admin = redis.NewClient(&redis.Options{Addr: s.Address, Protocol: 2, DisableIdentity: true})
	s.Restart()
	t.Cleanup(func() {
		s.Admin.Close()
		s.Kill()
	})
	return s
}

// Restart starts it, empty, after Kill.
func (s *Server) Restart() {
	s.t.Helper()
	_, port, _ := net.SplitHostPort(s.Address)
	s.process = &exec.Cmd{Path: s.program, Args: append([]string{
		"redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", s.t.TempDir(), "--save", "", "--appendonly", "no",
	}, s.args...)}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	Eventually(s.t, 10*time.Second, "Redis answers", func() bool { return s.Admin.Ping(s.t.Context()).Err() == nil })
}

// Kill ends it without a warning.
func (s *Server) Kill() {
	if s.process != nil {
		s.process.Process.Kill()
		s.process.Wait()
		s.process = nil
	}
}

// Signal sends its process a signal.
func (s *Server) Signal(sig os.Signal) {
	if err := s.process.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// Do is an operator's command, which must succeed. What is not there is nil.
func (s *Server) Do(args ...any) any {
	s.t.Helper()
	v, err := s.Admin.Do(context.Background(), args...).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		s.t.Fatalf("%v: %v", args, err)
	}
	return v
}

// Eventually waits for something that other processes bring about, and says how long it took.
func Eventually(t testing.TB, within time.Duration, what string, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Since(began) > within {
			t.Fatalf("not within %v: %s", within, what)
		}
		<-tick.C
	}
	return time.Since(began)
}
