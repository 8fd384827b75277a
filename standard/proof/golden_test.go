package proof_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"tongma/standard/proof"
	"tongma/standard/sm"
)

// update writes testdata anew, under a new key. What others have written by the old form is then no longer read: think twice.
var update = flag.Bool("update", false, "write testdata anew")

func TestWhatWasWrittenOnceIsReadForGood(t *testing.T) {
	if *update {
		writeGolden(t)
	}
	key, err := sm.ParsePublicKeyPEM(golden(t, "gateway.pem"))
	if err != nil {
		t.Fatal(err)
	}
	keys := proof.KeysOf(key)
	if entries, faults := verify(t, golden(t, "node-1.export"), keys); entries != 1+2+3+4+5+1-(3+4) || len(faults) > 0 {
		t.Errorf("%d entries, %v", entries, faults)
	}
	p, err := proof.ParseProof(golden(t, "proof.json"))
	if err != nil {
		t.Fatal(err)
	}
	e, h, err := p.Verify(keys)
	if err != nil || *e != *usual(12) || h.Group != 4 || !e.IsAnswer(golden(t, "answer.json")) {
		t.Errorf("%+v in %+v: %v", e, h, err)
	}
	g, err := proof.ParseGrowth(golden(t, "growth.json"))
	if err != nil {
		t.Fatal(err)
	}
	if earlier, later, err := g.Verify(keys); err != nil || earlier.Group != 3 || later.Group != 5 {
		t.Errorf("%+v to %+v: %v", earlier, later, err)
	}
}

func golden(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeGolden(t *testing.T) {
	t.Helper()
	m := newMemory(t)
	m.keyID = m.key.Public().ID()
	for i := range 6 {
		m.add(t, i%5+1)
	}
	pem, err := m.key.Public().MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.groups[4].Prove(2)
	if err != nil {
		t.Fatal(err)
	}
	g, err := proof.Grow(t.Context(), m.signed(3), m.signed(5), m.read)
	if err != nil {
		t.Fatal(err)
	}
	m.groups[2], m.groups[3] = pruned(t, m.groups[2]), pruned(t, m.groups[3])
	for name, data := range map[string][]byte{
		"gateway.pem":   pem,
		"node-1.export": m.export(t, 0, 6),
		"proof.json":    text(t, p),
		"growth.json":   text(t, g),
		"answer.json":   []byte("12"),
	} {
		if err := os.WriteFile(filepath.Join("testdata", name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
