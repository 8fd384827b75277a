package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
)

// twoFaced is a gateway that writes logs as it likes, under one key.
type twoFaced struct {
	t   *testing.T
	dir string
	key *sm.PrivateKey
}

func newTwoFaced(t *testing.T) *twoFaced {
	key, err := sm.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return &twoFaced{t, t.TempDir(), key}
}

func (l *twoFaced) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// groups makes the groups of a log with one entry each, asked by these parties.
func (l *twoFaced) groups(parties ...string) []proof.Group {
	l.t.Helper()
	chain := proof.NewChain("node-1")
	var groups []proof.Group
	for i, party := range parties {
		entry, err := proof.AppendEntry(nil, &proof.Entry{
			Kind: proof.Verification, ID: "01FS1Z6000000000000000000" + string(rune('0'+i)), At: observed, Party: party, Roles: standard.RolesOf(standard.RoleGate),
		})
		l.must(err)
		head := chain.Head([]proof.Digest{proof.Leaf(entry)}, observed.Add(time.Duration(i)*time.Second), l.key.Public().ID())
		g := proof.Group{Entries: proof.AppendFramed(nil, entry)}
		g.Head, err = proof.AppendHead(nil, &head)
		l.must(err)
		g.Sign, err = l.key.Sign(proof.SignText(g.Head))
		l.must(err)
		_, err = chain.Add(g.Head)
		l.must(err)
		groups = append(groups, g)
	}
	return groups
}

// export writes the groups from one on into a file.
func (l *twoFaced) export(name string, groups []proof.Group, from int) string {
	l.t.Helper()
	var before *proof.History
	if from > 0 {
		before = proof.NewHistory()
		for _, g := range groups[:from] {
			before.Add(g.Head)
		}
	}
	var out bytes.Buffer
	w, err := proof.NewWriter(&out, proof.Header{Log: "node-1", From: uint64(from), To: uint64(len(groups))}, before)
	l.must(err)
	for _, g := range groups[from:] {
		l.must(w.Write(&g))
	}
	l.must(w.Close())
	return l.file(name, out.Bytes())
}

// proof writes the proof of a group's entry into a file.
func (l *twoFaced) proof(name string, g proof.Group) string {
	l.t.Helper()
	p, err := g.Prove(0)
	l.must(err)
	var out bytes.Buffer
	l.must(printJSON(&out, p))
	return l.file(name, out.Bytes())
}

func (l *twoFaced) file(name string, data []byte) string {
	path := filepath.Join(l.dir, name)
	l.must(os.WriteFile(path, data, 0o600))
	return path
}

// faults gives what is wrong in files, each as FILE:LINE GROUP: ERROR with the file's base name.
func (l *twoFaced) faults(files ...string) (told []string) {
	l.t.Helper()
	c := newChecker(proof.KeysOf(l.key.Public()))
	report, err := c.check(l.t.Context(), files, func(int64) (func(int64), func()) { return func(int64) {}, func() {} })
	l.must(err)
	for _, f := range report.Files {
		if f.Holds != (len(f.Faults) == 0) {
			l.t.Errorf("%s holds: %v, with %v", f.File, f.Holds, f.Faults)
		}
		for _, wrong := range f.Faults {
			told = append(told, strings.ReplaceAll(strings.Join([]string{filepath.Base(f.File), digits(float64(wrong.Line)), digits(float64(wrong.Group)), wrong.Error}, " "), l.dir+"/", ""))
		}
	}
	if report.Holds != (len(told) == 0) {
		l.t.Errorf("all holds: %v, with %v", report.Holds, told)
	}
	return told
}

func TestAGatewayThatSaysTwoThingsIsFound(t *testing.T) {
	l := newTwoFaced(t)
	said, other := l.groups("gate-1", "gate-2", "gate-3"), l.groups("gate-1", "gate-9", "gate-3")
	against := " the gateway has signed two heads of group 1, the other is in "
	end := ": that is proof against the gateway"
	p, q := l.proof("p", said[1]), l.proof("q", other[1])
	whole, forged := l.export("whole", said, 0), l.export("forged", other, 0)
	first, begin := l.export("first", said[:1], 0), l.export("begin", said[:2], 0)
	middle, forgedMiddle := l.export("middle", said, 1), l.export("forged-middle", other, 1)
	text, err := os.ReadFile(begin)
	l.must(err)
	cut := l.file("cut", text[:len(text)-1])
	rest, forgedRest := l.export("rest", said, 2), l.export("forged-rest", other, 2)
	for name, c := range map[string]struct {
		files []string
		want  []string
	}{
		"a proof beside its own log":            {[]string{whole, p}, nil},
		"a proof beside another log":            {[]string{forged, p}, []string{"forged 3 1" + against + "p" + end}},
		"the same, named the other way":         {[]string{p, forged}, []string{"forged 3 1" + against + "p" + end}},
		"two proofs":                            {[]string{p, q}, []string{"q 0 1" + against + "p" + end}},
		"an export that goes on":                {[]string{begin, rest}, nil},
		"an export that goes on from others":    {[]string{begin, forgedRest}, []string{"forged-rest 2 2 it does not follow the head before it"}},
		"an export that leaves a gap":           {[]string{first, rest}, []string{"rest 1 0 it does not go on from first: the export begins with group 2, which does not come directly after group 0"}},
		"one that overlaps, from the beginning": {[]string{begin, whole}, nil},
		"one that overlaps, from midway":        {[]string{begin, middle}, nil},
		"two of the same":                       {[]string{whole, whole}, nil},
		"two from the beginning, of two logs":   {[]string{begin, forged}, []string{"forged 3 1" + against + "begin" + end}},
		"the same beside a proof":               {[]string{begin, p, forged}, []string{"forged 3 1" + against + "p" + end}},
		"two from midway, of two logs":          {[]string{begin, forgedMiddle}, []string{"forged-middle 2 1" + against + "begin" + end}},
		"one that ends before the other":        {[]string{whole, first}, []string{"first 1 0 it does not go on from whole: it ends before group 2, which the other has: name it first"}},
		"one that goes on from a faulty one":    {[]string{cut, rest}, []string{"cut 3 1 the line has no end: the export was cut off", "cut 4 1 the export ends where it should go on to group 1"}},
		"one that begins midway, alone":         {[]string{rest}, nil},
	} {
		if diff := cmp.Diff(c.want, l.faults(c.files...)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestOfManyFaultsTheFirstOnesAreTold(t *testing.T) {
	l := newTwoFaced(t)
	data, err := os.ReadFile(l.export("a", l.groups("gate-1"), 0))
	l.must(err)
	head, _, _ := bytes.Cut(data, []byte("\n"))
	spoilt := append(head, "\n"+strings.Repeat("{}\n", 30)...)
	f := &checkedFile{File: l.file("b", spoilt), Holds: true}
	c := newChecker(proof.KeysOf(l.key.Public()))
	l.must(c.export(t.Context(), f, func(int64) {}))
	if f.Holds || len(f.Faults) != maxFaults || f.More != 31-maxFaults || f.Faults[0].Line != 2 {
		t.Errorf("%d faults and %d more, the first %+v", len(f.Faults), f.More, f.Faults[0])
	}
}

func TestAnAnswerIsKnownInAnyFormInWhichItIsKept(t *testing.T) {
	v := panels["pass"]
	v.Evidence = &standard.Evidence{Log: "node-1", Entry: v.ID}
	v.Decision.Reason.En = `<a> & "b"`
	sent, err := v.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	entry := &proof.Entry{Answer: sm.Sum(sent)}
	var shown bytes.Buffer
	if err := printJSON(&shown, v); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"as sent":      string(sent),
		"with its end": string(sent) + "\n",
		"the body":     `{"code":"0","message":"ok","data":` + string(sent) + `,"requestId":"x"}`,
		"as shown":     shown.String(),
	} {
		if !isAnswer(entry, []byte(text)) {
			t.Errorf("%s: not known", name)
		}
	}
	for name, text := range map[string]string{"nothing": "", "no JSON": "x", "another": strings.Replace(string(sent), "00", "10", 1), "null": "null", "no data": `{"data":null}`} {
		if isAnswer(entry, []byte(text)) {
			t.Errorf("%s: taken for it", name)
		}
	}
}

func TestAProofOfSomethingElseIsNone(t *testing.T) {
	l := newTwoFaced(t)
	groups := l.groups("gate-1", "gate-2")
	p, err := groups[0].Prove(0)
	l.must(err)
	keys := proof.KeysOf(l.key.Public())
	if got, err := checkProof(p, keys, "01FS1Z60000000000000000000"); err != nil || got.Entry.Party != "gate-1" {
		t.Errorf("its own: %v", err)
	}
	if _, err := checkProof(p, keys, "01FS1Z60000000000000000001"); err == nil {
		t.Error("it passes for that of another entry")
	}
	if _, err := checkProof(p, proof.KeysOf(newTwoFaced(t).key.Public()), "01FS1Z60000000000000000000"); err == nil {
		t.Error("it passes for that of another gateway")
	}
}

func TestAnExportIsNoProofWhateverItsLogIsCalled(t *testing.T) {
	l := newTwoFaced(t)
	name := l.file("a", fmt.Appendf(nil, `{"format":%q,"log":"path","from":0,"to":0}`+"\n", proof.Format))
	if told := l.faults(name); told != nil {
		t.Errorf("it is taken for something else: %v", told)
	}
}
