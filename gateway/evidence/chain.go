package evidence

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"

	"tongma/standard"
	"tongma/standard/proof"
)

// makeRow makes the row of a group. The chain is then behind it: if it cannot be stored for good, the chain is to be loaded again.
func (l *Log) makeRow(g *group) (*row, error) {
	h := l.chain.Head(proof.Leaves(g.entries), standard.Millis(l.config.Now()), l.config.Key.Public().ID())
	r := &row{log: h.Log, seq: h.Group, first: h.First, count: h.Count, at: h.At, requests: g.requests}
	var err error
	if r.head, err = proof.AppendHead(nil, &h); err != nil {
		return nil, err
	}
	if r.sign, err = l.config.Key.Sign(proof.SignText(r.head)); err != nil {
		return nil, err
	}
	r.entries = make([]byte, 0, framed(g.entries))
	for _, e := range g.entries {
		r.entries = proof.AppendFramed(r.entries, e)
	}
	subtree, err := l.chain.Add(r.head)
	r.subtree = subtree[:]
	return r, err
}

// framed is how many bytes the entries of a group take at most.
func framed(entries [][]byte) int {
	n := len(entries) * binary.MaxVarintLen16
	for _, e := range entries {
		n += len(e)
	}
	return n
}

// loadChain reads where the log goes on: its last row, and a few that hold the trees before it. It is ErrEnded where the store has fewer groups than this
// node knows of.
func (l *Log) loadChain(ctx context.Context) error {
	known := max(l.groups.Load(), l.lease.mine.marked())
	last, err := lastRow(ctx, l.store.Write, l.config.Name)
	if errors.Is(err, sql.ErrNoRows) && known > 0 {
		return ErrEnded
	}
	if errors.Is(err, sql.ErrNoRows) {
		l.chain, l.length = proof.NewChain(l.config.Name), 0
		return nil
	}
	if err != nil {
		return err
	}
	h, err := proof.ParseHead(last.head)
	if err != nil || h.Group != last.seq || h.Log != l.config.Name {
		return fmt.Errorf("row %d is damaged, nothing can follow it: restore the store", last.seq)
	}
	if err := l.checkLast(last); err != nil {
		return err
	}
	if h.Group+1 < known {
		return ErrEnded
	}
	chain, err := proof.OpenChain(ctx, last.head, rowsOf(l.store.Write, l.config.Name))
	if errors.Is(err, sql.ErrNoRows) { // the store went back while this node went on
		return fmt.Errorf("%w (%w)", ErrEnded, err)
	}
	if err != nil {
		return err
	}
	l.chain, l.length = chain, h.First+uint64(h.Count)
	l.groups.Store(h.Group + 1)
	return nil
}

// rowsOf reads what is stored of the tree of a log's heads.
func rowsOf(db *sql.DB, log string) proof.Rows {
	return func(ctx context.Context, groups []uint64) ([]proof.Row, error) {
		rows := make([]proof.Row, 0, len(groups))
		for _, seq := range groups {
			var head, subtree []byte
			err := db.QueryRowContext(ctx, "SELECT head, subtree FROM groups WHERE log = $1 AND seq = $2", log, seq).Scan(&head, &subtree)
			if err != nil {
				return nil, fmt.Errorf("row %d: %w", seq, err)
			}
			if len(subtree) != len(proof.Digest{}) {
				return nil, fmt.Errorf("row %d is damaged", seq)
			}
			rows = append(rows, proof.Row{Leaf: proof.Leaf(head), Subtree: proof.Digest(subtree)})
		}
		return rows, nil
	}
}
