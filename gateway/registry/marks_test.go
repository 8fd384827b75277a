package registry

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func marksAt(t *testing.T, path string) *marks {
	t.Helper()
	m, err := openMarks(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAMarkIsTheTimeRoundedUpToFiveSeconds(t *testing.T) {
	m := marksAt(t, filepath.Join(t.TempDir(), "marks.json"))
	for _, c := range []struct{ at, mark int64 }{
		{1_000_000, 1_000_000}, {1_000_001, 1_005_000}, {1_004_999, 1_005_000}, {1_005_000, 1_005_000}, {1_005_001, 1_010_000},
		{1_000_001, 1_010_000}, // never falls
	} {
		got, err := m.raise("gate", time.UnixMilli(c.at))
		if err != nil || got.UnixMilli() != c.mark {
			t.Errorf("Raise(%d) = %d, %v; want %d", c.at, got.UnixMilli(), err, c.mark)
		}
	}
}

func TestMarksHoldAfterARestartAndOnlyThen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "marks.json")
	m := marksAt(t, path)
	if _, err := m.raise("gate", time.UnixMilli(1_000_001)); err != nil {
		t.Fatal(err)
	}
	if got := m.floorOf("gate"); !got.IsZero() {
		t.Errorf("before a restart: floor %v, want none", got)
	}
	m = marksAt(t, path)
	if got := m.floorOf("gate").UnixMilli(); got != 1_005_000 {
		t.Errorf("after a restart: floor %d, want 1005000", got)
	}
	if got := m.floorOf("other"); !got.IsZero() {
		t.Errorf("another caller: floor %v, want none", got)
	}
}

func TestAMarkIsOnDiskWhenRaiseReturns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "marks.json")
	m := marksAt(t, path)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			caller := fmt.Sprintf("caller-%d", i)
			for at := int64(1); at <= 20; at++ {
				mark, err := m.raise(caller, time.UnixMilli(at*4000))
				if err != nil {
					t.Error(err)
					return
				}
				if again, err := readMarks(path); err != nil || again[caller] < mark.UnixMilli() {
					t.Errorf("%s: the file says %d after Raise gave %d (%v)", caller, again[caller], mark.UnixMilli(), err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestADamagedFileStopsTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "marks.json")
	if err := os.WriteFile(path, []byte(`{"marks":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openMarks(path); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("error = %v, want one that says what to do", err)
	}
}

func TestADirectoryThatIsMissingStopsTheStart(t *testing.T) {
	if _, err := openMarks(filepath.Join(t.TempDir(), "absent", "marks.json")); err == nil {
		t.Error("no error")
	}
}

func TestADiskThatFailsIsAnError(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	m := marksAt(t, filepath.Join(dir, "marks.json"))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a failed write must not count as done
		if _, err := m.raise("gate", time.UnixMilli(1)); err == nil {
			t.Error("no error though the directory is gone")
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := m.raise("gate", time.UnixMilli(1)); err != nil {
		t.Errorf("the directory is back: %v", err)
	}
}

func readMarks(path string) (map[string]int64, error) {
	var f markFile
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	err = json.Unmarshal(data, &f)
	return f.Marks, err
}
