package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// Listeners are the open ports of a sandbox: one for each system, and one for the admin calls alone, which stays open
// when a system refuses connections.
type Listeners struct {
	sandbox *Sandbox
	ports   []*port // of the systems, in their order, then of the admin calls
}

// Listen opens a port for each system and serves it until [Listeners.Close]. addrs gives addresses by system, such as
// 127.0.0.1:8101; one that is missing is any free port of 127.0.0.1. Only loopback addresses are taken: the backends
// are toys and answer anybody who knows their constants.
func (s *Sandbox) Listen(addrs map[string]string) (*Listeners, error) {
	for id := range addrs {
		if s.backends[id] == nil {
			return nil, fmt.Errorf("no system %q: there are %v", id, systems)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ports != nil {
		return nil, errors.New("the sandbox listens already")
	}
	l := &Listeners{sandbox: s}
	ports := map[string]*port{}
	for _, id := range systems {
		p, err := l.add(addrs[id], s.Handler(id))
		if err == nil {
			ports[id] = p
			err = p.follow(s.backends[id].kind())
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", id, err), l.closePorts())
		}
	}
	if _, err := l.add("", s.admin("")); err != nil {
		return nil, errors.Join(fmt.Errorf("admin: %w", err), l.closePorts())
	}
	s.ports = ports
	return l, nil
}

// add opens one more port.
func (l *Listeners) add(addr string, h http.Handler) (*port, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	p, err := newPort(addr, h)
	if err != nil {
		return nil, err
	}
	l.ports = append(l.ports, p)
	return p, nil
}

// URLs gives the URL of each system's backend, by system.
func (l *Listeners) URLs() map[string]string {
	urls := make(map[string]string, len(systems))
	for i, id := range systems {
		urls[id] = l.ports[i].url()
	}
	return urls
}

// AdminURL is the URL of the port for the admin calls.
func (l *Listeners) AdminURL() string { return l.ports[len(systems)].url() }

// Close closes all ports and ends all calls that are under way, the hanging ones too.
func (l *Listeners) Close() error {
	l.sandbox.mu.Lock()
	defer l.sandbox.mu.Unlock()
	l.sandbox.ports = nil
	return l.closePorts()
}

func (l *Listeners) closePorts() error {
	var errs []error
	for _, p := range l.ports {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

// port is one loopback port that can be shut and opened again. Its owner serialises the calls.
type port struct {
	addr   string
	server *http.Server
	cancel context.CancelFunc // ends the calls under way
	ln     net.Listener       // nil: shut
	served chan struct{}      // closed when the serving of ln has ended
}

func newPort(addr string, h http.Handler) (*port, error) {
	if err := checkLoopback(addr); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &port{addr: addr, cancel: cancel, server: &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          log.New(io.Discard, "", 0), // a client that gives up is no news here
	}}
	if err := p.open(); err != nil {
		cancel()
		return nil, err
	}
	return p, nil
}

func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("address %s is not a loopback address: the sandbox listens on this machine alone, take 127.0.0.1", addr)
	}
	return nil
}

func (p *port) url() string { return "http://" + p.addr }

// follow shuts the port for the fault refuse, and opens it for any other.
func (p *port) follow(kind string) error {
	if kind == refuse {
		return p.shut()
	}
	return p.open()
}

func (p *port) open() error {
	if p.ln != nil {
		return nil
	}
	ln, err := net.Listen("tcp", p.addr)
	if err != nil {
		return err
	}
	p.addr = ln.Addr().String() // the same port when it is opened again
	p.ln, p.served = ln, make(chan struct{})
	go func(ln net.Listener, served chan struct{}) {
		defer close(served)
		p.server.Serve(ln) // ends when ln is closed
	}(p.ln, p.served)
	return nil
}

// shut closes the listener and leaves open connections to the handler, which resets them: the call that has asked for
// the fault may be on one of them and wants its reply.
func (p *port) shut() error {
	if p.ln == nil {
		return nil
	}
	err := p.ln.Close()
	<-p.served
	p.ln = nil
	return err
}

// closeWait is how long close waits for calls that have been told to end.
const closeWait = time.Second

func (p *port) close() error {
	err := p.shut()
	p.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	p.server.Shutdown(ctx)
	return errors.Join(err, p.server.Close())
}
