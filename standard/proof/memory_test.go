package proof_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
		Holder:     proof.NewDay(&[32]byte{1}).Holder("01", fmt.Sprint(i)),
		Outcome:    standard.Verified,
		Status:     standard.Green,
		Action:     standard.Pass,
		Rule:       "default/green@1",
		From:       standard.Cache,
		ObservedAt: began.Add(-time.Minute),
		Answer:     sm.Sum([]byte(fmt.Sprint(i))),
	}
}

// memory is a log in memory.
type memory struct {
	key    *sm.PrivateKey
	keyID  string
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
	return &memory{key: key, keyID: "k1", chain: proof.NewChain("node-1")}
}

func (m *memory) keys() proof.Keys { return proof.Keys{m.keyID: m.key.Public()} }

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
	head := m.chain.Head(leaves, began, m.keyID)
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

// with is the log after groups of 1 to 5 entries.
func with(t testing.TB, groups int) *memory {
	m := newMemory(t)
	for i := range groups {
		m.add(t, i%5+1)
	}
	return m
}

// fork is another log of the same name and key.
func (m *memory) fork(t testing.TB, groups int) *memory {
	f := newMemory(t)
	f.key, f.next = m.key, 1000
	for i := range groups {
		f.add(t, i%5+1)
	}
	return f
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

func text(t testing.TB, value any) []byte {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
