package proof

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Format is what an export says that it is.
const Format = "tongma/1 evidence export"

// Header is the first line of an export.
type Header struct {
	Format   string   `json:"format"` // [Format]; [NewWriter] enters it
	Log      string   `json:"log"`
	From     uint64   `json:"from"`               // the first group
	To       uint64   `json:"to"`                 // the one after the last
	Frontier [][]byte `json:"frontier,omitempty"` // of the history of the groups before; [NewWriter] enters it
}

// Writer writes an export: a header and the groups in their order. Nothing of it is checked but that it is whole: reading it does that.
type Writer struct {
	w    *bufio.Writer
	next uint64
	to   uint64
	line []byte
}

// NewWriter writes the header. Before is the history of the groups before From; nil, where From is 0.
func NewWriter(w io.Writer, h Header, before *History) (*Writer, error) {
	h.Format = Format
	if before != nil {
		h.Frontier = before.frontier()
	}
	if h.From > 0 && (before == nil || before.Size() != h.From) {
		return nil, fmt.Errorf("export from group %d: give the history of the %d before", h.From, h.From)
	}
	line, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if _, err := out.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	return &Writer{w: out, next: h.From, to: h.To}, nil
}

// Write writes the next group.
func (w *Writer) Write(g *Group) error {
	h, err := ParseHead(g.Head)
	switch {
	case err != nil:
		return err
	case h.Group != w.next || h.Group >= w.to:
		return fmt.Errorf("export: group %d comes where group %d should, of all before %d", h.Group, w.next, w.to)
	}
	w.next++
	w.line = appendMember(append(w.line[:0], '{'), "head", g.Head)
	w.line = appendMember(append(w.line, ','), "sign", g.Sign)
	switch {
	case len(g.Entries) > 0:
		w.line = appendMember(append(w.line, ','), "entries", g.Entries)
	default:
		w.line = appendMember(append(w.line, ','), "leaves", g.Leaves)
	}
	w.line = append(w.line, "}\n"...)
	_, err = w.w.Write(w.line)
	return err
}

func appendMember(dst []byte, name string, value []byte) []byte {
	dst = append(append(append(dst, '"'), name...), `":"`...)
	return append(base64.StdEncoding.AppendEncode(dst, value), '"')
}

// Close writes what is still in memory. An export that has not all its groups is an error.
func (w *Writer) Close() error {
	if err := w.w.Flush(); err != nil {
		return err
	}
	if w.next != w.to {
		return errors.New("export: it ends too early")
	}
	return nil
}
