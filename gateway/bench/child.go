package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
)

// A role is what a child process does: start makes it ready as its configuration says and gives the address where it serves, and
// what answers the parent's questions.
type role struct {
	start func(config json.RawMessage) (address string, answer func(question json.RawMessage) (any, error), err error)
}

var roles = map[string]role{
	"gateway": {startGateway},
	"echo":    {startEcho},
	"kraken":  {startKraken},
	"backend": {startBackend},
	"load":    {startLoad},
	"memory":  {startMemory},
}

// hello is the first line to a child, ready its first line back, failure what it says instead of an answer.
type (
	hello struct {
		Config  json.RawMessage
		Profile string // how the files of its profiles begin, "" for none
	}
	ready  struct{ Address string }
	answer struct {
		Error string
		Data  json.RawMessage
	}
)

// play is the child's main: it answers one line for each line on its standard input, and ends when that does.
func play(name string) error {
	r, ok := roles[name]
	if !ok {
		return fmt.Errorf("no role %q", name)
	}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	var h hello
	if err := in.Decode(&h); err != nil {
		return err
	}
	if h.Profile != "" {
		cpu, err := os.Create(h.Profile + ".cpu")
		if err != nil {
			return err
		}
		defer cpu.Close()
		allocs, err := os.Create(h.Profile + ".allocs")
		if err != nil {
			return err
		}
		defer allocs.Close()
		pprof.StartCPUProfile(cpu)
		defer func() {
			pprof.StopCPUProfile()
			pprof.Lookup("allocs").WriteTo(allocs, 0)
		}()
	}
	address, reply, err := r.start(h.Config)
	if err != nil {
		return err
	}
	if err := out.Encode(ready{address}); err != nil {
		return err
	}
	for {
		var question json.RawMessage
		if err := in.Decode(&question); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var a answer
		data, err := reply(question)
		if err == nil {
			a.Data, err = json.Marshal(data)
		}
		if err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}

// child is a running child process, as its parent sees it.
type child struct {
	role    string
	address string
	process *exec.Cmd
	stdin   io.Closer
	in      *json.Encoder
	out     *json.Decoder
	stderr  bytes.Buffer
}

// spawn starts a child and waits until it is ready. What it writes to its standard error is shown only if it fails.
func spawn(name string, config any, profiles string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{role: name, process: exec.Command(self, "child", name)}
	c.process.Stderr = &c.stderr
	stdin, err := c.process.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := c.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.process.Start(); err != nil {
		return nil, err
	}
	c.stdin, c.in, c.out = stdin, json.NewEncoder(stdin), json.NewDecoder(stdout)
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	h := hello{Config: raw}
	if profiles != "" {
		h.Profile = filepath.Join(profiles, fmt.Sprintf("%s-%d", name, c.process.Process.Pid))
	}
	var r ready
	if err := errors.Join(c.in.Encode(h), c.out.Decode(&r)); err != nil {
		c.stop()
		return nil, fmt.Errorf("%s: %w\n%s", name, err, c.stderr.Bytes())
	}
	c.address = r.Address
	return c, nil
}

// ask puts a question to the child and waits for its answer.
func (c *child) ask(question, into any) error {
	if err := c.in.Encode(question); err != nil {
		return fmt.Errorf("%s: %w", c.role, err)
	}
	var a answer
	if err := c.out.Decode(&a); err != nil {
		return fmt.Errorf("%s: %w\n%s", c.role, err, c.stderr.Bytes())
	}
	if a.Error != "" {
		return fmt.Errorf("%s: %s", c.role, a.Error)
	}
	return json.Unmarshal(a.Data, into)
}

// stop ends the child and waits for it.
func (c *child) stop() {
	c.stdin.Close()
	c.process.Wait()
}
