package redistest

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy stands between a node and its Redis.
type Proxy struct {
	Address string // where the node finds it

	to    string
	delay atomic.Int64 // of each piece of a reply
	cut   atomic.Bool
	mu    sync.Mutex
	conns map[net.Conn]bool
	all   sync.WaitGroup
}

// StartProxy starts one on a free port of the loopback address. It ends with the test.
func StartProxy(t testing.TB, to string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Address: l.Addr().String(), to: to, conns: map[net.Conn]bool{}}
	p.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.all.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.Cut()
		p.all.Wait()
	})
	return p
}

func (p *Proxy) serve(c net.Conn) {
	defer c.Close()
	back, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer back.Close()
	if !p.keep(c, back) {
		return
	}
	defer p.forget(c, back)
	p.all.Go(func() {
		io.Copy(back, c)
		back.Close()
	})
	buffer := make([]byte, 64<<10)
	for {
		n, err := back.Read(buffer)
		if d := p.delay.Load(); d > 0 {
			time.Sleep(time.Duration(d))
		}
		if n > 0 {
			c.Write(buffer[:n])
		}
		if err != nil {
			return
		}
	}
}

// keep has connections end with Sever. It says no where none may come through.
func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
	return !p.cut.Load()
}

func (p *Proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
	}
}

// Delay keeps back each piece of a reply for so long from now on.
func (p *Proxy) Delay(d time.Duration) { p.delay.Store(int64(d)) }

// Sever ends the connections that there are.
func (p *Proxy) Sever() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
	clear(p.conns)
}

// Cut ends the connections that there are, and lets none through until Mend.
func (p *Proxy) Cut() {
	p.cut.Store(true)
	p.Sever()
}

// Mend ends a Cut.
func (p *Proxy) Mend() { p.cut.Store(false) }
