package evidence

import (
	"context"
	"fmt"
	"io"

	"tongma/standard/proof"
)

// exportAtOnce is how many groups are read in one go: an export that is taken away slowly keeps no transaction open.
const exportAtOnce = 16

// Export writes groups of a log, as package proof reads them. A range that ends beyond the log ends with it; To 0 is the whole rest. It holds a few groups in
// memory, however long it is. An error may come after much has been written: what was written is then not a whole export, and says so.
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
	out, err := l.beginExport(ctx, w, log, what)
	if err != nil {
		return err
	}
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
		}
	}
	return out.Close()
}

func (l *Log) beginExport(ctx context.Context, w io.Writer, log string, what Range) (*proof.Writer, error) {
	before, err := proof.OpenHistory(ctx, what.From, rowsOf(l.store.Read, log))
	if err != nil {
		return nil, err
	}
	return proof.NewWriter(w, proof.Header{Log: log, From: what.From, To: what.To}, before)
}
