package gateway

import (
	"hash"
	"sync"

	"tongma/adapters"
	"tongma/gateway/freshness"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// digests makes the keyed digests that stand in memory for what must not stand there itself.
type digests struct{ pool sync.Pool }

func newDigests(key []byte) *digests {
	return &digests{sync.Pool{New: func() any { return &mac{hash: sm.NewHMAC(key)} }}}
}

// mac gathers a text and digests it in one go.
type mac struct {
	hash hash.Hash
	text []byte
	sum  [32]byte // the last digest: on the stack it would escape through the interface
}

func (m *mac) Write(b []byte) (int, error) {
	m.text = append(m.text, b...)
	return len(b), nil
}

func (m *mac) WriteString(s string) (int, error) {
	m.text = append(m.text, s...)
	return len(s), nil
}

// line writes s as a line of its own. It must have none in it.
func (m *mac) line(s string) {
	m.text = append(append(m.text, s...), '\n')
}

// of digests what write writes behind the line that says what it is.
func (d *digests) of(line string, write func(*mac)) [32]byte {
	m := d.pool.Get().(*mac)
	m.hash.Reset()
	m.text = m.text[:0]
	m.line(line)
	write(m)
	m.hash.Write(m.text)
	m.hash.Sum(m.sum[:0])
	sum := m.sum
	clear(m.text)
	d.pool.Put(m)
	return sum
}

// keyOf gives the key under which an answer to q is shared and remembered. It says no where the adapter cannot tell what
// its answer depends on. Another backend's answer is another one, be the system the same.
func (g *Gateway) keyOf(s *system, q *adapters.Query) (key freshness.Key, keyed bool) {
	if s.keyer == nil {
		return freshness.Key{}, false
	}
	defer func() {
		if p := recover(); p != nil {
			g.panicked(s, p)
			keyed = false
		}
	}()
	return g.digests.of(wire.LineCache, func(m *mac) {
		m.line(s.info.System)
		m.line(s.asked)
		s.keyer.WriteKey(m, q)
	}), true
}
