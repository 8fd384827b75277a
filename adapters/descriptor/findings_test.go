package descriptor

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Each file of testdata/findings is wrong in some way; the golden file beside it is what Load says.
func TestEveryFaultOfADescriptorIsToldWithItsPlaceAndMend(t *testing.T) {
	names, err := filepath.Glob("testdata/findings/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal("no files", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".yaml"), func(t *testing.T) {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(filepath.Base(name), src)
			var findings Findings
			if !errors.As(err, &findings) || len(findings) == 0 {
				t.Fatalf("Parse gave %v, want findings", err)
			}
			lines := strings.Split(string(src), "\n")
			for _, f := range findings {
				if f.Line < 1 || f.Line > len(lines) || f.Column < 1 || f.Column > len([]rune(lines[f.Line-1]))+1 {
					t.Errorf("not a place in the file: %s", f)
				}
				if f.What == "" || f.Mend == "" {
					t.Errorf("nothing said, or no way to mend it: %s", f)
				}
			}
			compareGolden(t, strings.TrimSuffix(name, ".yaml")+".golden", findings.Error()+"\n")
		})
	}
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err, "(go test -update writes it)")
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestATooLongFileIsNotRead(t *testing.T) {
	_, err := Parse(File, append([]byte("system: sample\n#"), make([]byte, maxFile)...))
	if err == nil || !strings.Contains(err.Error(), "256 KiB") {
		t.Error(err)
	}
}
