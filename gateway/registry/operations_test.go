package registry

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tongma/standard"
	"tongma/standard/wire"
)

var operatedAt = time.Date(2022, 1, 10, 8, 1, 2, 345e6, standard.Zone)

func operation(system string, action wire.Action) wire.Operation {
	return wire.Operation{
		At: operatedAt, By: "ops-1", Action: action, System: system,
		Reason: `平台 says "down" <&>`, RequestID: "01FX2D0000ABCDEFGHJKMNPQRS",
	}
}

func operationsAt(t *testing.T, path string) (*Operations, string) {
	t.Helper()
	var log bytes.Buffer
	o, err := OpenOperations(path, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return o, log.String()
}

func record(t *testing.T, o *Operations, ops ...wire.Operation) {
	t.Helper()
	for _, op := range ops {
		if err := o.Record(op); err != nil {
			t.Fatal(err)
		}
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestTheRecordIsOneLineAnOperationForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "operations.jsonl")
	o, _ := operationsAt(t, path)
	record(t, o, operation("suishen", wire.ActionOpen))
	want := `{"at":"2022-01-10T08:01:02.345+08:00","by":"ops-1","action":"open","system":"suishen",` +
		`"reason":"平台 says \"down\" <&>","requestId":"01FX2D0000ABCDEFGHJKMNPQRS"}` + "\n"
	if got := content(t, path); got != want {
		t.Errorf("the file has\n%swant\n%s", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestTheRecordOutlivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "operations.jsonl")
	o, _ := operationsAt(t, path)
	record(t, o,
		operation("suishen", wire.ActionOpen), operation("suikang", wire.ActionDrain), operation("ankang", wire.ActionOpen), operation("hebei", wire.ActionDrain),
		operation("ankang", wire.ActionAuto), operation("hebei", wire.ActionWarm), operation("suishen", wire.ActionDrain))
	before := o.Last(100)
	o, log := operationsAt(t, path)
	if log != "" {
		t.Errorf("a whole record is complained of: %s", log)
	}
	if diff := cmp.Diff(before, o.Last(100), cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Error(diff)
	}
	want := map[string]wire.Operation{"suishen": operation("suishen", wire.ActionDrain), "suikang": operation("suikang", wire.ActionDrain)}
	if diff := cmp.Diff(want, o.Held(), cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Error(diff)
	}
	record(t, o, operation("yuekang", wire.ActionOpen)) // behind the others, not over them
	if n := strings.Count(content(t, path), "\n"); n != 8 {
		t.Errorf("%d lines, want 8", n)
	}
}

func TestTheLastOperationsAreAtHandNewestFirst(t *testing.T) {
	o, _ := operationsAt(t, filepath.Join(t.TempDir(), "operations.jsonl"))
	o.sync = func(*os.File) error { return nil } // time is short
	for i := range wire.MaxOperations + 7 {
		record(t, o, operation(fmt.Sprint("system", i), wire.ActionOpen))
	}
	for n, want := range map[int]int{0: 0, 1: 1, 50: 50, wire.MaxOperations: wire.MaxOperations, wire.MaxOperations + 1: wire.MaxOperations} {
		if got := len(o.Last(n)); got != want {
			t.Errorf("Last(%d) has %d", n, got)
		}
	}
	if two := o.Last(2); two[0].System != fmt.Sprint("system", wire.MaxOperations+6) || two[1].System != fmt.Sprint("system", wire.MaxOperations+5) {
		t.Errorf("the last two are %s and %s", two[0].System, two[1].System)
	}
}

func TestAnUnfinishedLastLineIsCutOffAndTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "operations.jsonl")
	o, _ := operationsAt(t, path)
	record(t, o, operation("suishen", wire.ActionOpen), operation("suishen", wire.ActionAuto))
	whole := content(t, path)
	first := strings.IndexByte(whole, '\n') + 1
	for end := first + 1; end < len(whole)-1; end++ { // a crash at any byte but the last
		if err := os.WriteFile(path, []byte(whole[:end]), 0o600); err != nil {
			t.Fatal(err)
		}
		o, log := operationsAt(t, path)
		if got := content(t, path); got != whole[:first] || !strings.Contains(log, fmt.Sprint("bytes=", end-first)) {
			t.Fatalf("cut at %d: %d bytes are left, log %q", end, len(got), log)
		}
		if o.Held()["suishen"].Action != wire.ActionOpen || len(o.Last(9)) != 1 {
			t.Fatalf("cut at %d: %v", end, o.Last(9))
		}
	}
	o, _ = operationsAt(t, path)
	record(t, o, operation("suishen", wire.ActionAuto))
	if got := content(t, path); got != whole {
		t.Errorf("after the cut the next line does not stand by itself:\n%s", got)
	}
}

func TestAWholeLastLineWithoutItsEndHoldsAndIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "operations.jsonl")
	o, _ := operationsAt(t, path)
	record(t, o, operation("suikang", wire.ActionDrain), operation("suishen", wire.ActionOpen))
	whole := content(t, path)
	if err := os.WriteFile(path, []byte(strings.TrimSuffix(whole, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	o, log := operationsAt(t, path)
	if content(t, path) != whole || len(o.Last(9)) != 2 || o.Held()["suishen"].Action != wire.ActionOpen {
		t.Errorf("%v are left, in\n%s", o.Last(9), content(t, path))
	}
	if !strings.Contains(log, "level=WARN") || !strings.Contains(log, "without its line end") || strings.Contains(log, "unfinished") {
		t.Errorf("log %q", log)
	}
	record(t, o, operation("suishen", wire.ActionAuto))
	if o, log := operationsAt(t, path); len(o.Last(9)) != 3 || log != "" {
		t.Errorf("%d operations after the next one, log %q", len(o.Last(9)), log)
	}
}

func TestWhatIsNoFileIsRefusedAtOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "operations.jsonl")
	o, _ := operationsAt(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	refused := func(what, path string) {
		t.Helper()
		done := make(chan error, 1)
		go func() {
			_, err := OpenOperations(path, slog.New(slog.DiscardHandler))
			done <- err
		}()
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s is waited for", what)
		}
	}
	refused("a pipe", path)
	refused("a folder", dir)
	refused("a device", "/dev/zero")
	if err := o.Record(operation("suishen", wire.ActionOpen)); err == nil || len(o.Held()) != 0 {
		t.Errorf("recorded in a pipe: %v", err)
	}
	reader, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := o.Record(operation("suishen", wire.ActionOpen)); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("recorded in a pipe that is read: %v", err)
	}
}

func TestARecordThatSomebodyHasChangedStopsTheStart(t *testing.T) {
	good := `{"at":"2022-01-10T08:01:02+08:00","by":"ops-1","action":"open","system":"suishen","reason":"r","requestId":"i"}`
	for _, bad := range []string{
		"", "{", "null", "[]", "\x00", `{}`,
		strings.Replace(good, "open", "close", 1),
		strings.Replace(good, "2022-01-10", "yesterday", 1),
		strings.Replace(good, `"ops-1"`, `""`, 1),
		strings.Replace(good, `"suishen"`, "7", 1),
		good + good,
		strings.Replace(good, `"system":`, `"System":`, 1),
		strings.Replace(good, `"system":"suishen"`, `"system":"suikang","system":"suishen"`, 1),
		strings.Replace(good, `"r"`, "\"\xff\"", 1),
		good + strings.Repeat(" ", maxOperation-len(good)),
		strings.Replace(good, `"r"`, `"`+strings.Repeat("r", maxOperation)+`"`, 1),
	} {
		path := filepath.Join(t.TempDir(), "operations.jsonl")
		text := good + "\n" + bad + "\n" + good + "\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenOperations(path, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), path+", line 2,") || !strings.Contains(err.Error(), "move the file away") {
			t.Errorf("%.40q: error = %v, want one that says where and what to do", bad, err)
		}
		if content(t, path) != text {
			t.Errorf("%.40q: the file was changed", bad)
		}
	}
	if _, err := OpenOperations(filepath.Join(t.TempDir(), "absent", "operations.jsonl"), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("no error though the folder is missing")
	}
}

func TestALaterVersionsMembersAreLetBe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "operations.jsonl")
	line := `{"at":"2022-01-10T08:01:02+08:00","by":"ops-1","action":"open","system":"suishen","reason":"r","requestId":"i","more":1,"System":"suikang"}` + "\n"
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	if o, _ := operationsAt(t, path); o.Held()["suishen"].Action != wire.ActionOpen {
		t.Error("not taken in")
	}
}

func TestWhatIsNotOnDiskIsNotRecorded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "operations.jsonl")
	o, _ := operationsAt(t, path)
	record(t, o, operation("suishen", wire.ActionOpen))
	before := content(t, path)
	unchanged := func(when string) {
		t.Helper()
		if len(o.Last(9)) != 1 || o.Held()["suishen"].Action != wire.ActionOpen {
			t.Errorf("%s: taken in all the same: %v", when, o.Last(9))
		}
	}

	broken := errors.New("input/output error")
	o.sync = func(*os.File) error { return broken }
	if err := o.Record(operation("suishen", wire.ActionAuto)); !errors.Is(err, broken) {
		t.Errorf("a disk that fails: %v", err)
	}
	unchanged("a disk that fails")
	if got := content(t, path); got != before {
		t.Errorf("half of it stays in the file:\n%s", got)
	}
	o.sync = (*os.File).Sync

	if err := os.WriteFile(path, []byte(before+before), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.Record(operation("suishen", wire.ActionAuto)); err == nil || !strings.Contains(err.Error(), "restart the gateway") {
		t.Errorf("a file that another has written to: %v", err)
	}
	unchanged("a file that another has written to")

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := o.Record(operation("suishen", wire.ActionAuto)); err == nil || !strings.Contains(err.Error(), "restart the gateway") {
		t.Errorf("a file that is gone: %v", err)
	}
	unchanged("a file that is gone")

	if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	record(t, o, operation("suishen", wire.ActionAuto))
	if len(o.Held()) != 0 {
		t.Error("the file is back, and still nothing is recorded")
	}
	long := operation("suishen", wire.ActionOpen)
	long.Reason = strings.Repeat("r", maxOperation)
	if err := o.Record(long); err == nil {
		t.Error("a line that could not be read again is written")
	}
}

func TestOperationsOfManyAtOnceAreAllRecorded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "operations.jsonl")
	o, _ := operationsAt(t, path)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 5 {
				if err := o.Record(operation(fmt.Sprint("system", i), wire.ActionOpen)); err != nil {
					t.Error(err)
				}
				o.Last(3)
				o.Held()
			}
		})
	}
	wg.Wait()
	if o, _ = operationsAt(t, path); len(o.Last(100)) != 40 {
		t.Errorf("%d operations, want 40", len(o.Last(100)))
	}
}

func FuzzTheRecord(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("\n"))
	f.Add([]byte(`{"at":"2022-01-10T08:01:02+08:00","by":"o","action":"open","system":"s","reason":"r","requestId":"i"}` + "\n{"))
	f.Add([]byte(`{"at":"2022-01-10T08:01:02+08:00","by":"o","action":"warm","system":"s","reason":"r","requestId":"i"}` + "\n\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "operations.jsonl")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		o, err := OpenOperations(path, slog.New(slog.DiscardHandler))
		if err != nil {
			return
		}
		before := len(o.Last(wire.MaxOperations))
		if err := o.Record(operation("suishen", wire.ActionOpen)); err != nil {
			t.Fatal(err)
		}
		if again, _ := operationsAt(t, path); len(again.Last(wire.MaxOperations)) != min(before+1, wire.MaxOperations) || again.Held()["suishen"].Action != wire.ActionOpen {
			t.Error("what is recorded behind it is lost")
		}
	})
}
