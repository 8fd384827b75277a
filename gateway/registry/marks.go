package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// markStep is what a caller's highest accepted time is rounded up to. It bounds how often the file is written (once in
// markStep a caller) and how long a caller with a right clock is refused after a restart.
const markStep = 5 * time.Second

// marks remembers over a restart how far each caller's time had come, because the nonces themselves are kept in memory only. A
// request whose mark is not on disk yet waits until it is; after a start, times at or below the mark are refused. So no
// request that was accepted before a crash is accepted again after it.
//
// All marks stand in one small JSON file that is replaced as a whole. Requests that come while it is being written share the
// next write. A file is for one process at a time: a second one would not see what the first goes on to accept.
type marks struct {
	path  string
	floor map[string]int64 // as found at the start, in ms; never changed

	mu     sync.Mutex
	stored map[string]int64 // ms, on disk
	next   *markBatch       // what the next write will add

	writing sync.Mutex // held by the one that writes
}

// markBatch is a set of marks that reach the disk together. Its result is guarded by marks.writing.
type markBatch struct {
	marks   map[string]int64
	written bool
	err     error
}

// markFile is the file's content. Times are milliseconds since 1970.
type markFile struct {
	Marks map[string]int64 `json:"marks"`
}

// openMarks reads the marks in the file at path, which need not exist yet; its directory must. A file that cannot be read is
// an error, because forgetting it would allow replays.
func openMarks(path string) (*marks, error) {
	var f markFile
	switch data, err := os.ReadFile(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("marks of accepted times: %w", err)
	default:
		if err := json.Unmarshal(data, &f); err != nil {
			return nil, fmt.Errorf("marks of accepted times: %s is damaged (%w): stop the gateway for six minutes, then remove it", path, err)
		}
	}
	m := &marks{path: path, floor: f.Marks, stored: map[string]int64{}}
	maps.Copy(m.stored, f.Marks)
	// Written once at the start, so that a directory that cannot be written is found now and not at the first request.
	if err := m.write(m.stored); err != nil {
		return nil, err
	}
	return m, nil
}

// floorOf gives the time at or below which this process accepts nothing from a caller, the zero time if there is no bound.
func (m *marks) floorOf(caller string) time.Time {
	floor, ok := m.floor[caller]
	if !ok {
		return time.Time{}
	}
	return time.UnixMilli(floor)
}

// raise returns when a mark that covers t is on disk, and gives that mark.
func (m *marks) raise(caller string, t time.Time) (time.Time, error) {
	step := markStep.Milliseconds()
	mark := (t.UnixMilli() + step - 1) / step * step

	m.mu.Lock()
	if stored := m.stored[caller]; stored >= mark {
		m.mu.Unlock()
		return time.UnixMilli(stored), nil
	}
	if m.next == nil {
		m.next = &markBatch{marks: map[string]int64{}}
	}
	b := m.next
	b.marks[caller] = max(b.marks[caller], mark)
	m.mu.Unlock()

	m.writing.Lock()
	defer m.writing.Unlock()
	if !b.written { // nobody of this batch was here before
		m.commit(b)
	}
	return time.UnixMilli(mark), b.err
}

// commit closes the batch and writes it. The caller holds m.writing.
func (m *marks) commit(b *markBatch) {
	m.mu.Lock()
	m.next = nil
	all := maps.Clone(m.stored)
	m.mu.Unlock()

	for caller, mark := range b.marks {
		all[caller] = max(all[caller], mark)
	}
	b.written, b.err = true, m.write(all)
	if b.err != nil {
		return
	}
	m.mu.Lock()
	m.stored = all
	m.mu.Unlock()
}

// write replaces the file and returns when the new one is on disk.
func (m *marks) write(marks map[string]int64) error {
	data, err := json.Marshal(markFile{Marks: marks})
	if err != nil {
		return fmt.Errorf("marks of accepted times: %w", err)
	}
	tmp := m.path + ".new"
	err = writeSynced(tmp, append(data, '\n'))
	if err == nil {
		err = os.Rename(tmp, m.path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(m.path))
	}
	if err != nil {
		return fmt.Errorf("marks of accepted times: %w", err)
	}
	return nil
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
