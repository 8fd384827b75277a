package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
)

func evidenceVerifyCommand() *cobra.Command {
	var keys []string
	var answer, lang string
	var asJSON, list bool
	cmd := &cobra.Command{
		Use:   "verify FILE... --key GATEWAY.pem",
		Short: "Check proofs and exports, without any gateway",
		Long: `Checks each FILE, a proof or an export, with the gateway's public key and nothing else. --key may be given more than once, for a gateway that has
changed its key.

Of a proof it shows what was said, by whom it was asked and when. With --answer it also compares the answer that you have: the body as it was
received, the text of its "data", or what ` + "`tongma verify --json`" + ` has printed.

Of an export it checks every entry, every signature and that each group follows the one before it, and says with line and group where something
does not. Exports of one log are taken to follow each other in the order in which they are named: a later one must go on where the one
before it has ended. A proof that is named beside an export of its log must agree with it: two signed heads of one number would be
proof against the gateway itself.

With --entries it also prints what stands in exports, a line of JSON for each entry of a group that holds; what became of the files is told on standard
error then.

What it cannot show: what came after the end of an export, and, if it does not begin with group 0, what came before.

EXIT STATUS
  0   all of it holds
  1   something does not, or a file cannot be read
  2   the command line cannot be meant`,
		Example: `  tongma evidence verify proof.json --key gateway.pub.pem
  tongma evidence verify proof.json --key gateway.pub.pem --answer answer.json
  tongma evidence verify 2022-01.export 2022-02.export proof.json --key gateway.pub.pem --json | jq .holds
  tongma evidence verify 2022-01.export --key gateway.pub.pem --entries | jq 'select(.action == "deny")'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("evidence verify needs FILE")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := checkLang(lang); err != nil {
				return err
			}
			trusted, err := gatewayKeys(keys)
			if err != nil {
				return err
			}
			c := &checker{keys: trusted, heads: map[headPlace]headSeen{}, ends: map[string][]byte{}, last: map[string]string{}}
			if answer != "" {
				if c.answer, err = os.ReadFile(answer); err != nil {
					return misuse("--answer names the file with the answer", "%w", err)
				}
			}
			add := func(size int64) (func(int64), func()) {
				return advance(cmd.ErrOrStderr(), size, say(standard.Text{Zh: "核对中", En: "checking"}, lang))
			}
			out := cmd.OutOrStdout()
			if list {
				lines := bufio.NewWriter(out)
				defer lines.Flush()
				c.entries, out = json.NewEncoder(lines), cmd.ErrOrStderr()
				c.entries.SetEscapeHTML(false)
			}
			report, err := c.check(cmd.Context(), files, add)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(out, report)
			} else {
				p := evidencePage{out, lang, wantsColour(out)}
				for _, f := range report.Files {
					p.checked(f)
				}
			}
			if err == nil && !report.Holds {
				return errFindings
			}
			return err
		},
	}
	cmd.Flags().StringArrayVar(&keys, "key", nil, "the gateway's public key, a PEM `FILE`")
	cmd.Flags().StringVar(&answer, "answer", "", "the answer that a proof is of, a `FILE`")
	cmd.Flags().BoolVar(&list, "entries", false, "print the entries of exports, each on a line of JSON")
	langFlag(cmd, &lang)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

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
	Follows  string    `json:"follows,omitempty"`     // the file before it, which it was compared with
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

// headSeen is a head that stands in a proof.
type headSeen struct {
	head []byte
	by   *checkedFile
}

// checker checks files, and each against the others.
type checker struct {
	keys    proof.Keys
	answer  []byte
	heads   map[headPlace]headSeen
	ends    map[string][]byte // of each log the last head of the last export
	last    map[string]string // and its file
	entries *json.Encoder     // where entries are listed; nil: nowhere
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
	if err != nil || !bytes.Contains(data, []byte(`"path"`)) {
		return nil, info.Size(), err
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
	if head := c.ends[e.Log]; head != nil && e.Given {
		e.Follows, e.Given = c.last[e.Log], false
		if err := r.After(head); err != nil {
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
	if head == nil {
		return nil
	}
	sum := sm.Sum(head)
	e.LastHead = hex.EncodeToString(sum[:])
	if f.Holds {
		c.ends[e.Log], c.last[e.Log] = head, f.File
	}
	return nil
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

// compare looks whether a proof has the same head.
func (c *checker) compare(f *checkedFile, b *proof.Block) {
	if len(c.heads) == 0 {
		return
	}
	seen, ok := c.heads[headPlace{b.Head.Log, b.Head.Group}]
	switch {
	case !ok:
	case bytes.Equal(seen.head, b.Group.Head):
		seen.by.Proof.In = f.File
	default:
		f.fault(fault{Line: int(b.Head.Group-f.Export.From) + 2, Group: b.Head.Group, Error: twoHeads(b.Head.Group, seen.by.File)})
	}
}

// checked tells what has become of a file.
func (p evidencePage) checked(f *checkedFile) {
	if f.Holds {
		p.verdict(true, "成立  "+tame(f.File), "it holds  "+tame(f.File))
	} else {
		p.verdict(false, "不成立  "+tame(f.File), "it does not hold  "+tame(f.File))
	}
	for _, wrong := range f.Faults {
		where := ""
		switch {
		case wrong.Line == 1:
			where = p.say("第1行：", "line 1: ")
		case wrong.Line > 1:
			where = fmt.Sprintf(p.say("第%d行，第%d组：", "line %d, group %d: "), wrong.Line, wrong.Group)
		}
		fmt.Fprintln(p.w, "  "+where+tame(wrong.Error))
	}
	if f.More > 0 {
		fmt.Fprintf(p.w, p.say("  另有 %d 处\n", "  and %d more\n"), f.More)
	}
	switch {
	case f.Proof != nil:
		p.proof(f.Proof)
	case f.Export != nil && f.Export.Groups > 0:
		p.export(f.Export)
	}
}

func (p evidencePage) proof(c *checkedProof) {
	rows := append(p.entry(c.entry),
		labelled{"所在", "place", fmt.Sprintf(p.say("日志 %s，第 %d 组，第 %d 条，共 %d 条", "log %s, group %d, entry %d of %d"), c.Log, c.Group, c.Number+1, c.Of)},
		labelled{"签名", "signed", join("  ", moment(c.Signed), p.say("密钥 ", "by key ")+c.Key)})
	if c.Answer != nil && *c.Answer {
		rows = append(rows, labelled{"应答", "answer", p.say("与所给应答一致", "it is the one that you have")})
	}
	if c.In != "" {
		rows = append(rows, labelled{"另见", "agrees with", c.In})
	}
	p.rows(rows)
}

func (p evidencePage) export(e *checkedExport) {
	entries := digits(float64(e.Entries))
	if e.Hashes > 0 {
		entries += fmt.Sprintf(p.say("；另有 %s 条仅存哈希", ", and of %s more their hashes, because they were given up"), digits(float64(e.Hashes)))
	}
	groups := fmt.Sprintf(p.say("第 %d 至 %d 组", "%d to %d"), e.From, e.To-1)
	if all := e.To - e.From; e.Groups < all {
		groups += fmt.Sprintf(p.say("，其中仅 %s 组成立", ", of which %s hold"), digits(float64(e.Groups)))
	}
	before := ""
	switch {
	case e.Follows != "":
		before = fmt.Sprintf(p.say("接续 %s", "it goes on from %s"), e.Follows)
	case e.Given:
		before = fmt.Sprintf(p.say("第 %d 组之前的内容未核对：请把较早的导出文件放在它前面", "what came before group %d is not checked: name the earlier export before this one"), e.From)
	}
	p.rows([]labelled{
		{"日志", "log", e.Log},
		{"分组", "groups", groups},
		{"条目", "entries", entries},
		{"时间", "written", clock(e.Begin) + p.say(" 至 ", " to ") + clock(e.End)},
		{"密钥", "signed by", strings.Join(e.Keys, ", ")},
		{"末组头SM3", "last head", e.LastHead},
		{"之前", "before it", before},
	})
}
