package proof_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tongma/standard/proof"
	"tongma/standard/sm"
)

func head(change func(*proof.Head)) *proof.Head {
	h := &proof.Head{
		Log: "node-1", Group: 3, First: 12288, Count: 4096, At: began, Root: proof.Digest{1}, Prev: proof.Digest{2},
		History: proof.Digest{3}, Key: "k1",
	}
	change(h)
	return h
}

func TestAHeadComesBackAsItWas(t *testing.T) {
	for name, h := range map[string]*proof.Head{
		"most entries":  head(func(*proof.Head) {}),
		"fewest":        head(func(h *proof.Head) { h.First, h.Count = 3, 1 }),
		"longest names": head(func(h *proof.Head) { h.Log, h.Key = strings.Repeat("l", 64), strings.Repeat("k", 64) }),
		"the first":     head(func(h *proof.Head) { h.Group, h.First, h.Prev, h.History = 0, 0, proof.Digest{}, sm.Sum(nil) }),
	} {
		b, err := proof.AppendHead([]byte("before"), h)
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := proof.ParseHead(bytes.TrimPrefix(b, []byte("before")))
		if err != nil {
			t.Fatal(name, err)
		}
		if diff := cmp.Diff(*h, got); diff != "" {
			t.Error(name, diff)
		}
	}
}

func TestWhatIsNoHeadIsNotEncoded(t *testing.T) {
	for want, change := range map[string]func(*proof.Head){
		"log must":   func(h *proof.Head) { h.Log = "" },
		"log":        func(h *proof.Head) { h.Log = "a b" },
		"key must":   func(h *proof.Head) { h.Key = strings.Repeat("k", 65) },
		"count":      func(h *proof.Head) { h.Count = 0 },
		"count must": func(h *proof.Head) { h.Count = proof.MaxEntries + 1 },
		"at is":      func(h *proof.Head) { h.At = time.Time{} },
		"at":         func(h *proof.Head) { h.At = time.Unix(-1, 0) },
		"long":       func(h *proof.Head) { h.Group = 1 << 48 },
		"first":      func(h *proof.Head) { h.First = 2 },
		"number":     func(h *proof.Head) { h.First = 3*proof.MaxEntries + 1 },
		"prev":       func(h *proof.Head) { h.Group, h.First = 0, 0 },
		"history":    func(h *proof.Head) { h.Group, h.First, h.Prev = 0, 0, proof.Digest{} },
	} {
		if b, err := proof.AppendHead([]byte("x"), head(change)); err == nil || !strings.Contains(err.Error(), want) || string(b) != "x" {
			t.Errorf("%s: %q %v", want, b, err)
		}
	}
}

func TestWhatIsNoHeadIsNotRead(t *testing.T) {
	good, err := proof.AppendHead(nil, head(func(*proof.Head) {}))
	if err != nil {
		t.Fatal(err)
	}
	const names = 1 + 8 + 8 + 4 + 6 + 3*32
	for name, change := range map[string]func([]byte) []byte{
		"another version": func(b []byte) []byte { b[0] = 2; return b },
		"no entries":      func(b []byte) []byte { copy(b[17:21], make([]byte, 4)); return b },
		"no time":         func(b []byte) []byte { copy(b[21:27], make([]byte, 6)); return b },
		"no log":          func(b []byte) []byte { b[names+1] = ' '; return b },
		"no key":          func(b []byte) []byte { b[len(b)-1] = '/'; return b },
		"a byte behind":   func(b []byte) []byte { return append(b, 0) },
	} {
		if h, err := proof.ParseHead(change(bytes.Clone(good))); err == nil {
			t.Errorf("%s: %v", name, h)
		}
	}
	for n := range good {
		if _, err := proof.ParseHead(good[:n]); err == nil {
			t.Errorf("the first %d bytes of %d are read as a head", n, len(good))
		}
	}
}

func FuzzParseHead(f *testing.F) {
	b, err := proof.AppendHead(nil, head(func(*proof.Head) {}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(with(f, 1).groups[0].Head)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := proof.ParseHead(b)
		if err != nil {
			return
		}
		if again, err := proof.AppendHead(nil, &h); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is read, and written as %x: %v", b, again, err)
		}
	})
}
