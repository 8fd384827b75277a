package evidence

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"tongma/standard/proof"
)

// exportAtOnce is how many groups are read in one go: an export that is taken away slowly keeps no transaction open.
const exportAtOnce = 16

// Export writes groups of a log, as package proof reads them. A range that ends beyond the log ends with it; To 0 is the whole rest. It holds a few groups in
// memory, however long it is. An error may come after much has been written: what was written is then not a whole export, and says so, unless the error is
// an [*Odd].
func (l *Log) Export(ctx context.Context, w io.Writer, log string, what Range) error {
	size, err := l.size(ctx, log)
	if err != nil {
		return err
	}
	if what.To == 0 || what.To > size {
		what.To = size
	}
	if what.From >= what.To {
		return fmt.Errorf("log %s has %d groups: %w", log, size, ErrNotFound)
	}
	before, err := proof.OpenHistory(ctx, what.From, rowsOf(l.store.Read, log))
	if err != nil {
		return err
	}
	out, err := proof.NewWriter(w, proof.Header{Log: log, From: what.From, To: what.To}, before)
	if err != nil {
		return err
	}
	var first *Odd
	for seq := what.From; seq < what.To; seq += exportAtOnce {
		rows, err := readRows(ctx, l.store.Read, "SELECT "+columns+" FROM groups WHERE log = $1 AND seq >= $2 AND seq < $3 ORDER BY seq",
			log, seq, min(seq+exportAtOnce, what.To))
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := out.Write(r.group()); err != nil {
				return fmt.Errorf("log %s, group %d: %w", log, r.seq, err)
			}
			if odd := r.odd(before.Add(r.head)); odd != "" && first == nil {
				first = &Odd{log, r.seq, odd}
			}
		}
	}
	if err := out.Close(); err != nil || first == nil {
		return err
	}
	return first
}

// Odd is the error of [Log.Export] for an export that is whole although a row is not as it was written: a column that only helps to find the group does not
// say what its head does. No proof rests on it, and verifying the export does not show it.
type Odd struct {
	Log    string
	Group  uint64
	Column string
}

func (o *Odd) Error() string {
	return fmt.Sprintf("log %s, group %d: its column %s is not as its head says: somebody has changed the store", o.Log, o.Group, o.Column)
}

// odd names the first column that is not as the head says, which closes this subtree; "" if there is none.
func (r *row) odd(subtree proof.Digest) string {
	h, err := proof.ParseHead(r.head)
	switch {
	case err != nil:
		return "head"
	case r.first != h.First:
		return "first"
	case r.count != h.Count:
		return "count"
	case !r.at.Equal(h.At):
		return "at"
	case !bytes.Equal(r.subtree, subtree[:]):
		return "subtree"
	case len(r.entries) > 0 && len(r.leaves) > 0:
		return "leaves"
	}
	return ""
}
