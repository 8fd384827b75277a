package node

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tongma/gateway/client"
	"tongma/gateway/store/storetest"
)

// process is one node.
type process struct {
	log      string // of its evidence
	version  string
	base     string
	cmd      *exec.Cmd
	ended    chan error
	caller   *client.Client
	platform *client.Client

	killed bool // or about to be
	leaves time.Time
	since  time.Time // from when on answers are counted
	served int
}

// build makes the binary of a version.
func (c *country) build(version string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, "tongma-"+version)
	build := exec.Command("go", "build", "-ldflags", "-s -w -X main.version="+version, "-o", path, "tongma/cmd/tongma")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		c.t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// start starts a node whose process has ended or that had none, and waits until it is ready.
func (c *country) start(i int, binary string) {
	c.t.Helper()
	p, err := c.spawn(i, binary)
	if err != nil {
		c.t.Fatal(err)
	}
	c.join(i, p)
}

// spawn starts a process. It is an error if it ends before it serves.
func (c *country) spawn(i int, binary string) (*process, error) {
	stderr, err := os.OpenFile(c.logFile(i), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	p := &process{log: logOf(i), ended: make(chan error, 1)}
	p.cmd = exec.Command(binary, "serve", "--config", filepath.Join(c.dir, logOf(i)+".yaml"))
	p.cmd.Stderr = stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, errors.Join(err, p.cmd.Wait())
	}
	go func() {
		io.Copy(io.Discard, stdout)
		p.ended <- p.cmd.Wait()
	}()
	if _, err := fmt.Sscanf(line, "tongma %s gateway gw at %s", &p.version, &p.base); err != nil {
		return nil, fmt.Errorf("%q: %w", line, err)
	}
	p.version, p.base = strings.TrimSuffix(p.version, ":"), strings.TrimSuffix(p.base, ",")
	transport := &recorder{http.DefaultTransport.(*http.Transport).Clone(), c}
	c.t.Cleanup(transport.CloseIdleConnections)
	p.caller, p.platform = c.clientOf(p, "gate", transport), c.clientOf(p, "town", transport)
	return p, nil
}

func (c *country) logFile(i int) string { return filepath.Join(c.dir, logOf(i)+".log") }

func (c *country) clientOf(p *process, rid string, transport http.RoundTripper) *client.Client {
	made, err := client.New(client.Config{
		URL: p.base, GatewayID: "gw", GatewayKey: c.key.Public(), Rid: rid, KeyID: "k", Key: c.key, HTTP: &http.Client{Transport: transport},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return made
}

// join has others know a process, and waits until it is ready.
func (c *country) join(i int, p *process) {
	c.t.Helper()
	c.mu.Lock()
	c.nodes[i] = p
	c.mu.Unlock()
	c.eventually(p.log+" is ready", func() bool { return isReady(p.base) })
}

// kill ends a node without a warning.
func (c *country) kill(i int) {
	c.mu.Lock()
	p := c.nodes[i]
	p.killed = true
	c.mu.Unlock()
	c.end(p)
}

// end kills a process that may have ended.
func (c *country) end(p *process) {
	p.cmd.Process.Kill()
	p.ended <- <-p.ended // for whoever asks next
}

// replace tells a node to end and has a process of another version take its place as soon as it can: in the same state folder, with the same log.
func (c *country) replace(i int, binary string) {
	c.t.Helper()
	c.mu.Lock()
	old := c.nodes[i]
	old.leaves = time.Now()
	c.mu.Unlock()
	if err := old.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	var p *process
	c.eventually("the new version of "+old.log+" serves", func() bool {
		over := len(old.ended) > 0
		var err error
		if p, err = c.spawn(i, binary); err == nil {
			return true
		}
		if over {
			c.t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond) // the folder is the old one's still
		return false
	})
	c.join(i, p)
	if err := <-old.ended; err != nil {
		c.t.Errorf("%s has ended with %v", old.log, err)
	}
}

// killPostgres ends all processes of a server at once. The first is stopped before, so that it neither tells the others nor starts more.
func killPostgres(t *testing.T, s *storetest.Server, url string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var first int
	if err := conn.QueryRowContext(t.Context(), "SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)::int").Scan(&first); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(first, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.QueryContext(t.Context(), "SELECT pid FROM pg_stat_activity")
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			t.Fatal(err)
		}
		all = append(all, pid)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(all) < 5 {
		t.Fatalf("%d processes; %v", len(all), err)
	}
	for _, pid := range append(all, first) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
	}
	s.Kill()                  // it is over already, and waited for
	for _, pid := range all { // as long as one of them has its memory open, no other server can start
		for name := fmt.Sprintf("/proc/%d/cmdline", pid); ; time.Sleep(time.Millisecond) {
			if running, err := os.ReadFile(name); err != nil || len(running) == 0 {
				break
			}
		}
	}
}
