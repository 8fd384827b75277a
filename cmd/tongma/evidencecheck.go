package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
)

// checkReport is what evidence verify tells.
type checkReport struct {
	Holds bool           `json:"holds"`
	Files []*checkedFile `json:"files"`
}

// checkedFile is what has become of one file.
type checkedFile struct {
	File   string         `json:"file"`
	Holds  bool           `json:"holds"`
	Proof  *checkedProof  `json:"proof,omitempty"`
	Export *checkedExport `json:"export,omitempty"`
	Faults []fault        `json:"faults,omitempty"` // the first ones
	More   int            `json:"moreFaults,omitempty"`
}

// fault is what is wrong in a file. Line is 0 where it is no export.
type fault struct {
	Line  int    `json:"line,omitempty"`
	Group uint64 `json:"group"`
	Error string `json:"error"`
}

type checkedProof struct {
	Entry  *shownEntry `json:"entry"`
	Log    string      `json:"log"`
	Group  uint64      `json:"group"`
	Number uint32      `json:"number"` // in its group, from 0
	Of     uint32      `json:"of"`
	Signed time.Time   `json:"signed"`
	Key    string      `json:"key"`
	Head   string      `json:"head"`               // SM3
	Answer *bool       `json:"isAnswer,omitempty"` // whether that of --answer is the one
	In     string      `json:"in,omitempty"`       // the export that has its group, too

	entry *proof.Entry
}

type checkedExport struct {
	Log      string    `json:"log"`
	From     uint64    `json:"from"` // the first group
	To       uint64    `json:"to"`   // the one after the last
	Groups   uint64    `json:"groups"`
	Entries  uint64    `json:"entries"`
	Hashes   uint64    `json:"hashesOnly"` // entries that were given up
	Begin    time.Time `json:"begin,omitzero"`
	End      time.Time `json:"end,omitzero"`
	Keys     []string  `json:"keys"`
	LastHead string    `json:"lastHead,omitempty"`    // SM3
	Follows  string    `json:"follows,omitempty"`     // the file before it, from which it goes on
	Given    bool      `json:"beginsMidway,omitzero"` // what its first group says of those before is taken as given
}

// maxFaults is how many faults of a file are told one by one.
const maxFaults = 10

func (f *checkedFile) fault(at fault) {
	f.Holds = false
	if len(f.Faults) == maxFaults {
		f.More++
		return
	}
	f.Faults = append(f.Faults, at)
}

// headPlace names a head.
type headPlace struct {
	log   string
	group uint64
}

// headSeen is a head that stands in a proof, or ends an export.
type headSeen struct {
	head []byte
	by   *checkedFile
}

// checker checks files, and each against the others.
type checker struct {
	keys    proof.Keys
	answer  []byte
	heads   map[headPlace]headSeen
	ends    map[string]headEnd // of each log the last head of the last export
	entries *json.Encoder      // where entries are listed; nil: nowhere
}

// headEnd is the last head of an export that holds.
type headEnd struct {
	group uint64
	headSeen
}

func newChecker(keys proof.Keys) *checker {
	return &checker{keys: keys, heads: map[headPlace]headSeen{}, ends: map[string]headEnd{}}
}

// listed is an entry as it is listed.
type listed struct {
	Log    string `json:"log"`
	Group  uint64 `json:"group"`
	Number int    `json:"number"`
	*shownEntry
}

func (c *checker) list(b *proof.Block) error {
	if c.entries == nil {
		return nil
	}
	for i := range b.Entries {
		if err := c.entries.Encode(listed{b.Head.Log, b.Head.Group, i, showEntry(&b.Entries[i])}); err != nil {
			return fail(err, "")
		}
	}
	return nil
}

// check looks at proofs first, so that exports can be compared with them.
func (c *checker) check(ctx context.Context, names []string, begin func(size int64) (add func(int64), done func())) (*checkReport, error) {
	report := &checkReport{Holds: true}
	var exports []*checkedFile
	proofs, size := 0, int64(0)
	for _, name := range names {
		f := &checkedFile{File: name, Holds: true}
		report.Files = append(report.Files, f)
		data, length, err := readProofFile(name)
		switch {
		case err != nil:
			return nil, fail(err, "name the files of proofs and exports")
		case data == nil:
			exports = append(exports, f)
			size += length
		default:
			proofs++
			c.proof(f, data)
		}
	}
	if c.answer != nil && (proofs != 1 || len(exports) > 0) {
		return nil, misuse("an answer belongs to one proof", "--answer is for one FILE, a proof")
	}
	add, done := begin(size)
	for _, f := range exports {
		if err := c.export(ctx, f, add); err != nil {
			done()
			return nil, err
		}
	}
	done()
	for _, f := range report.Files {
		report.Holds = report.Holds && f.Holds
	}
	return report, nil
}

// maxProofFile is more than the file of a proof has, with whatever an answer has around it.
const maxProofFile = 64 << 10

// readProofFile gives the text of a proof, nil if the file is something else, and the file's size.
func readProofFile(name string) (data []byte, size int64, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a file", name)
	}
	if info.Size() > maxProofFile {
		return nil, info.Size(), nil
	}
	data, err = io.ReadAll(io.LimitReader(file, maxProofFile))
	if err != nil || !bytes.Contains(data, []byte(`"path"`)) || bytes.Contains(data, []byte(proof.Format)) {
		return nil, info.Size(), err // a log, too, may be called path
	}
	return data, info.Size(), nil
}

// proof checks a proof: as it is, or as the data of an answer.
func (c *checker) proof(f *checkedFile, data []byte) {
	p, err := proof.ParseProof(data)
	if err != nil {
		if inner := dataOf(data); inner != nil {
			p, err = proof.ParseProof(inner)
		}
	}
	if err != nil {
		f.fault(fault{Error: err.Error()})
		return
	}
	entry, head, err := p.Verify(c.keys)
	if err != nil {
		f.fault(fault{Error: err.Error()})
		return
	}
	f.Proof = showProof(p, entry, head)
	if c.answer != nil {
		is := isAnswer(entry, c.answer)
		f.Proof.Answer = &is
		if !is {
			f.fault(fault{Error: "the answer is not the one that was given: its SM3 is not that of the entry"})
		}
	}
	at := headPlace{head.Log, head.Group}
	if other, ok := c.heads[at]; ok && !bytes.Equal(other.head, p.Head) {
		f.fault(fault{Group: head.Group, Error: twoHeads(head.Group, other.by.File)})
		return
	}
	c.heads[at] = headSeen{p.Head, f}
}

func twoHeads(group uint64, file string) string {
	return fmt.Sprintf("the gateway has signed two heads of group %d, the other is in %s: that is proof against the gateway", group, file)
}

// dataOf is the data of an answer's body, nil if it has none.
func dataOf(body []byte) []byte {
	var answer struct {
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil
	}
	return answer.Data
}

// isAnswer says whether text is the answer of an entry, or has it as its data. Because its SM3 decides, it does no harm to try what a text may have
// been before somebody set it out for people.
func isAnswer(e *proof.Entry, text []byte) bool {
	for _, t := range [][]byte{bytes.TrimSpace(text), dataOf(text)} {
		if t == nil {
			continue
		}
		if e.IsAnswer(t) {
			return true
		}
		v := new(standard.Verification)
		if json.Unmarshal(t, v) != nil {
			continue
		}
		if again, err := v.AppendJSON(nil); err == nil && e.IsAnswer(again) {
			return true
		}
	}
	return false
}

// counted is a reader that tells how much was read.
type counted struct {
	io.Reader
	add func(int64)
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.add(int64(n))
	return n, err
}

// export checks an export. The error is one of reading, which says nothing of the evidence.
func (c *checker) export(ctx context.Context, f *checkedFile, add func(int64)) error {
	file, err := os.Open(f.File)
	if err != nil {
		return fail(err, "")
	}
	defer file.Close()
	r, err := proof.NewReader(counted{file, add}, c.keys)
	if err != nil {
		return f.took(err)
	}
	e := &checkedExport{Log: r.Header.Log, From: r.Header.From, To: r.Header.To}
	f.Export = e
	e.Given = e.From > 0
	if end, ok := c.ends[e.Log]; ok {
		e.Follows, e.Given = end.by.File, false
		if err := end.follow(r); err != nil {
			f.fault(fault{Line: 1, Error: fmt.Sprintf("it does not go on from %s: %v", e.Follows, err)})
		}
	}
	var head []byte
	for {
		b, err := r.Next()
		if ctx.Err() != nil {
			return fail(errors.New("stopped before the end: nothing was found out"), "")
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if err := f.took(err); err != nil {
				return err
			}
			continue
		}
		e.take(b)
		head = append(head[:0], b.Group.Head...)
		c.compare(f, b)
		if err := c.list(b); err != nil {
			return err
		}
	}
	delete(c.ends, e.Log)
	if !f.Holds {
		e.Follows = ""
	}
	if head == nil {
		return nil
	}
	sum := sm.Sum(head)
	e.LastHead = hex.EncodeToString(sum[:])
	if f.Holds {
		c.end(headEnd{e.To - 1, headSeen{head, f}}, e.Log)
	}
	return nil
}

// follow has r be compared with the end before it: either it begins directly behind that, or it has that head, too, which stands for all before it; see
// [checker.compare].
func (e headEnd) follow(r *proof.Reader) error {
	switch {
	case r.Header.From > e.group:
		return r.After(e.head)
	case r.Header.To <= e.group:
		return fmt.Errorf("it ends before group %d, which the other has: name it first", e.group)
	}
	return nil
}

// end keeps how an export ends, for the next one of its log. A proof of that group, which then has the same head, stays.
func (c *checker) end(end headEnd, log string) {
	c.ends[log] = end
	at := headPlace{log, end.group}
	if _, ok := c.heads[at]; !ok {
		c.heads[at] = end.headSeen
	}
}

// took tells what is wrong; an error of reading it gives back.
func (f *checkedFile) took(err error) error {
	wrong, ok := errors.AsType[*proof.Fault](err)
	if !ok {
		return fail(fmt.Errorf("%s: %w", f.File, err), "")
	}
	f.fault(fault{Line: wrong.Line, Group: wrong.Group, Error: wrong.Err.Error()})
	return nil
}

// take counts a group that holds.
func (e *checkedExport) take(b *proof.Block) {
	e.Groups++
	e.Entries += uint64(len(b.Entries))
	e.Hashes += uint64(b.Head.Count) - uint64(len(b.Entries))
	if e.Begin.IsZero() {
		e.Begin = b.Head.At
	}
	e.End = b.Head.At
	if !slices.Contains(e.Keys, b.Head.Key) {
		e.Keys = append(e.Keys, b.Head.Key)
	}
}

// compare looks whether a proof, or the end of an earlier export, has the same head.
func (c *checker) compare(f *checkedFile, b *proof.Block) {
	if len(c.heads) == 0 {
		return
	}
	seen, ok := c.heads[headPlace{b.Head.Log, b.Head.Group}]
	switch {
	case !ok:
	case !bytes.Equal(seen.head, b.Group.Head):
		f.fault(fault{Line: int(b.Head.Group-f.Export.From) + 2, Group: b.Head.Group, Error: twoHeads(b.Head.Group, seen.by.File)})
	case seen.by.Proof != nil:
		seen.by.Proof.In = f.File
	}
}
