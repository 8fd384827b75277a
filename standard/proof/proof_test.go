package proof_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
)

var began = time.Date(2022, 1, 10, 8, 0, 0, 123e6, standard.Zone)

// usual is an entry like most: verified, from a system that refers to its holders by something.
func usual(i int) *proof.Entry {
	return &proof.Entry{
		Kind:       proof.Verification,
		ID:         fmt.Sprintf("01FS1Z6%019d", i),
		At:         began.Add(time.Duration(i) * time.Millisecond),
		Party:      "gate-7",
		Roles:      standard.RolesOf(standard.RoleGate),
		Purpose:    "transport",
		Region:     "440100",
		Site:       "south-3",
		System:     "suikang",
		Holder:     proof.Pseudonym{1, byte(i), byte(i >> 8)},
		Outcome:    standard.Verified,
		Status:     standard.Green,
		Action:     standard.Pass,
		Rule:       "default/green@1",
		From:       standard.Cache,
		ObservedAt: began.Add(-time.Minute),
		Answer:     sm.Sum([]byte(fmt.Sprint(i))),
	}
}

// log is a log in memory.
type memory struct {
	key    *sm.PrivateKey
	chain  *proof.Chain
	groups []proof.Group
	rows   []proof.Row
	reads  int
	next   int
}

func newMemory(t testing.TB) *memory {
	t.Helper()
	key, err := sm.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return &memory{key: key, chain: proof.NewChain("node-1")}
}

func (m *memory) keys() proof.Keys { return proof.Keys{"k1": m.key.Public()} }

func (m *memory) add(t testing.TB, count int) {
	t.Helper()
	var g proof.Group
	var leaves []proof.Digest
	for range count {
		entry, err := proof.AppendEntry(nil, usual(m.next))
		if err != nil {
			t.Fatal(err)
		}
		m.next++
		g.Entries = proof.AppendFramed(g.Entries, entry)
		leaves = append(leaves, proof.Leaf(entry))
	}
	head := m.chain.Head(leaves, began, "k1")
	var err error
	if g.Head, err = proof.AppendHead(nil, &head); err != nil {
		t.Fatal(err)
	}
	if g.Sign, err = m.key.Sign(proof.SignText(g.Head)); err != nil {
		t.Fatal(err)
	}
	subtree, err := m.chain.Add(g.Head)
	if err != nil {
		t.Fatal(err)
	}
	m.groups = append(m.groups, g)
	m.rows = append(m.rows, proof.Row{Leaf: proof.Leaf(g.Head), Subtree: subtree})
}

func (m *memory) read(_ context.Context, groups []uint64) ([]proof.Row, error) {
	var rows []proof.Row
	for _, g := range groups {
		rows = append(rows, m.rows[g])
		m.reads++
	}
	return rows, nil
}

func (m *memory) export(t testing.TB, from, to int) []byte {
	t.Helper()
	before, err := proof.OpenHistory(t.Context(), uint64(from), m.read)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := proof.NewWriter(&out, proof.Header{Log: "node-1", From: uint64(from), To: uint64(to)}, before)
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		if err := w.Write(&m.groups[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// verify reads a whole export, and gives the number of its entries and all faults.
func verify(t testing.TB, data []byte, keys proof.Keys) (entries int, faults []*proof.Fault) {
	t.Helper()
	r, err := proof.NewReader(bytes.NewReader(data), keys)
	var f *proof.Fault
	if errors.As(err, &f) {
		return 0, []*proof.Fault{f}
	}
	if err != nil {
		return 0, []*proof.Fault{{Err: err}}
	}
	for {
		b, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return entries, faults
		case errors.As(err, &f):
			faults = append(faults, f)
		case err != nil:
			return entries, append(faults, &proof.Fault{Err: err})
		default:
			entries += len(b.Entries)
		}
	}
}

func TestAnExportVerifiesFromAnyStart(t *testing.T) {
	m := newMemory(t)
	want := 0
	for i := range 21 {
		m.add(t, i%5+1)
	}
	for from := range 22 {
		want = 0
		for i := from; i < 21; i++ {
			want += i%5 + 1
		}
		entries, faults := verify(t, m.export(t, from, 21), m.keys())
		if entries != want || len(faults) > 0 {
			t.Errorf("from %d: %d entries, not %d: %v", from, entries, want, faults)
		}
	}
}

func TestAnEntryLikeMostHasAtMost150Bytes(t *testing.T) {
	b, err := proof.AppendEntry(nil, usual(0))
	if err != nil || len(b) > 150 {
		t.Errorf("%d bytes: %v", len(b), err)
	}
	t.Log(len(b))
	e, err := proof.ParseEntry(b)
	if err != nil || fmt.Sprint(e) != fmt.Sprint(*usual(0)) {
		t.Errorf("%v\n%v\n%v", err, e, *usual(0))
	}
}

func TestEveryByteOfAnExportCounts(t *testing.T) {
	m := newMemory(t)
	for i := range 4 {
		m.add(t, i+1)
	}
	export := m.export(t, 1, 4)
	for i := range export {
		for _, with := range []byte{1, 4, 0x20} {
			export[i] ^= with
			if _, faults := verify(t, export, m.keys()); len(faults) == 0 {
				t.Errorf("byte %d: no fault: %s", i, strings.Clone(string(export[max(0, i-20):i+5])))
			}
			export[i] ^= with
		}
	}
}

func BenchmarkVerifyExport(b *testing.B) {
	m := newMemory(b)
	for range 20 {
		m.add(b, 100)
	}
	export := m.export(b, 0, 20)
	b.ReportAllocs()
	for b.Loop() {
		if n, faults := verify(b, export, m.keys()); n != 2000 || len(faults) > 0 {
			b.Fatal(n, faults)
		}
	}
	b.ReportMetric(float64(b.N)*2000/b.Elapsed().Seconds(), "entries/s")
}
