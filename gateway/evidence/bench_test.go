package evidence

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tongma/gateway/store"
	"tongma/gateway/store/storetest"
	"tongma/standard/proof"
)

func processTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAppend has 64 callers append, each waiting for its entry: what it costs and how much it takes on disk, index and all.
//
//	go test ./gateway/evidence -run - -bench Append -benchtime 3s
func BenchmarkAppend(b *testing.B) {
	for kind, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		b.Run(kind, func(b *testing.B) {
			at := url(b)
			s := storetest.Open(b, at)
			l := open(b, config(b, s, "node-1"))
			add(b, l, person(0))
			var next atomic.Int64
			var all sync.WaitGroup
			begin, busy := time.Now(), processTime()
			b.ResetTimer()
			for range 64 {
				all.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						if err := l.Append(b.Context(), entry(time.Now()), person(int(n%100000))); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			took := time.Since(begin)
			b.ReportMetric(float64(b.N)/took.Seconds(), "entries/s")
			b.ReportMetric(float64((processTime()-busy).Microseconds())/float64(b.N), "cpu-µs/entry")
			b.StopTimer()
			if err := l.index(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(sizeOf(b, s, at))/float64(b.N+1), "bytes/entry")
			var groups int
			if err := s.Read.QueryRow("SELECT COUNT(*) FROM groups").Scan(&groups); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N+1)/float64(groups), "entries/group")
		})
	}
}

// sizeOf is what the evidence takes on disk.
func sizeOf(b *testing.B, s *store.Store, url string) (size int64) {
	b.Helper()
	if s.Kind == store.Postgres {
		err := s.Read.QueryRow("SELECT pg_total_relation_size('groups') + pg_total_relation_size('pseudonyms')").Scan(&size)
		if err != nil {
			b.Fatal(err)
		}
		return size
	}
	if err := s.Erase(b.Context(), "day_keys"); err != nil { // the write-ahead log is written back
		b.Fatal(err)
	}
	is, err := os.Stat(strings.TrimPrefix(url, "sqlite:"))
	if err != nil {
		b.Fatal(err)
	}
	return is.Size()
}

// BenchmarkOpen opens a log of ten million entries, which it makes first.
func BenchmarkOpen(b *testing.B) {
	const entries = 10_000_000
	for kind, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		b.Run(kind, func(b *testing.B) {
			s := storetest.Open(b, url(b))
			c := config(b, s, "node-1")
			l := open(b, c)
			shut(l)
			fill(b, l, entries)
			for b.Loop() {
				l, err := Open(b.Context(), c)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				shut(l)
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/open")
		})
	}
}

// fill writes groups of the most entries, all alike, as the writer would.
func fill(b *testing.B, l *Log, entries int) {
	b.Helper()
	l.days = newDays(l)
	e := entry(time.Now())
	if err := l.pseudonymise(b.Context(), e, person(1)); err != nil {
		b.Fatal(err)
	}
	encoded, err := proof.AppendEntry(nil, e)
	if err != nil {
		b.Fatal(err)
	}
	if l.insert, err = l.store.Write.Prepare(insertRow); err != nil {
		b.Fatal(err)
	}
	defer l.insert.Close()
	g := &group{}
	for range proof.MaxEntries {
		g.entries = append(g.entries, encoded)
	}
	if _, err := l.store.Write.Exec(fmt.Sprintf("UPDATE logs SET indexed = %d", entries/proof.MaxEntries)); err != nil {
		b.Fatal(err)
	}
	for n := 0; n < entries; n += proof.MaxEntries {
		r, err := l.makeRow(g)
		if err != nil {
			b.Fatal(err)
		}
		if err := l.putRow(b.Context(), r, l.lease.mine.String()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSync is what the disk takes for what one group writes: the bound of everything above.
func BenchmarkSync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 16<<10)
	for b.Loop() {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
	}
}
