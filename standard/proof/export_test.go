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
	"tongma/standard/sm"
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
	stranger := newMemory(t)
	stranger.chain = proof.NewChain("node-2")
	for range 5 {
		stranger.add(t, 3)
	}
	for name, c := range map[string]struct {
		head         []byte
		taken, holds bool
	}{
		"the head before":         {m.groups[4].Head, true, true},
		"one of the same number":  {other.groups[4].Head, true, false},
		"an earlier one":          {m.groups[3].Head, false, true},
		"the first one itself":    {m.groups[5].Head, false, true},
		"one of another log":      {stranger.groups[4].Head, false, true},
		"one that is none at all": {nil, false, true},
	} {
		r, err := proof.NewReader(bytes.NewReader(m.export(t, 5, 9)), m.keys())
		if err != nil {
			t.Fatal(err)
		}
		if err := r.After(c.head); (err == nil) != c.taken {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := r.Next(); (err == nil) != c.holds {
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
		want := 5
		if name == "signed anew, of other entries" {
			want = 6 // all of it is signed, but the next group follows another
		}
		if f := faults[0]; f.Line != want || f.Group < 2 || f.Group > 5 {
			t.Errorf("%s: found elsewhere: %v", name, faults)
		}
		lie := name == "from another log" || strings.HasPrefix(name, "head, signed anew")
		if len(faults) > 2 && !lie {
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
		"half a leaf":        func(g []proof.Group) []proof.Group { g[3].Entries, g[3].Leaves = nil, make([]byte, 31); return g },
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
		if name == "at" {
			continue // whatever the signer says
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
		out.Write(append(text(t, g), '\n'))
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
	for _, before := range []*proof.History{nil, proof.NewHistory()} {
		if _, err := proof.NewWriter(io.Discard, proof.Header{Log: "node-1", From: 2, To: 4}, before); err == nil {
			t.Error("an export from the midst is begun without the history before")
		}
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

func TestMoreThanWasSaidIsAFault(t *testing.T) {
	m := with(t, 6)
	export := rawExport(t, 5, m.groups)
	if _, faults := verify(t, export, m.keys()); len(faults) != 1 || faults[0].Line != 7 || faults[0].Group != 5 {
		t.Errorf("a group beyond the last: %v", faults)
	}
	for _, behind := range []string{"x", "\n", "{}\n"} {
		if _, faults := verify(t, append(m.export(t, 0, 6), behind...), m.keys()); len(faults) != 1 || faults[0].Line != 8 {
			t.Errorf("%q behind the end: %v", behind, faults)
		}
	}
}

// endless is a reader of lines that never end.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	e.read += len(b)
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

func TestALineWithoutEndIsNotReadToItsEnd(t *testing.T) {
	var stuck endless
	m := with(t, 1)
	if _, err := proof.NewReader(&stuck, m.keys()); err == nil || stuck.read > 1<<20 {
		t.Errorf("%d bytes of the first line are read: %v", stuck.read, err)
	}
	stuck.read = 0
	r, err := proof.NewReader(io.MultiReader(bytes.NewReader(m.export(t, 0, 1)), &stuck), m.keys())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	var f *proof.Fault
	if _, err := r.Next(); !errors.As(err, &f) || f.Line != 3 || stuck.read > 16<<20 {
		t.Errorf("%d bytes of a group are read: %v", stuck.read, err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("%d bytes are read, and then %v", stuck.read, err)
	}
}

func TestTheLargestGroupIsRead(t *testing.T) {
	m := newMemory(t)
	m.add(t, proof.MaxEntries)
	if n, faults := verify(t, m.export(t, 0, 1), m.keys()); n != proof.MaxEntries || len(faults) > 0 {
		t.Errorf("%d entries: %v", n, faults)
	}
	longest := bytes.Repeat([]byte{1}, proof.MaxEntry)
	var framed []byte
	for range proof.MaxEntries {
		framed = proof.AppendFramed(framed, longest)
	}
	if _, err := proof.Split(framed); err != nil {
		t.Error(err)
	}
	if _, err := proof.Split(proof.AppendFramed(framed, nil)); err == nil {
		t.Error("one more is read too")
	}
	if _, err := proof.Split(proof.AppendFramed(nil, append(longest, 1))); err == nil {
		t.Error("a longer entry is read too")
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

func FuzzSplit(f *testing.F) {
	f.Add(with(f, 3).groups[2].Entries)
	f.Add([]byte{0, 1, 7, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := proof.Split(b)
		if err != nil {
			return
		}
		var again []byte
		for _, e := range entries {
			again = proof.AppendFramed(again, e)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%x is read, and written as %x", b, again)
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

// BenchmarkMakeGroup is what a gateway does for a group of 100 but to store it: encodings, leaves, root, head, signature.
func BenchmarkMakeGroup(b *testing.B) {
	key, err := sm.GenerateKey()
	if err != nil {
		b.Fatal(err)
	}
	chain := proof.NewChain("node-1")
	var entries []*proof.Entry
	for i := range 100 {
		entries = append(entries, usual(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		var framed []byte
		var leaves []proof.Digest
		for _, e := range entries {
			entry, err := proof.AppendEntry(nil, e)
			if err != nil {
				b.Fatal(err)
			}
			framed = proof.AppendFramed(framed, entry)
			leaves = append(leaves, proof.Leaf(entry))
		}
		h := chain.Head(leaves, began, "k1")
		head, err := proof.AppendHead(nil, &h)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := key.Sign(proof.SignText(head)); err != nil {
			b.Fatal(err)
		}
		if _, err := chain.Add(head); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/entry")
}
