package proof_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"tongma/standard/proof"
	"tongma/standard/sm"
)

func TestEveryEntryIsProvedWithThePublicKeyAlone(t *testing.T) {
	m := with(t, 12)
	m.add(t, 33)
	n := 0
	for _, g := range m.groups {
		entries, err := proof.Split(g.Entries)
		if err != nil {
			t.Fatal(err)
		}
		for i := range entries {
			p, err := g.Prove(i)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(text(t, p), []byte("null")) {
				t.Errorf("entry %d: nothing is written as null: %s", n, text(t, p))
			}
			if p, err = proof.ParseProof(text(t, p)); err != nil {
				t.Fatal(err)
			}
			e, h, err := p.Verify(m.keys())
			if err != nil || e.ID != usual(n).ID || h.First+uint64(p.Number) != uint64(n) {
				t.Errorf("entry %d: %v", n, err)
			}
			n++
		}
	}
}

func TestAnAnswerIsTheEntrysOrNot(t *testing.T) {
	e := usual(5)
	if !e.IsAnswer([]byte("5")) || e.IsAnswer([]byte("5 ")) || e.IsAnswer(nil) {
		t.Fail()
	}
}

func TestAProofOfAnythingElseIsRefused(t *testing.T) {
	m := with(t, 3)
	stranger, err := sm.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	keys := m.keys()
	keys["k2"] = stranger.Public()
	other, err := proof.AppendEntry(nil, usual(99))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*proof.Proof){
		"entry":             func(p *proof.Proof) { p.Entry = other },
		"number":            func(p *proof.Proof) { p.Number = 0 },
		"number beyond":     func(p *proof.Proof) { p.Number = 3 },
		"path":              func(p *proof.Proof) { p.Path[0][0] ^= 1 },
		"path reversed":     func(p *proof.Proof) { slices.Reverse(p.Path) },
		"path shorter":      func(p *proof.Proof) { p.Path = p.Path[1:] },
		"path with nothing": func(p *proof.Proof) { p.Path[1] = nil },
		"head":              func(p *proof.Proof) { p.Head = m.groups[1].Head },
		"head and sign":     func(p *proof.Proof) { p.Head, p.Sign = m.groups[1].Head, m.groups[1].Sign },
		"sign":              func(p *proof.Proof) { p.Sign = nil },
		"key":               func(p *proof.Proof) { p.Key = "k2" },
		"line":              func(p *proof.Proof) { p.Sign, _ = m.key.Sign(p.Head) },
		"key in head": func(p *proof.Proof) {
			h, err := proof.ParseHead(p.Head)
			if err != nil {
				t.Fatal(err)
			}
			h.Key, p.Key = "k2", "k2"
			if p.Head, err = proof.AppendHead(nil, &h); err != nil {
				t.Fatal(err)
			}
		},
	} {
		p, err := m.groups[2].Prove(1)
		if err != nil {
			t.Fatal(err)
		}
		p.Path = slices.Clone(p.Path)
		change(p)
		if _, _, err := p.Verify(keys); err == nil {
			t.Errorf("%s: verified", name)
		}
	}
	p, err := m.groups[2].Prove(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Verify(nil); err == nil || !strings.Contains(err.Error(), "k1") {
		t.Errorf("without a key: %v", err)
	}
	if _, _, err := p.Verify(keys); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

func TestOnlyProofsAreReadAsProofs(t *testing.T) {
	p, err := with(t, 3).groups[2].Prove(1)
	if err != nil {
		t.Fatal(err)
	}
	good := string(text(t, p))
	for name, bad := range map[string]string{
		"nothing":            "",
		"spaces without end": good + strings.Repeat(" ", 16<<10),
		"two":                good + good,
		"a member too many":  strings.Replace(good, "{", `{"x":1,`, 1),
		"a member twice":     strings.Replace(good, "{", `{"number":1,`, 1),
		"null":               strings.Replace(good, `"sign":"`, `"sign":null,"x":"`, 1),
		"base64 with a gap":  strings.Replace(good, `"sign":"`, `"sign":"\n`, 1),
		"base64, escaped":    strings.Replace(good, `"sign":"M`, `"sign":"\u004d`, 1),
		"a number below 0":   strings.Replace(good, `"number":1`, `"number":-1`, 1),
	} {
		if bad == good {
			t.Fatal(name, "changes nothing")
		}
		if _, err := proof.ParseProof([]byte(bad)); err == nil {
			t.Errorf("%s is read as a proof", name)
		}
	}
	if _, err := proof.ParseProof([]byte(good)); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNoLongerKeptIsNotProved(t *testing.T) {
	g := pruned(t, with(t, 3).groups[2])
	if _, err := g.Prove(0); err != proof.ErrPruned {
		t.Error(err)
	}
	if _, err := with(t, 3).groups[2].Prove(3); err == nil {
		t.Error("an entry that the group has not is proved")
	}
}

// pruned is a group whose entries were given up.
func pruned(t testing.TB, g proof.Group) proof.Group {
	t.Helper()
	leaves, err := proof.Prune(g.Entries)
	if err != nil {
		t.Fatal(err)
	}
	return proof.Group{Head: g.Head, Sign: g.Sign, Leaves: leaves}
}

func FuzzParseProof(f *testing.F) {
	m := with(f, 3)
	p, err := m.groups[2].Prove(1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text(f, p))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := proof.ParseProof(b)
		if err != nil {
			return
		}
		if _, _, err := got.Verify(m.keys()); err == nil && (!bytes.Equal(got.Entry, p.Entry) || !bytes.Equal(got.Head, p.Head)) {
			t.Error("an entry that was never signed")
		}
	})
}
