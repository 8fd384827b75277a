package evidence_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
)

// python runs verify.py. It gives what was printed, by lines, and whether all holds.
func python(t *testing.T, args ...string) ([]string, bool) {
	t.Helper()
	interpreter, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not there: the second verifier of the evidence is not run")
	}
	cmd := exec.CommandContext(t.Context(), interpreter, append([]string{"verify.py"}, args...)...)
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) || problem.Len() > 0 {
		t.Fatalf("verify.py %s: %v\n%s", args[0], err, problem.Bytes())
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), err == nil
}

// log is a log in memory, and a folder with its public key.
type log struct {
	dir, pem string
	key      *sm.PrivateKey
	chain    *proof.Chain
	groups   []proof.Group
	rows     []proof.Row
	next     int
}

var began = time.Date(2022, 1, 10, 8, 0, 0, 0, standard.Zone)

func newLog(t *testing.T, groups int) *log {
	t.Helper()
	key, err := sm.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	pem, err := key.Public().MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	l := &log{dir: t.TempDir(), key: key, chain: proof.NewChain("node-1")}
	l.pem = l.file(t, "gateway.pem", pem)
	for i := range groups {
		l.add(t, i%4+1)
	}
	return l
}

func (l *log) file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func answer(i int) []byte { return fmt.Appendf(nil, `{"id":"%d"}`, i) }

func (l *log) add(t *testing.T, count int) {
	t.Helper()
	var g proof.Group
	var leaves []proof.Digest
	for range count {
		e := proof.Entry{
			Kind: proof.Verification, ID: fmt.Sprintf("01FS1Z6%019d", l.next), At: began, Party: "gate-7", Roles: standard.RolesOf(standard.RoleGate),
			Purpose: "transport", Region: "440100", Site: "南站", System: "suikang", Holder: proof.Pseudonym{1}, Subject: proof.Pseudonym{2},
			Outcome: standard.Verified, Status: standard.Green, Action: standard.Pass, Rule: "default/green@1", From: standard.Live,
			ObservedAt: began, Found: 300, Case: "7", Answer: sm.Sum(answer(l.next)),
		}
		entry, err := proof.AppendEntry(nil, &e)
		if err != nil {
			t.Fatal(err)
		}
		l.next++
		g.Entries = proof.AppendFramed(g.Entries, entry)
		leaves = append(leaves, proof.Leaf(entry))
	}
	h := l.chain.Head(leaves, began, l.key.Public().ID())
	l.sign(t, &g, &h)
	subtree, err := l.chain.Add(g.Head)
	if err != nil {
		t.Fatal(err)
	}
	l.groups = append(l.groups, g)
	l.rows = append(l.rows, proof.Row{Leaf: proof.Leaf(g.Head), Subtree: subtree})
}

func (l *log) sign(t *testing.T, g *proof.Group, h *proof.Head) {
	t.Helper()
	var err error
	if g.Head, err = proof.AppendHead(nil, h); err != nil {
		t.Fatal(err)
	}
	if g.Sign, err = l.key.Sign(proof.SignText(g.Head)); err != nil {
		t.Fatal(err)
	}
}

func (l *log) export(t *testing.T, from, to int) []byte {
	t.Helper()
	before := proof.NewHistory()
	for _, g := range l.groups[:from] {
		before.Add(g.Head)
	}
	var out bytes.Buffer
	w, err := proof.NewWriter(&out, proof.Header{Log: "node-1", From: uint64(from), To: uint64(to)}, before)
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		if err := w.Write(&l.groups[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAnotherProgramVerifiesExportsFromAnyStart(t *testing.T) {
	l := newLog(t, 12)
	for i := range 4 {
		leaves, err := proof.Prune(l.groups[i].Entries)
		if err != nil {
			t.Fatal(err)
		}
		l.groups[i].Entries, l.groups[i].Leaves = nil, leaves
	}
	args := []string{"--key", l.pem}
	for from := range 13 {
		args = append(args, l.file(t, fmt.Sprint(from), l.export(t, from, 12)))
	}
	printed, good := python(t, args...)
	if !good || len(printed) != 13 {
		t.Error(strings.Join(printed, "\n"))
	}
}

func TestAnotherProgramTellsWhatFollowsAnEarlierExport(t *testing.T) {
	l, other := newLog(t, 6), newLog(t, 6)
	first, second := l.file(t, "first", l.export(t, 0, 3)), l.file(t, "second", l.export(t, 3, 6))
	if printed, good := python(t, "--key", l.pem, "--after", first, second); !good {
		t.Error(printed)
	}
	if printed, good := python(t, "--key", l.pem, "--key", other.pem, "--after", other.file(t, "other", other.export(t, 0, 3)), second); good {
		t.Error(printed)
	}
}

func TestBothProgramsRefuseWhatIsNotQuiteAnExportOrAProof(t *testing.T) {
	l := newLog(t, 2)
	whole := l.export(t, 0, 2)
	for name, text := range map[string][]byte{
		"a byte order mark":     slices.Concat([]byte("\xef\xbb\xbf"), whole),
		"a number that is not":  bytes.Replace(whole, []byte(`"from":0,`), nil, 1),
		"a number that is null": bytes.Replace(whole, []byte(`"from":0`), []byte(`"from":null`), 1),
	} {
		if _, err := proof.NewReader(bytes.NewReader(text), proof.KeysOf(l.key.Public())); err == nil {
			t.Errorf("%s is read", name)
		}
		if printed, good := python(t, "--key", l.pem, l.file(t, "export", text)); good {
			t.Errorf("%s: %s", name, printed)
		}
	}
	p, err := l.groups[0].Prove(0)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{{`"number":0,`, ``}, {`"number":0`, `"number":null`}, {`"path":[]`, `"path":null`}} {
		changed := bytes.Replace(text, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(changed, text) {
			t.Fatalf("%s is not in %s", change[0], text)
		}
		if _, err := proof.ParseProof(changed); err == nil {
			t.Errorf("with %q it is read", change[1])
		}
		if printed, good := python(t, "--key", l.pem, "--proof", l.file(t, "proof", changed)); good {
			t.Errorf("with %q: %s", change[1], printed)
		}
	}
}

// TestAnotherProgramFindsEveryByteThatWasChanged of a group in the midst, in what is stored of it.
func TestAnotherProgramFindsEveryByteThatWasChanged(t *testing.T) {
	l := newLog(t, 4)
	stored := l.groups[1]
	variants := map[string]proof.Group{}
	for name, part := range map[string][]byte{"head": stored.Head, "sign": stored.Sign, "entries": stored.Entries} {
		for i := range part {
			changed := bytes.Clone(part)
			changed[i] ^= 1 << (i % 8)
			g := stored
			switch name {
			case "head":
				g.Head = changed
			case "sign":
				g.Sign = changed
			case "entries":
				g.Entries = changed
			}
			variants[fmt.Sprintf("%s-%d", name, i)] = g
		}
	}
	altered := map[string][]proof.Group{}
	for name, g := range variants {
		altered[name] = []proof.Group{l.groups[0], g, l.groups[2], l.groups[3]}
	}
	l.allFound(t, altered, 3)
}

// TestAnotherProgramFindsGroupsThatAreNotInTheirPlace, and those that the gateway itself has signed falsely.
func TestAnotherProgramFindsGroupsThatAreNotInTheirPlace(t *testing.T) {
	l := newLog(t, 6)
	fork := &log{dir: l.dir, pem: l.pem, key: l.key, chain: proof.NewChain("node-1"), next: 1000}
	for range 6 {
		fork.add(t, 3)
	}
	at2 := l.groups[2]
	altered := map[string][]proof.Group{
		"dropped":        slices.Delete(slices.Clone(l.groups), 2, 3),
		"two dropped":    slices.Delete(slices.Clone(l.groups), 2, 4),
		"cut off":        l.groups[:2],
		"swapped":        {l.groups[0], l.groups[1], l.groups[3], l.groups[2], l.groups[4], l.groups[5]},
		"repeated":       slices.Insert(slices.Clone(l.groups), 2, l.groups[1]),
		"inserted":       slices.Insert(slices.Clone(l.groups), 2, fork.groups[2]),
		"exchanged":      l.with(fork.groups[2]),
		"other entries":  l.with(proof.Group{Head: at2.Head, Sign: at2.Sign, Entries: l.groups[1].Entries}),
		"without any":    l.with(proof.Group{Head: at2.Head, Sign: at2.Sign}),
		"with too much":  l.with(proof.Group{Head: at2.Head, Sign: at2.Sign, Entries: at2.Entries, Leaves: make([]byte, 96)}),
		"of another log": l.with(l.lie(t, func(h *proof.Head) { h.Log = "node-2" })),
		"false prev":     l.with(l.lie(t, func(h *proof.Head) { h.Prev[9] ^= 1 })),
		"false first":    l.with(l.lie(t, func(h *proof.Head) { h.First++ })),
		"false history":  l.with(l.lie(t, func(h *proof.Head) { h.History[0] ^= 1 })),
		"false root":     l.with(l.lie(t, func(h *proof.Head) { h.Root[0] ^= 1 })),
		"false count":    l.with(l.lie(t, func(h *proof.Head) { h.Count++ })),
	}
	l.allFound(t, altered, 4)
}

// with has another in place of group 2.
func (l *log) with(g proof.Group) []proof.Group {
	return slices.Replace(slices.Clone(l.groups), 2, 3, g)
}

// lie is group 2 as the gateway's own key signs it, with something changed.
func (l *log) lie(t *testing.T, change func(*proof.Head)) proof.Group {
	t.Helper()
	g := l.groups[2]
	h, err := proof.ParseHead(g.Head)
	if err != nil {
		t.Fatal(err)
	}
	change(&h)
	l.sign(t, &g, &h)
	return g
}

var place = regexp.MustCompile(`/([^/]+): line (\d+), group \d+: `)

// allFound demands that both programs find the first fault of each of these at this line, and that the second one agrees.
func (l *log) allFound(t *testing.T, altered map[string][]proof.Group, line int) {
	t.Helper()
	args := []string{"--key", l.pem, l.file(t, "good", l.export(t, 0, len(l.groups)))}
	for name, groups := range altered {
		text := l.raw(t, groups)
		if at := l.firstFault(t, text); at != line {
			t.Errorf("%s: package proof finds the fault in line %d", name, at)
		}
		args = append(args, l.file(t, name, text))
	}
	printed, good := python(t, args...)
	if good || !strings.HasPrefix(printed[0], args[2]+": holds") {
		t.Errorf("what was not changed: %s", printed[0])
	}
	found := map[string]int{}
	for _, p := range printed[1:] {
		m := place.FindStringSubmatch(p)
		if m == nil {
			t.Errorf("not a fault: %s", p)
			continue
		}
		at, _ := strconv.Atoi(m[2])
		if first, ok := found[m[1]]; !ok || at < first {
			found[m[1]] = at
		}
	}
	for name := range altered {
		if found[name] != line {
			t.Errorf("%s: verify.py finds it in line %d, not %d", name, found[name], line)
		}
	}
}

func (l *log) firstFault(t *testing.T, text []byte) int {
	t.Helper()
	r, err := proof.NewReader(bytes.NewReader(text), proof.KeysOf(l.key.Public()))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		_, err := r.Next()
		var f *proof.Fault
		if errors.As(err, &f) {
			return f.Line
		}
		if err != nil {
			break
		}
	}
	return 0
}

// raw is an export of any groups in any order, said to be of as many as the log has.
func (l *log) raw(t *testing.T, groups []proof.Group) []byte {
	t.Helper()
	out := fmt.Appendf(nil, `{"format":%q,"log":"node-1","from":0,"to":%d}`+"\n", proof.Format, len(l.groups))
	for _, g := range groups {
		line, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(out, line...), '\n')
	}
	return out
}

func TestAnotherProgramVerifiesProofsAndAnswers(t *testing.T) {
	l := newLog(t, 8)
	p, err := l.groups[7].Prove(2) // entry 18+2 of the log
	if err != nil {
		t.Fatal(err)
	}
	path := l.json(t, "proof", p)
	printed, good := python(t, "--key", l.pem, "--proof", path, "--answer", l.file(t, "answer", answer(18)))
	var found map[string]any
	if err := json.Unmarshal([]byte(printed[0]), &found); err != nil || !good {
		t.Fatal(printed, err)
	}
	for name, want := range map[string]any{
		"log": "node-1", "group": 7., "number": 18., "id": "01FS1Z60000000000000000018", "outcome": "verified", "status": "00", "action": "pass",
		"site": "南站", "region": "440100", "from": "live", "found": 300., "kind": "verification", "at": float64(began.UnixMilli()),
	} {
		if found[name] != want {
			t.Errorf("%s is %v, not %v", name, found[name], want)
		}
	}
	if printed, good := python(t, "--key", l.pem, "--proof", path, "--answer", l.file(t, "answer", answer(19))); good {
		t.Errorf("another answer: %s", printed)
	}
	for name, change := range map[string]func(){
		"path":   func() { p.Path[1][0] ^= 1 },
		"number": func() { p.Number++ },
		"entry":  func() { p.Entry = slices.Concat(p.Entry[:99], []byte{p.Entry[99] ^ 1}, p.Entry[100:]) },
	} {
		change()
		if printed, good := python(t, "--key", l.pem, "--proof", l.json(t, "proof", p)); good {
			t.Errorf("%s: %s", name, printed)
		}
		if p, err = l.groups[7].Prove(2); err != nil {
			t.Fatal(err)
		}
	}
}

func (l *log) json(t *testing.T, name string, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return l.file(t, name, text)
}

func TestAnotherProgramVerifiesGrowth(t *testing.T) {
	l := newLog(t, 9)
	for _, earlier := range []int{0, 3, 4, 6} {
		g := &proof.Growth{
			Earlier: proof.Signed{Head: l.groups[earlier].Head, Sign: l.groups[earlier].Sign},
			Later:   proof.Signed{Head: l.groups[8].Head, Sign: l.groups[8].Sign},
		}
		g, err := proof.Grow(t.Context(), g.Earlier, g.Later, l.read)
		if err != nil {
			t.Fatal(err)
		}
		if printed, good := python(t, "--key", l.pem, "--growth", l.json(t, "growth", g)); !good {
			t.Errorf("%d to 8: %s", earlier, printed)
		}
		if earlier == 0 {
			continue
		}
		g.Consistent[0] = bytes.Clone(g.Consistent[0])
		g.Consistent[0][0] ^= 1
		if printed, good := python(t, "--key", l.pem, "--growth", l.json(t, "growth", g)); good {
			t.Errorf("%d to 8, of another history: %s", earlier, printed)
		}
	}
}

// TestItsOwnSM3IsSM3: that which is used where hashlib has none.
func TestItsOwnSM3IsSM3(t *testing.T) {
	interpreter, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not there: the second verifier of the evidence is not run")
	}
	var texts, want []string
	for n := range 130 {
		data := bytes.Repeat([]byte{byte(n)}, n)
		sum := sm.Sum(data)
		texts = append(texts, base64.StdEncoding.EncodeToString(data))
		want = append(want, fmt.Sprintf("%x", sum))
	}
	const program = "import sys, base64, verify\nfor text in sys.stdin.read().split(','): print(verify.own_sm3(base64.b64decode(text)).hex())"
	cmd := exec.CommandContext(t.Context(), interpreter, "-B", "-c", program)
	cmd.Stdin = strings.NewReader(strings.Join(texts, ","))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := strings.Fields(string(out)); !slices.Equal(got, want) {
		t.Errorf("%d of them", len(got))
	}
}

func (l *log) read(_ context.Context, groups []uint64) ([]proof.Row, error) {
	var rows []proof.Row
	for _, g := range groups {
		rows = append(rows, l.rows[g])
	}
	return rows, nil
}
