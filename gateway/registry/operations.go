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
	"syscall"

	jsonv2 "github.com/go-json-experiment/json"

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
// unfinished was never acknowledged: it is cut off, and log is told. One that is whole but for its line end holds, and gets it; log is told,
// because it may not have been acknowledged. Anything else that is no operation is an error, because somebody or something has changed the
// record.
func OpenOperations(path string, log *slog.Logger) (*Operations, error) {
	o := &Operations{path: path, sync: (*os.File).Sync, held: map[string]wire.Operation{}}
	err := o.open(log)
	if err == nil {
		err = syncDir(filepath.Dir(path)) // the file may be new
	}
	if err != nil {
		return nil, fmt.Errorf("record of operations: %w", err)
	}
	return o, nil
}

func (o *Operations) open(log *slog.Logger) error {
	f, _, err := openRegular(o.path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	defer f.Close()
	last, err := o.read(f)
	if err != nil || len(last) == 0 {
		return err
	}
	op, whole := readOperation(last)
	if !whole {
		events.RecordCut.Tell(log, slog.Int("bytes", len(last)))
		return errors.Join(f.Truncate(o.size), f.Sync())
	}
	events.RecordEnded.Tell(log)
	o.size += int64(len(last))
	if _, err := f.WriteAt([]byte("\n"), o.size); err != nil {
		return err
	}
	o.size++
	o.take(op)
	return f.Sync()
}

// openRegular opens a file and gives its size. What is no file is an error at once: to open or read a pipe would wait for good.
func openRegular(path string, flags int) (*os.File, int64, error) {
	f, err := os.OpenFile(path, flags|syscall.O_NONBLOCK, 0o600) // which makes no difference to a file
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file: move it away", path)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// read takes in all whole lines, and gives what follows them without a line end.
func (o *Operations) read(f io.Reader) (last []byte, err error) {
	lines := bufio.NewReaderSize(f, maxOperation)
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return line, nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		op, ok := readOperation(line)
		if !ok || err != nil {
			return nil, fmt.Errorf("%s, line %d, is no operation: find out who changed it, then mend the line, or move the file away (every system is asked again then)", o.path, number)
		}
		o.size += int64(len(line))
		o.take(op)
	}
}

// readOperation reads one line and says whether it is an operation: strictly, because one that is misread would be another system's, or
// none. Members that a later version may have added are let be.
func readOperation(line []byte) (op wire.Operation, ok bool) {
	err := jsonv2.Unmarshal(line, &op)
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
	f, size, err := openRegular(o.path, os.O_WRONLY|os.O_APPEND)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: put it back, or restart the gateway", err)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if size != o.size {
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
