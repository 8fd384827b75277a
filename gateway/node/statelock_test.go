//go:build unix

package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// files gives what is in a folder, by name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}

func TestAStateFolderIsOneNodesAlone(t *testing.T) {
	cfg, err := load(t, folder(t), good)
	if err != nil {
		t.Fatal(err)
	}
	first, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	// Half a line, as the first node may be about to write it: a second one would cut it off.
	if err := os.WriteFile(filepath.Join(cfg.State, operationsFile), []byte(`{"at":"20`), 0o600); err != nil {
		t.Fatal(err)
	}
	before := files(t, cfg.State)
	second, err := New(cfg)
	if err == nil {
		t.Error("two nodes have one state folder")
		err = second.Close()
	}
	if !errors.Is(err, ErrStateTaken) || !strings.Contains(err.Error(), cfg.State) {
		t.Errorf("the second one: %v", err)
	}
	if diff := cmp.Diff(before, files(t, cfg.State)); diff != "" {
		t.Errorf("it changed something: %s", diff)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	third, err := New(cfg)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := third.Close(); err != nil {
		t.Error(err)
	}
}
