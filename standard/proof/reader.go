package proof

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"

	"tongma/standard/sm"
	"tongma/standard/wire"
)

// maxLine is more than the longest line of an export can have.
const maxLine = 4*(MaxEntries*(MaxEntry+2))/3 + 4096

// Fault is something in an export that is not as it was written, with its place.
type Fault struct {
	Line  int    // of the export, from 1
	Group uint64 // number of the group that stands there; if that cannot be read, of the one that should
	Err   error  // what is wrong
}

func (f *Fault) Error() string {
	if f.Line == 1 {
		return fmt.Sprintf("line 1: %v", f.Err)
	}
	return fmt.Sprintf("line %d, group %d: %v", f.Line, f.Group, f.Err)
}

// Unwrap gives what is wrong.
func (f *Fault) Unwrap() error { return f.Err }

// Block is one group of an export that was read and verified.
type Block struct {
	Head    Head
	Group   Group
	Entries []Entry // none where the export has their leaves alone
}

// Reader reads an export and verifies it on the way. It keeps one group in memory, at most 20 MiB of text and what is made of it.
type Reader struct {
	Header Header

	keys  Keys
	in    *bufio.Reader
	long  []byte // a line that is longer than the buffer of in
	line  int
	chain *Chain // where the log stands before the next group; nil before the first line was read
	given bool   // what the next head says of those before it is taken as given
	ended bool   // it was said that groups are missing at the end
	block Block
}

// NewReader reads the header.
func NewReader(r io.Reader, keys Keys) (*Reader, error) {
	e := &Reader{keys: keys, in: bufio.NewReaderSize(r, 256<<10)}
	line, err := e.readLine(64 << 10)
	if errors.Is(err, io.EOF) {
		err = &Fault{1, 0, errShort}
	}
	if err != nil {
		return nil, err
	}
	if err := e.begin(line); err != nil {
		return nil, &Fault{1, 0, err}
	}
	return e, nil
}

func (e *Reader) begin(line []byte) error {
	h := &e.Header
	var read struct { // what is absent or null is not 0
		*Header
		From *uint64 `json:"from"`
		To   *uint64 `json:"to"`
	}
	read.Header = h
	if err := json.Unmarshal(line, &read, strict); err != nil || read.From == nil || read.To == nil {
		return errors.New("this is not the first line of an export")
	}
	h.From, h.To = *read.From, *read.To
	switch {
	case h.Format != Format:
		return fmt.Errorf("it is no %q", Format)
	case !wire.ValidID(h.Log):
		return errors.New("it names no log")
	case h.From > h.To || h.To > maxGroup:
		return errors.New("it has no possible range of groups")
	}
	for _, hash := range h.Frontier {
		if len(hash) != len(Digest{}) {
			return errors.New("each hash of the frontier must have 32 bytes")
		}
	}
	history, err := historyOf(h.From, h.Frontier)
	if err != nil {
		return err
	}
	e.chain = &Chain{log: h.Log, group: h.From, history: history}
	e.given = h.From > 0
	return nil
}

// After demands that the first group follows this head, as it was encoded: the last one of an earlier export, say. Without it, what the first
// group says of those before it is taken as given. Call it before Next.
func (e *Reader) After(head []byte) error {
	h, err := ParseHead(head)
	switch {
	case err != nil:
		return err
	case h.Log != e.Header.Log:
		return fmt.Errorf("that head is of log %s, the export of log %s", h.Log, e.Header.Log)
	case h.Group+1 != e.Header.From:
		return fmt.Errorf("the export begins with group %d, which does not come directly after group %d", e.Header.From, h.Group)
	}
	e.chain.first, e.chain.prev = h.First+uint64(h.Count), sm.Sum(head)
	e.given = false
	return nil
}

// Next reads the next group. What it gives is good until the next call. If the error is a *[Fault], that much is wrong and Next may be called
// again for what comes after it; at the end it is [io.EOF]. Any other error is one of reading.
func (e *Reader) Next() (*Block, error) {
	line, err := e.readLine(maxLine)
	switch {
	case errors.Is(err, io.EOF):
		return nil, e.end()
	case err != nil:
		return nil, err
	}
	b := &e.block
	g := &b.Group
	g.Head, g.Sign, g.Entries, g.Leaves, b.Entries = g.Head[:0], g.Sign[:0], g.Entries[:0], g.Leaves[:0], b.Entries[:0]
	if err := json.Unmarshal(line, g, strict); err != nil {
		return nil, e.fault(errors.New("this is not a group"))
	}
	if b.Head, err = e.keys.Verify(g.Head, g.Sign); err != nil {
		return nil, e.fault(err)
	}
	place, content := e.follow(), e.open()
	switch {
	case place != nil && content != nil:
		return nil, &Fault{e.line, b.Head.Group, fmt.Errorf("%w; %w", place, content)}
	case place != nil:
		return nil, &Fault{e.line, b.Head.Group, place}
	case content != nil:
		return nil, &Fault{e.line, b.Head.Group, content}
	}
	return b, nil
}

// fault is one at this line, where the next group should be.
func (e *Reader) fault(err error) *Fault {
	f := &Fault{Line: e.line, Err: err}
	if e.chain != nil {
		f.Group = e.chain.group
	}
	return f
}

// end says once if groups are missing at the end.
func (e *Reader) end() error {
	if e.ended || e.chain.group >= e.Header.To {
		return io.EOF
	}
	e.ended = true
	return &Fault{e.line + 1, e.chain.group, fmt.Errorf("the export ends where it should go on to group %d", e.Header.To-1)}
}

// follow checks that the head which was read is the next one. If not, the chain goes on behind it all the same, as long as it does not go
// back: then a group that was dropped, or changed, is one fault and not one in every later group. What histories should be is not known
// from there on; that each head follows the one before still is.
func (e *Reader) follow() error {
	h, c := &e.block.Head, e.chain
	if e.given {
		e.given = false
		c.first, c.prev = h.First, h.Prev
	}
	err := c.check(h)
	if err == nil && h.Group >= e.Header.To {
		err = fmt.Errorf("the export should end before group %d", e.Header.To)
	}
	if h.Log != c.log || h.Group < c.group {
		return err
	}
	if err != nil {
		c.history = nil
	}
	c.follow(h, e.block.Group.Head)
	return err
}

// open reads the entries, and compares them with the head.
func (e *Reader) open() error {
	b := &e.block
	entries, leaves, err := b.Group.open()
	switch {
	case err != nil:
		return err
	case len(leaves) != int(b.Head.Count):
		return fmt.Errorf("it has %d entries and should have %d", len(leaves), b.Head.Count)
	case Root(leaves) != b.Head.Root:
		return errors.New("its entries are not those that were signed")
	}
	for i, encoded := range entries {
		entry, err := ParseEntry(encoded)
		if err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		b.Entries = append(b.Entries, entry)
	}
	return nil
}

// readLine reads a line without its end. Bytes behind the last line end are a fault, and so is a line that is too long, behind which nothing is read.
func (e *Reader) readLine(limit int) ([]byte, error) {
	e.long = e.long[:0]
	for {
		part, err := e.in.ReadSlice('\n')
		if err == nil && len(e.long) == 0 && len(part) <= limit {
			e.line++
			return bytes.TrimSuffix(part, []byte{'\n'}), nil
		}
		e.long = append(e.long, part...)
		switch {
		case len(e.long) > limit:
			e.line++
			e.in.Reset(eof{}) // it may have no end
			return nil, e.fault(fmt.Errorf("it has more than %d bytes: this is not an export", limit))
		case err == nil:
			e.line++
			return bytes.TrimSuffix(e.long, []byte{'\n'}), nil
		case errors.Is(err, io.EOF) && len(e.long) > 0:
			e.line++
			return nil, e.fault(errors.New("the line has no end: the export was cut off"))
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// eof has nothing to read.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }
