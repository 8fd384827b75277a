package evidence

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"tongma/gateway/store"
	"tongma/gateway/store/storetest"
	"tongma/standard/proof"
)

// TestAReaderExportsBesideTheNodeThatWrites opens the store a second time, as another process does.
func TestAReaderExportsBesideTheNodeThatWrites(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		l := open(t, config(t, storetest.Open(t, url), "node-1"))
		addMany(t, l, 50)
		ctx := context.Background()
		s, err := store.OpenAsIs(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		r := NewReader(s)
		logs, err := r.Logs(ctx)
		if err != nil || len(logs) != 1 || logs["node-1"] == 0 {
			t.Fatalf("logs %v, %v", logs, err)
		}
		what, err := r.Between(ctx, "node-1", time.UnixMilli(0), time.Now().Add(time.Hour))
		if err != nil || what != (Range{0, logs["node-1"]}) {
			t.Errorf("%v of %v, %v", what, logs, err)
		}
		var out bytes.Buffer
		if err := r.Export(ctx, &out, "node-1", what); err != nil {
			t.Fatal(err)
		}
		in, err := proof.NewReader(&out, proof.KeysOf(signer.Public()))
		if err != nil {
			t.Fatal(err)
		}
		entries := 0
		for {
			b, err := in.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			entries += len(b.Entries)
		}
		if entries != 50 {
			t.Errorf("%d entries", entries)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		add(t, l, person(1)) // the node has noticed nothing
		if l.Ready() != nil {
			t.Error(l.Ready())
		}
	})
}
