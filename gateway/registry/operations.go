package registry

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"tongma/gateway/events"
	"tongma/standard/wire"
)

// maxOperation bounds a line of the file, in bytes. The longest that is ever written has less than half of it.
const maxOperation = 4 << 10

// Operations is the record of what operators have done: who, when, what, why. It is a file of JSON lines that only grows, one
// [wire.Operation] each. An operation that is not on disk must not be done, so ask [Operations.Record] first.
//
// It also tells which systems an operator has taken out of service, so that a restart does not put them back. A file is for one process at a time.
// It is safe for concurrent use.
type Operations struct {
	path string
	sync func(*os.File) error

	mu   sync.Mutex
	size int64                     // of the file: whole lines, all on disk
	last []wire.Operation          // at most wire.MaxOperations, the oldest first; the file has all
	held map[string]wire.Operation // by system: what holds, if not auto
}

// OpenOperations reads the record in the file at path, which need not exist yet; its directory must. A last line that a crash has left
// unfinished was never acknowledged: it is cut off, and log is told. Anything else that is no operation is an error, because
// somebody or something has changed the record.
func OpenOperations(path string, log *slog.Logger) (*Operations, error) {
	o := &Operations{path: path, sync: (*os.File).Sync, held: map[string]wire.Operation{}}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("record of operations: %w", err)
	}
	defer f.Close()
	torn, err := o.read(f)
	if err == nil && torn > 0 {
		events.RecordCut.Tell(log, slog.Int("bytes", torn))
		err = errors.Join(f.Truncate(o.size), f.Sync())
	}
	if err == nil {
		err = syncDir(filepath.Dir(path)) // the file may be new
	}
	if err != nil {
		return nil, fmt.Errorf("record of operations: %w", err)
	}
	return o, nil
}

// read takes in all whole lines, and gives how many bytes of an unfinished one follow them.
func (o *Operations) read(f io.Reader) (torn int, err error) {
	lines := bufio.NewReaderSize(f, maxOperation)
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return len(line), nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return 0, err
		}
		op, ok := readOperation(line)
		if !ok {
			return 0, fmt.Errorf("%s, line %d, is no operation: find out who changed it, then mend the line, or move the file away (every system is asked again then)", o.path, number)
		}
		o.size += int64(len(line))
		o.take(op)
	}
}

// readOperation reads one line and says whether it is an operation. Members that a later version may have added are let be.
func readOperation(line []byte) (op wire.Operation, ok bool) {
	err := json.Unmarshal(line, &op)
	return op, err == nil && !op.At.IsZero() && op.By != "" && op.System != "" && slices.Contains(wire.Actions, op.Action)
}

// take notes an operation that is on disk.
func (o *Operations) take(op wire.Operation) {
	if len(o.last) == wire.MaxOperations {
		o.last = slices.Delete(o.last, 0, 1)
	}
	o.last = append(o.last, op)
	switch op.Action {
	case wire.ActionOpen, wire.ActionDrain:
		o.held[op.System] = op
	case wire.ActionWarm, wire.ActionAuto:
		delete(o.held, op.System)
	}
}

// Record returns nil once the operation is on disk. After an error the record is as before.
func (o *Operations) Record(op wire.Operation) error {
	line := new(bytes.Buffer)
	enc := json.NewEncoder(line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(op); err != nil {
		return fmt.Errorf("record of operations: %w", err)
	}
	if line.Len() > maxOperation {
		return errors.New("record of operations: the operation is too long")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.append(line.Bytes()); err != nil {
		return fmt.Errorf("record of operations: %w", err)
	}
	o.size += int64(line.Len())
	o.take(op)
	return nil
}

// append puts a line behind the others and returns when it is on disk. The file is opened each time, so that one that was moved away
// or changed meanwhile is noticed: it happens a few times a day.
func (o *Operations) append(line []byte) error {
	f, err := os.OpenFile(o.path, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: put it back, or restart the gateway", err)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != o.size {
		return fmt.Errorf("%s is not as this gateway left it: restart the gateway, which will look it over", o.path)
	}
	_, err = f.Write(line)
	if err == nil {
		err = o.sync(f)
	}
	if err != nil {
		return errors.Join(err, f.Truncate(o.size))
	}
	return nil
}

// Last gives the last n operations, or as many as there are at hand, the newest first.
func (o *Operations) Last(n int) []wire.Operation {
	o.mu.Lock()
	defer o.mu.Unlock()
	last := append([]wire.Operation{}, o.last[max(0, len(o.last)-n):]...) // an empty list is one, too
	slices.Reverse(last)
	return last
}

// Held gives the systems that an operator has taken out of service and nobody has put back since, each with the operation that did it: one to
// open or drain.
func (o *Operations) Held() map[string]wire.Operation {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.held)
}
