package proof_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"tongma/standard"
	"tongma/standard/proof"
)

func TestAnExportVerifiesFromAnyStart(t *testing.T) {
	m := with(t, 21)
	for from := range 22 {
		want := 0
		for i := from; i < 21; i++ {
			want += i%5 + 1
		}
		entries, faults := verify(t, m.export(t, from, 21), m.keys())
		if entries != want || len(faults) > 0 {
			t.Errorf("from %d: %d entries, not %d: %v", from, entries, want, faults)
		}
	}
}

func TestAnExportVerifiesAfterEntriesWereGivenUp(t *testing.T) {
	m := with(t, 6)
	for i := range 3 {
		m.groups[i] = pruned(t, m.groups[i])
	}
	entries, faults := verify(t, m.export(t, 0, 6), m.keys())
	if entries != 4+5+1 || len(faults) > 0 {
		t.Errorf("%d entries: %v", entries, faults)
	}
	m.groups[1].Leaves[5] ^= 1
	if _, faults = verify(t, m.export(t, 0, 6), m.keys()); len(faults) != 1 || faults[0].Group != 1 {
		t.Errorf("a leaf was changed: %v", faults)
	}
}

func TestAReaderGivesWhatWasWritten(t *testing.T) {
	m := with(t, 5)
	r, err := proof.NewReader(iotest.OneByteReader(bytes.NewReader(m.export(t, 2, 5))), m.keys())
	if err != nil {
		t.Fatal(err)
	}
	n := 1 + 2
	for i := 2; i < 5; i++ {
		b, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if b.Head.Group != uint64(i) || !bytes.Equal(b.Group.Head, m.groups[i].Head) || !bytes.Equal(b.Group.Entries, m.groups[i].Entries) {
			t.Errorf("group %d: %+v", i, b.Head)
		}
		for _, e := range b.Entries {
			if e != *usual(n) {
				t.Errorf("entry %d: %+v", n, e)
			}
			n++
		}
	}
	for range 2 {
		if _, err := r.Next(); err != io.EOF {
			t.Error(err)
		}
	}
}

func TestAnExportFollowsAnEarlierOne(t *testing.T) {
	m := with(t, 9)
	other := m.fork(t, 9)
	for name, c := range map[string]struct {
		head []byte
		good bool
	}{
		"the head before":            {m.groups[4].Head, true},
		"one of the same number":     {other.groups[4].Head, false},
		"an earlier one":             {m.groups[3].Head, false},
		"the first one itself":       {m.groups[5].Head, false},
		"one that is no head at all": {nil, false},
	} {
		r, err := proof.NewReader(bytes.NewReader(m.export(t, 5, 9)), m.keys())
		if err != nil {
			t.Fatal(err)
		}
		if err = r.After(c.head); err == nil {
			_, err = r.Next()
		}
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryByteOfAnExportCounts(t *testing.T) {
	m := with(t, 3)
	export := m.export(t, 1, 3)
	for i := range export {
		for _, with := range []byte{1, 4, 0x20} {
			export[i] ^= with
			if _, faults := verify(t, export, m.keys()); len(faults) == 0 {
				t.Errorf("byte %d may change: %s", i, export[max(0, i-20):i+1])
			}
			export[i] ^= with
		}
	}
	for n := range export {
		if _, faults := verify(t, export[:n], m.keys()); len(faults) == 0 {
			t.Errorf("cut off after %d bytes, and no fault", n)
		}
	}
}

// TestTamperingIsFoundWithItsPlace: group 3 of 0 to 5 is not as it was, and everything else is.
func TestTamperingIsFoundWithItsPlace(t *testing.T) {
	m := with(t, 6)
	fork := m.fork(t, 6)
	for name, change := range tampering(t, m, fork) {
		groups := slices.Clone(m.groups)
		groups[3].Head, groups[3].Entries = bytes.Clone(groups[3].Head), bytes.Clone(groups[3].Entries)
		bad := change(groups)
		_, faults := verify(t, rawExport(t, 6, bad), m.keys())
		if len(faults) == 0 {
			t.Errorf("%s: no fault", name)
			continue
		}
		if f := faults[0]; f.Line < 5 || f.Line > 6 || f.Group < 2 || f.Group > 5 {
			t.Errorf("%s: found elsewhere: %v", name, faults)
		}
		if len(faults) > 3 {
			t.Errorf("%s: one thing is wrong, not %v", name, faults)
		}
	}
}

type tamper = func([]proof.Group) []proof.Group

func tampering(t *testing.T, m, fork *memory) map[string]tamper {
	all := map[string]tamper{
		"dropped":            func(g []proof.Group) []proof.Group { return slices.Delete(g, 3, 4) },
		"two dropped":        func(g []proof.Group) []proof.Group { return slices.Delete(g, 3, 5) },
		"the last dropped":   func(g []proof.Group) []proof.Group { return g[:3] },
		"swapped":            func(g []proof.Group) []proof.Group { g[3], g[4] = g[4], g[3]; return g },
		"repeated":           func(g []proof.Group) []proof.Group { return slices.Insert(g, 3, g[2]) },
		"from another log":   func(g []proof.Group) []proof.Group { return slices.Insert(g, 3, fork.groups[3]) },
		"put in place of it": func(g []proof.Group) []proof.Group { g[3] = fork.groups[3]; return g },
		"another signature":  func(g []proof.Group) []proof.Group { g[3].Sign = g[2].Sign; return g },
		"other entries":      func(g []proof.Group) []proof.Group { g[3].Entries = g[2].Entries; return g },
		"no entries":         func(g []proof.Group) []proof.Group { g[3].Entries = nil; return g },
		"entries swapped":    func(g []proof.Group) []proof.Group { g[3].Entries = reframe(t, g[3].Entries, swap); return g },
		"entry dropped":      func(g []proof.Group) []proof.Group { g[3].Entries = reframe(t, g[3].Entries, drop); return g },
		"entry repeated":     func(g []proof.Group) []proof.Group { g[3].Entries = reframe(t, g[3].Entries, repeat); return g },
		"leaves besides":     func(g []proof.Group) []proof.Group { g[3].Leaves = pruned(t, g[3]).Leaves; return g },
		"signed anew, of other entries": func(g []proof.Group) []proof.Group {
			h := headOf(t, g[3])
			h.Root, h.Count = headOf(t, g[2]).Root, headOf(t, g[2]).Count
			g[3] = m.sign(t, h, g[2].Entries)
			return g // it shows in the group after it, which follows another
		},
	}
	for name, change := range headFields {
		all["head: "+name] = func(g []proof.Group) []proof.Group {
			h := headOf(t, g[3])
			change(&h)
			var err error
			if g[3].Head, err = proof.AppendHead(nil, &h); err != nil {
				t.Fatal(name, err)
			}
			return g
		}
		if name == "root" || name == "count" || name == "at" || name == "key" {
			continue // the signer says what these are; count and root must fit the entries, which "signed anew" has
		}
		all["head, signed anew: "+name] = func(g []proof.Group) []proof.Group {
			h := headOf(t, g[3])
			change(&h)
			g[3] = m.sign(t, h, g[3].Entries)
			return g
		}
	}
	for name, change := range entryFields {
		all["entry: "+name] = func(g []proof.Group) []proof.Group {
			g[3].Entries = reframe(t, g[3].Entries, func(entries [][]byte) [][]byte {
				e, err := proof.ParseEntry(entries[2])
				if err != nil {
					t.Fatal(err)
				}
				change(&e)
				if entries[2], err = proof.AppendEntry(nil, &e); err != nil {
					t.Fatal(name, err)
				}
				return entries
			})
			return g
		}
	}
	return all
}

var headFields = map[string]func(*proof.Head){
	"log":     func(h *proof.Head) { h.Log = "node-2" },
	"group":   func(h *proof.Head) { h.Group = 4 },
	"first":   func(h *proof.Head) { h.First++ },
	"count":   func(h *proof.Head) { h.Count-- },
	"at":      func(h *proof.Head) { h.At = h.At.Add(time.Millisecond) },
	"root":    func(h *proof.Head) { h.Root[31] ^= 1 },
	"prev":    func(h *proof.Head) { h.Prev[0] ^= 1 },
	"history": func(h *proof.Head) { h.History[0] ^= 0x80 },
	"key":     func(h *proof.Head) { h.Key = "k2" },
}

var entryFields = map[string]func(*proof.Entry){
	"kind":       func(e *proof.Entry) { e.Kind = proof.Search },
	"id":         func(e *proof.Entry) { e.ID = e.ID[:25] + "Z" },
	"at":         func(e *proof.Entry) { e.At = e.At.Add(time.Millisecond) },
	"party":      func(e *proof.Entry) { e.Party = "gate-8" },
	"roles":      func(e *proof.Entry) { e.Roles = standard.RolesOf(standard.RoleOfficer) },
	"purpose":    func(e *proof.Entry) { e.Purpose = "" },
	"region":     func(e *proof.Entry) { e.Region = "440101" },
	"site":       func(e *proof.Entry) { e.Site = "south-4" },
	"case":       func(e *proof.Entry) { e.Case = "1" },
	"system":     func(e *proof.Entry) { e.System = "yuekang" },
	"holder":     func(e *proof.Entry) { e.Holder[15] ^= 1 },
	"subject":    func(e *proof.Entry) { e.Subject[0] ^= 1 },
	"outcome":    func(e *proof.Entry) { e.Outcome = standard.Expired },
	"reason":     func(e *proof.Entry) { e.Reason = standard.ReasonScanExpired },
	"status":     func(e *proof.Entry) { e.Status = standard.Red },
	"action":     func(e *proof.Entry) { e.Action = standard.Deny },
	"rule":       func(e *proof.Entry) { e.Rule = "default/green@2" },
	"from":       func(e *proof.Entry) { e.From = standard.Live },
	"observedAt": func(e *proof.Entry) { e.ObservedAt = time.Time{} },
	"found":      func(e *proof.Entry) { e.Found = 1 },
	"answer":     func(e *proof.Entry) { e.Answer[7] ^= 1 },
}

func headOf(t *testing.T, g proof.Group) proof.Head {
	t.Helper()
	h, err := proof.ParseHead(g.Head)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// sign makes a group of whatever: the gateway itself lies.
func (m *memory) sign(t *testing.T, h proof.Head, entries []byte) proof.Group {
	t.Helper()
	head, err := proof.AppendHead(nil, &h)
	if err != nil {
		t.Fatal(err)
	}
	sign, err := m.key.Sign(proof.SignText(head))
	if err != nil {
		t.Fatal(err)
	}
	return proof.Group{Head: head, Sign: sign, Entries: entries}
}

func swap(e [][]byte) [][]byte   { e[0], e[1] = e[1], e[0]; return e }
func drop(e [][]byte) [][]byte   { return e[1:] }
func repeat(e [][]byte) [][]byte { return append(e, e[len(e)-1]) }

func reframe(t *testing.T, framed []byte, change func([][]byte) [][]byte) []byte {
	t.Helper()
	entries, err := proof.Split(framed)
	if err != nil {
		t.Fatal(err)
	}
	var again []byte
	for _, e := range change(slices.Clone(entries)) {
		again = proof.AppendFramed(again, e)
	}
	return again
}

// rawExport writes an export of any lines, which [proof.Writer] would refuse to.
func rawExport(t testing.TB, to int, groups []proof.Group) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := proof.NewWriter(&out, proof.Header{Log: "node-1", To: uint64(to)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Close() // it has no groups yet
	for _, g := range groups {
		out.Write(line(t, g))
	}
	return out.Bytes()
}

func TestAWriterRefusesWhatIsNotInOrder(t *testing.T) {
	m := with(t, 4)
	w, err := proof.NewWriter(io.Discard, proof.Header{Log: "node-1", To: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if w.Write(&m.groups[1]) == nil || w.Write(&m.groups[0]) != nil || w.Close() == nil || w.Write(&m.groups[0]) == nil ||
		w.Write(&m.groups[1]) != nil || w.Write(&m.groups[2]) == nil || w.Close() != nil {
		t.Error("groups are written that are not in order, or an end is taken for one that is none")
	}
	if _, err := proof.NewWriter(io.Discard, proof.Header{Log: "node-1", From: 2, To: 4}, nil); err == nil {
		t.Error("an export from the midst is begun without the history before")
	}
}

func TestWhatIsNoExportIsRefused(t *testing.T) {
	long := `{"format":"` + strings.Repeat("x", 1<<17) + "\"}\n"
	for name, text := range map[string]string{
		"nothing":           "",
		"no line":           "{",
		"no JSON":           "export\n",
		"a long line":       long,
		"another format":    `{"format":"tongma/2 evidence export","log":"a","from":0,"to":0}` + "\n",
		"no log":            `{"format":"tongma/1 evidence export","log":"","from":0,"to":0}` + "\n",
		"an unknown member": `{"format":"tongma/1 evidence export","log":"a","from":0,"to":0,"x":1}` + "\n",
		"a member twice":    `{"format":"tongma/1 evidence export","log":"a","from":0,"to":0,"to":0}` + "\n",
		"no frontier":       `{"format":"tongma/1 evidence export","log":"a","from":1,"to":1}` + "\n",
		"a short frontier":  `{"format":"tongma/1 evidence export","log":"a","from":1,"to":1,"frontier":["AA=="]}` + "\n",
		"a range backwards": `{"format":"tongma/1 evidence export","log":"a","from":1,"to":0,"frontier":[]}` + "\n",
		"no such range":     `{"format":"tongma/1 evidence export","log":"a","from":0,"to":281474976710657}` + "\n",
	} {
		if _, err := proof.NewReader(strings.NewReader(text), nil); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := proof.NewReader(strings.NewReader(`{"format":"tongma/1 evidence export","log":"a","from":0,"to":0}`+"\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Error("an export of a log without groups:", err)
	}
}

func TestAReaderThatFailsIsNoFault(t *testing.T) {
	broken := errors.New("broken")
	m := with(t, 2)
	r, err := proof.NewReader(io.MultiReader(bytes.NewReader(m.export(t, 0, 2)[:300]), iotest.ErrReader(broken)), m.keys())
	if err != nil {
		t.Fatal(err)
	}
	var f *proof.Fault
	if _, err := r.Next(); !errors.Is(err, broken) || errors.As(err, &f) {
		t.Error(err)
	}
}

func FuzzReader(f *testing.F) {
	m := with(f, 3)
	m.groups[1] = pruned(f, m.groups[1])
	whole := m.export(f, 0, 3)
	f.Add(whole)
	f.Add(m.export(f, 1, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, faults := verify(t, b, m.keys())
		if len(faults) == 0 && entries > 0 && !bytes.Contains(whole, b[bytes.IndexByte(b, '\n')+1:]) {
			t.Errorf("this was never exported: %s", b)
		}
	})
}

// BenchmarkVerifyExport: 200,000 entries a second and core are the bar, with groups like those of a busy hour.
func BenchmarkVerifyExport(b *testing.B) {
	m := newMemory(b)
	for range 20 {
		m.add(b, 100)
	}
	export := m.export(b, 0, 20)
	b.ReportAllocs()
	b.SetBytes(int64(len(export)))
	for b.Loop() {
		if n, faults := verify(b, export, m.keys()); n != 2000 || len(faults) > 0 {
			b.Fatal(n, faults)
		}
	}
	b.ReportMetric(float64(b.N)*2000/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkMakeGroup is what the writer does for a group but for its store: leaves, root, head and signature.
func BenchmarkMakeGroup(b *testing.B) {
	m := newMemory(b)
	b.ReportAllocs()
	for b.Loop() {
		m.add(b, 100)
		m.groups, m.rows, m.next = nil, nil, 0
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/entry")
}
