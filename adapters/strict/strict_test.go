package strict

import (
	"errors"
	"strings"
	"testing"
)

var rules = Rules{Size: 1 << 10, Empty: "begin", Broken: "indent"}

func TestOnePlainDocumentIsRead(t *testing.T) {
	root, findings := Parse("f", []byte("# c\na: [1, {b: x}]\nc: |\n  text\n"), rules)
	if findings != nil || root == nil || len(root.Content) != 4 || root.Content[3].Value != "text\n" {
		t.Errorf("%+v, %v", root, findings)
	}
}

func TestWhatMakesYAMLSurprisingIsAFinding(t *testing.T) {
	for src, want := range map[string]string{
		"":                      "f:1:1: the file is empty (begin)",
		"# only a comment\n":    "f:1:1: the file is empty (begin)",
		"a: [1":                 "f:1:1: not YAML: did not find expected ',' or ']' (indent)",
		"a: 1\nb: [1\nc: 2\n":   "f:2:1: not YAML: did not find expected ',' or ']' (indent)",
		"a: 1\n\tb: 2\n":        "f:2:1: not YAML: found a tab character that violates indentation (indent)",
		"a: \xff":               "f:1:1: not YAML: invalid leading UTF-8 octet (save the file as UTF-8)",
		"a: 1\n---\nb: 2\n":     "f:3:1: the file holds more than one YAML document (keep one, without a further ---)",
		"a: &x 1":               "f:1:4: anchors and aliases are not part of the language (write the value out)",
		"a: 1\nb: *a":           "f:1:1: not YAML: unknown anchor 'a' referenced (indent)",
		"a: !!str 1":            "f:1:4: YAML tags are not part of the language (leave the !!str out)",
		"a: 1\nb: {c: 1, c: 2}": "f:2:11: \"c\" stands here twice (keep one of them)",
		"a: 1\na: 2\nb: !x y\n": "f:2:1: \"a\" stands here twice (keep one of them)\nf:3:4: YAML tags are not part of the language (leave the !x out)",
		strings.Repeat("[", 30) + strings.Repeat("]", 30): "f:1:21: nested too deeply (20 levels are enough)",
		strings.Repeat("a", 1025):                         "f:1:1: the file has more than 1 KiB (split it, or leave out what is not needed)",
	} {
		root, findings := Parse("f", []byte(src), rules)
		if root != nil || findings.Error() != want {
			t.Errorf("%.40q: %v, want %s", src, findings, want)
		}
	}
}

func TestFindingsAreToldInTheOrderOfTheFiles(t *testing.T) {
	if err := (Findings{}).Err(); err != nil {
		t.Error(err)
	}
	err := Findings{{"b", 1, 1, "x", ""}, {"a", 2, 1, "x", ""}, {"a", 1, 2, "x", "do"}, {"a", 1, 1, "x", ""}}.Err()
	const want = "a:1:1: x\na:1:2: x (do)\na:2:1: x\nb:1:1: x"
	if err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	var findings Findings
	if !errors.As(err, &findings) {
		t.Errorf("%T", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a: 1", "a: &x 1\nb: *x", "- [", "{a: {b: c}}", "---\n---\n", "? a\n: b"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		root, findings := Parse("f", src, rules)
		if (root == nil) == (len(findings) == 0) {
			t.Fatalf("%v, %v", root, findings)
		}
		for _, x := range findings {
			if x.Line < 1 || x.Column < 1 || x.What == "" || x.Mend == "" {
				t.Errorf("%+v", x)
			}
		}
	})
}
