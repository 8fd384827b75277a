package sm_test

import (
	"bytes"
	"hash"
	"testing"

	"tongma/standard/sm"
)

// mute is an engine whose hash cannot say its state, as that of package second.
type mute struct{ sm.Engine }

func (m mute) NewHash() hash.Hash { return struct{ hash.Hash }{m.Engine.NewHash()} }

func TestWhatIsBegunOnceGivesWhatTheWholeTextGives(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789abcdef"), 30)
	for _, engine := range []sm.Engine{sm.Fast, mute{sm.Fast}} {
		sm.Use(engine)
		defer sm.Use(sm.Fast)
		h := sm.New()
		for _, begins := range []int{0, 1, 55, 56, 63, 64, 65, 127, 128, 271} {
			beginning := bytes.Clone(text[:begins])
			begun := sm.Begin(beginning)
			clear(beginning) // it is the caller's
			for _, ends := range []int{begins, begins + 1, begins + 64, len(text)} {
				for range 2 { // the second time over what the first has left behind
					begun.Resume(h)
					h.Write(text[begins:ends])
					if want := sm.Sum(text[:ends]); !bytes.Equal(h.Sum(nil), want[:]) {
						t.Errorf("digest of %d bytes begun with %d differs", ends, begins)
					}
				}
			}
		}
	}
}

func TestAMACIsHMAC(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789abcdef"), 30)
	h := sm.New()
	for _, size := range []int{0, 1, 32, 63, 64, 65, 200} {
		key := bytes.Repeat([]byte{0x5a}, size)
		for _, begins := range []int{0, 1, 64, 271} {
			m := sm.NewMAC(key, text[:begins])
			for _, ends := range []int{begins, begins + 1, len(text)} {
				var got sm.Digest
				for range 2 {
					m.Sum(h, text[begins:ends], &got)
					if got != sm.HMAC(key, text[:ends]) {
						t.Errorf("key of %d bytes, %d bytes begun with %d: not the HMAC", size, ends, begins)
					}
				}
			}
		}
	}
}

func TestAMACTakesNoMemory(t *testing.T) {
	m, h, rest, sum := sm.NewMAC([]byte("key"), []byte("beginning")), sm.New(), []byte("rest"), new(sm.Digest)
	if n := testing.AllocsPerRun(100, func() { m.Sum(h, rest, sum) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
