package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tongma/standard"
	"tongma/standard/wire"
)

func TestAListThatIsTooLongIsRefusedAndNotCutOff(t *testing.T) {
	of := func(list string) (int, error) {
		changes, err := (&named{scans: []string{"-"}}).changes(strings.NewReader(list), time.Now())
		return len(changes), err
	}
	if n, err := of("one\r\n\ntwo"); n != 2 || err != nil {
		t.Errorf("%d changes, %v", n, err)
	}
	if n, err := of(strings.Repeat("\n", wire.MaxNotice) + "the last one"); err == nil {
		t.Errorf("%d changes of a list of which not all was read", n)
	}
}

func TestAListOfChangesIsReadStrictly(t *testing.T) {
	of := func(list string) ([]standard.Change, error) { return readChanges(strings.NewReader(list), "-") }
	got, err := of(` [ {"subject":"a"}, {"document":{"type":"01","number":"2"},"at":"2022-01-10T08:00:00+08:00"}, {"all":true} ] ` + "\n")
	at := time.Date(2022, 1, 10, 8, 0, 0, 0, standard.Zone)
	want := []standard.Change{{Subject: "a"}, {Document: &standard.ChangedDocument{Type: "01", Number: "2"}, At: at}, {All: true}}
	if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for list, want := range map[string]string{
		`[{"subject":"a"},{"subject":"CANARY","subject":"CANARY"}]`:        "item 2 ",
		`[{"Subject":"CANARY"}]`:                                           "item 1 ",
		`[{"subject":"a"},{"subject":"b"},{"CANARY":"c"}]`:                 "item 3 ",
		`[{"document":{"type":"01","number":"CANARY","name":"CANARY"}}]`:   "item 1 ",
		`[{"document":{"type":"01","number":"CANARY","number":"CANARY"}}]`: "item 1 ",
		`[{"subject":"a","at":"CANARY"}]`:                                  "item 1 ",
		`[{"subject":7}]`:                                                  "item 1 ",
		"[{\"subject\":\"CANARY\xff\"}]":                                   "item 1 ",
		`[{"subject":"a"} {"subject":"CANARY"}]`:                           "item 2 ",
		`[null]`:                                                           "item 1 ",
		`["CANARY"]`:                                                       "item 1 ",
		`[{"subject":"CANARY"`:                                             "item 1 ",
		`[{"subject":"CANARY"}`:                                            "",
		`[{"subject":"CANARY"}] [{"subject":"CANARY"}]`:                    "more than a list",
		`{"subject":"CANARY"}`:                                             "no list",
		`null`:                                                             "no list",
		"":                                                                 "no list",
		`[{"subject":"a"}]` + strings.Repeat(" ", wire.MaxNotice) + `CANARY`: "no list",
	} {
		got, err := of(list)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "CANARY") || got != nil {
			t.Errorf("%.60s: %v, %v", list, got, err)
		}
	}
}

func TestManyAtOnceTakeANumberEach(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seq")
	var mu sync.Mutex
	var taken []uint64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				var mine uint64
				if err := nextSeq(t.Context(), path, func(seq uint64) error { mine = seq; return nil }); err != nil {
					t.Error(err)
				}
				mu.Lock()
				taken = append(taken, mine)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(taken)
	for i, seq := range taken {
		if seq != uint64(i+1) {
			t.Fatalf("taken were %v", taken)
		}
	}
	if text := readText(t, path); text != "40\n" {
		t.Errorf("kept is %q", text)
	}
	alone(t, path)
}

// alone sees to it that nothing else is left in a file's folder.
func alone(t *testing.T, path string) {
	t.Helper()
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 || left[0].Name() != filepath.Base(path) {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
}

func TestANumberThatCannotBeKeptIsNotUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seq")
	if err := os.WriteFile(path, []byte("6\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	if err := nextSeq(t.Context(), path, func(uint64) error { return refused }); !errors.Is(err, refused) || readText(t, path) != "6\n" {
		t.Errorf("%v, and %q is kept", err, readText(t, path))
	}
	if err := nextSeq(t.Context(), path, func(uint64) error { return nil }); err != nil || readText(t, path) != "7\n" {
		t.Errorf("%v, and %q is kept", err, readText(t, path))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file's mode is %v now, %v", info.Mode(), err)
	}
	err := nextSeq(t.Context(), path, func(uint64) error { // somebody else puts a folder in its place
		return errors.Join(os.Remove(path), os.MkdirAll(filepath.Join(path, "x"), 0o700))
	})
	if err == nil {
		t.Error("a number that could not be kept is used")
	}
	alone(t, path)
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		if hint := seqHint(fmt.Errorf("write: %w", full)); !strings.Contains(hint, "make room") {
			t.Errorf("%v: %s", full, hint)
		}
	}
	if hint := seqHint(syscall.EACCES); strings.Contains(hint, "make room") {
		t.Error(hint)
	}
}

func TestWhatHoldsNoNumberIsRefusedAtOnce(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	paths := []string{pipe, dir, "/dev/zero", "/dev/full"}
	for i, text := range []string{"", "x", "-1", "1 2", "18446744073709551616", strings.Repeat("0", maxSeqFile) + "1", "1" + strings.Repeat("\n", maxSeqFile)} {
		paths = append(paths, filepath.Join(dir, fmt.Sprint(i)))
		if err := os.WriteFile(paths[len(paths)-1], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range paths {
		done := make(chan error, 1)
		go func() {
			_, _, err := readSeq(path)
			done <- err
		}()
		select {
		case err := <-done:
			var f *failure
			if !errors.As(err, &f) || f.code != exitUsage || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v", path, err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s is waited for", path)
		}
	}
}
