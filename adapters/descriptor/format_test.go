package descriptor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFormatPutsADescriptorInOrder(t *testing.T) {
	for _, test := range []struct{ name, src, want string }{
		{"order, groups, comments", `# About the file.

verify: [{get: /a}]
# of the system
system: a   
version: 1.0.0


limits: {retry: 1}
statuses:
  # green
  "00": {is: green}

# after statuses, before tables

tables: {}
`, `# About the file.

# of the system
system: a
version: 1.0.0

verify: [{get: /a}]

statuses:
  # green
  "00": {is: green}

# after statuses, before tables

tables: {}

limits: {retry: 1}
`},
		{"quotes", "system: \"=a == \\\"0\\\"\"      # c\nversion: [\"=x\", \"='y'\"]  # d\nname: \"=健\" \nzone: \"literal\"\n",
			"system: '=a == \"0\"'        # c\nversion: ['=x', '=''y'''] # d\nname: '=健'\nzone: \"literal\"\n"},
		{"several lines stay", "record:\n  check: |\n    =a  \n    == b\nsystem: a\r\n", "system: a\n\nrecord:\n  check: |\n    =a  \n    == b\n"},
		{"unknown keys last", "what: 1\nsystem: a\n", "system: a\n\nwhat: 1\n"},
	} {
		got, err := Format([]byte(test.src))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if diff := cmp.Diff(test.want, string(got)); diff != "" {
			t.Errorf("%s: -want +got\n%s", test.name, diff)
		}
		if again, err := Format(got); err != nil || string(again) != string(got) {
			t.Errorf("%s: formatting again gives %v\n%s", test.name, err, again)
		}
	}
}

func TestTheBuiltInDescriptorsAreInOrder(t *testing.T) {
	files, err := filepath.Glob("../*/adapter.yaml")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Format(src)
		if diff := cmp.Diff(string(src), string(got)); err != nil || diff != "" {
			t.Errorf("%s: %v, tongma adapter fmt would change\n%s", file, err, diff)
		}
	}
}

func TestFormatRefusesWhatItCannotRead(t *testing.T) {
	for src, want := range map[string]string{
		"":                                 "adapter.yaml:1:1: the file is empty",
		"a: [":                             "adapter.yaml:1:1: not YAML",
		"- a":                              "adapter.yaml:1:1: a descriptor must be a mapping of lines",
		"{a: 1, b: 2}":                     "adapter.yaml:1:1: a descriptor must be a mapping of lines",
		"system: a\nsystem: b":             "stands here twice",
		"verify: 1\nsystem: a\n...\n":      "cannot be put in order",
		"verify: |+\n  x\n\n\nsystem: a\n": "cannot be put in order",
	} {
		_, err := Format([]byte(src))
		var findings Findings
		if err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, &findings) && want != "cannot be put in order" {
			t.Errorf("%q: %v, want %q", src, err, want)
		}
	}
}

// FuzzFormat: what is formatted means the same and stays as it is.
func FuzzFormat(f *testing.F) {
	files, _ := filepath.Glob("../*/adapter.yaml")
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Add([]byte("b: \"=x\" # c\na: |\n  x  \n"))
	f.Add([]byte("? a\n: b\n# c\nsystem: \"=\\\"\"\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		once, err := Format(src)
		if err != nil {
			return
		}
		twice, err := Format(once)
		if err != nil || string(twice) != string(once) {
			t.Fatalf("%q\n%q\n%v", once, twice, err)
		}
	})
}
