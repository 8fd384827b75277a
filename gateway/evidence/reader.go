package evidence

import (
	"context"
	"io"
	"time"

	"tongma/gateway/store"
)

// Reader reads the logs of a store beside the nodes that write them, for tools. It takes no lease, changes nothing and needs no secret. Its methods are
// those of [Log].
type Reader struct{ log Log }

// NewReader reads a store that stays the caller's to close.
func NewReader(s *store.Store) *Reader { return &Reader{Log{store: s}} }

// Logs gives the logs of the store, and how many groups each has.
func (r *Reader) Logs(ctx context.Context) (map[string]uint64, error) { return r.log.Logs(ctx) }

// Between gives the groups of a log that were made at or after one time and before another.
func (r *Reader) Between(ctx context.Context, log string, from, to time.Time) (Range, error) {
	return r.log.Between(ctx, log, from, to)
}

// Export writes groups of a log, as package proof reads them.
func (r *Reader) Export(ctx context.Context, w io.Writer, log string, what Range) error {
	return r.log.Export(ctx, w, log, what)
}
