package main

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tongma/adapters"
	"tongma/adapters/descriptor"
	"tongma/gateway/node"
)

func TestNewAsksForWhatItIsNotToldAndAgainForWhatWillNotDo(t *testing.T) {
	for lang, want := range map[string]string{
		"en": "its English name [Ganma Code]: ", "zh": "英文名称 [Ganma Code]: ",
	} {
		b := beginning{Region: "110000", Scan: "url", Auth: "signature"}
		var out bytes.Buffer
		if err := askAll(&b, strings.NewReader("Ganma\nganma\n赣通码\n\n999999\n360000\njson\nmagic\ntif\n"), &out, lang); err != nil {
			t.Fatal(err)
		}
		if want := (beginning{"ganma", "赣通码", "Ganma Code", "360000", "json", "tif"}); b != want {
			t.Errorf("got %+v, want %+v", b, want)
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("it asked\n%s", out.String())
		}
		if again := strings.Count(out.String(), "\n  "); lang == "en" && !strings.Contains(out.String(), "a letter first") || again > 3 {
			t.Errorf("it asked\n%s", out.String())
		}
	}
}

func TestNewMakesNothingOfHalfTheAnswers(t *testing.T) {
	var b beginning
	if err := askAll(&b, strings.NewReader("ganma\n"), &bytes.Buffer{}, "en"); err == nil {
		t.Error("half the answers were enough")
	}
}

// Every shape lints beside the built-in systems, and passes its fixtures, and two new systems do not clash.
func TestEveryShapeOfANewSystemHolds(t *testing.T) {
	builtin, err := node.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	top := t.TempDir()
	var dirs []string
	for _, scan := range scanShapes {
		for _, auth := range authShapes {
			b := beginning{System: scan + auth, Region: "360000", Scan: scan, Auth: auth}
			b.fill()
			dirs = append(dirs, filepath.Join(top, b.System))
			if err := b.write(dirs[len(dirs)-1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if findings, err := lint(dirs, builtin, io.Discard); err != nil || len(findings) > 0 {
		t.Fatalf("%v\n%v", findings, err)
	}
	for _, dir := range dirs {
		results, err := descriptor.RunFixtures(os.DirFS(dir), ".")
		if err != nil || len(results) < 4 {
			t.Fatal(dir, results, err)
		}
		for _, r := range results {
			for _, d := range r.Differences {
				t.Errorf("%s: %s: %s: want %s, got %s", dir, r.Name, d.Field, d.Want, d.Got)
			}
		}
		source := readText(t, filepath.Join(dir, descriptor.File))
		if formatted, err := descriptor.Format([]byte(source)); err != nil || string(formatted) != source {
			t.Errorf("%s is not in the layout of all: %v\n%s", dir, err, formatted)
		}
		for _, name := range skeletonFiles {
			if text := readText(t, filepath.Join(dir, name)); strings.Contains(text, "{{") || strings.Contains(text, "<no value>") {
				t.Errorf("%s/%s is not filled in", dir, name)
			}
		}
	}
}

// The README of a new system has the headings that those of the built-in systems have.
func TestTheReadmeOfANewSystemIsAManualLikeTheOthers(t *testing.T) {
	model, err := fs.ReadFile(adapters.Builtin, "suishen/README.md")
	if err != nil {
		t.Fatal(err)
	}
	b := beginning{System: "ganma", Region: "360000", Scan: "json", Auth: "none"}
	b.fill()
	dir := filepath.Join(t.TempDir(), "ganma")
	if err := b.write(dir); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(readText(t, filepath.Join(dir, "README.md"))) {
		if strings.HasPrefix(line, "## ") && !strings.Contains(string(model), line) {
			t.Errorf("no other manual has the heading %q", line)
		}
	}
}
