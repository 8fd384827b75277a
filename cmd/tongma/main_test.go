package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(housekeeping{m}, map[string]func(){"tongma": main})
}

// housekeeping removes what the tests of this package share once all have run.
type housekeeping struct{ m *testing.M }

func (h housekeeping) Run() int {
	code := h.m.Run()
	os.RemoveAll(shared.dir)
	return code
}

// shared is the built binary.
var shared struct {
	once sync.Once
	dir  string
	err  error
}

// binary builds the command as `make build` does and gives its path.
func binary(t *testing.T) string {
	t.Helper()
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "tongma"); shared.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", filepath.Join(shared.dir, "tongma"), ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			shared.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return filepath.Join(shared.dir, "tongma")
}

// process is a running demo.
type process struct {
	*exec.Cmd
	dir string
}

// startDemo runs the built binary's demo in dir until the test ends, and waits until it is ready.
func startDemo(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := &process{exec.Command(binary(t), append([]string{"demo", "--listen", "127.0.0.1:0", "--dir", dir}, args...)...), dir}
	if err := os.Remove(filepath.Join(dir, demoFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	p.Stderr = os.Stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.ProcessState == nil {
			p.Process.Kill()
			p.Wait()
		}
	})
	if err := waitReady(dir); err != nil {
		t.Fatal(err)
	}
	return p
}

// waitReady waits until the demo of dir is ready.
func waitReady(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the demo of %s was not ready in time", dir)
		case <-tick.C:
		}
		info, err := readDemo(dir)
		if err != nil {
			continue
		}
		if res, err := http.Get(info.Gateway.URL + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				tick.Stop()
				return nil
			}
		}
	}
}

// end sends SIGTERM and gives what the process came to.
func (p *process) end() error {
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.Wait()
}

// tongma runs the built binary against the demo and gives its output and exit code.
func (p *process) tongma(t *testing.T, args ...string) (string, int) {
	t.Helper()
	out, err := exec.Command(binary(t), append(args, "--dir", p.dir)...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Logf("tongma %q: %s", args[0], exit.Stderr)
		return string(out), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}

// tongmaJSON is tongma for a command that must succeed and print JSON.
func (p *process) tongmaJSON(t *testing.T, into any, args ...string) {
	t.Helper()
	if err := p.outputJSON(into, args...); err != nil {
		t.Fatal(err)
	}
}

// outputJSON is tongmaJSON from any goroutine.
func (p *process) outputJSON(into any, args ...string) error {
	cmd := exec.Command(p.Path, append(args, "--json", "--dir", p.dir)...)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("tongma %q: %w: %s", args[0], err, exit.Stderr)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("tongma %q: %w in %s", args[0], err, out)
	}
	return nil
}
