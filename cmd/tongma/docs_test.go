package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"tongma/gateway/node"
)

// top is the project's folder as seen from here.
const top = "../.."

// block is a fenced block of a document.
type block struct {
	file string
	line int
	lang string
	text string
}

var fence = regexp.MustCompile("^```([a-z]*)( [a-z]+)?$")

// documents gives every Markdown file of the project.
func documents(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "bin" || d.Name() == "demo" || d.Name() == "skeleton"):
			return fs.SkipDir
		case filepath.Ext(path) == ".md":
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func readText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// blocks gives the fenced blocks of a document.
func blocks(t *testing.T, file string) []block {
	t.Helper()
	var found []block
	var open *block
	line := 0
	for text := range strings.Lines(readText(t, file)) {
		line++
		m := fence.FindStringSubmatch(strings.TrimRight(text, "\n"))
		switch {
		case m == nil && open != nil:
			open.text += text
		case m != nil && open == nil:
			open = &block{file: file, line: line, lang: m[1]}
		case m != nil:
			found, open = append(found, *open), nil
		}
	}
	if open != nil {
		t.Errorf("%s:%d: a fence that is never closed", file, open.line)
	}
	return found
}

// workshop makes a folder in which the documents' commands run: the built binary in bin/, a running demo in demo/, and a
// `make` that only looks whether the target is there.
func workshop(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"bash", "openssl", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s: the commands in the documents are not run", tool)
		}
	}
	dir := t.TempDir()
	tools := filepath.Join(dir, "bin")
	if err := os.MkdirAll(tools, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary(t), filepath.Join(tools, "tongma")); err != nil {
		t.Fatal(err)
	}
	project, err := filepath.Abs(top)
	if err != nil {
		t.Fatal(err)
	}
	make, err := exec.LookPath("make")
	if err != nil {
		t.Skip("no make: the commands in the documents are not run")
	}
	shim := "#!/bin/sh\nexec " + make + " -n -C " + project + " \"$@\" >/dev/null\n"
	if err := os.WriteFile(filepath.Join(tools, "make"), []byte(shim), 0o755); err != nil {
		t.Fatal(err)
	}
	startDemo(t, filepath.Join(dir, defaultDir))
	return dir
}

// TestEveryCommandInTheDocumentsRuns runs the sh blocks of each document, in order, in one folder.
func TestEveryCommandInTheDocumentsRuns(t *testing.T) {
	for _, file := range documents(t) {
		var scripts []block
		for _, b := range blocks(t, file) {
			if b.lang == "sh" {
				scripts = append(scripts, b)
			}
		}
		if len(scripts) == 0 {
			continue
		}
		t.Run(strings.TrimPrefix(file, top+"/"), func(t *testing.T) {
			dir := workshop(t)
			for _, b := range scripts {
				cmd := exec.Command("bash", "-euo", "pipefail", "-c", b.text)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s:%d: %v\n%s\n%s", b.file, b.line, err, b.text, out)
				}
			}
		})
	}
}

// TestGoProgramsInTheDocumentsRun builds each whole program of the documents and runs it beside the demo.
func TestGoProgramsInTheDocumentsRun(t *testing.T) {
	programs := 0
	for _, file := range documents(t) {
		for _, b := range blocks(t, file) {
			if b.lang != "go" || !strings.HasPrefix(b.text, "package main\n") {
				continue
			}
			programs++
			dir := workshop(t)
			source := filepath.Join(dir, "main.go")
			if err := os.WriteFile(source, []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
			build := exec.Command("go", "build", "-o", filepath.Join(dir, "program"), source)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%s:%d: %v\n%s", b.file, b.line, err, out)
			}
			program := exec.Command(filepath.Join(dir, "program"))
			program.Dir = dir
			if out, err := program.CombinedOutput(); err != nil {
				t.Errorf("%s:%d: %v\n%s", b.file, b.line, err, out)
			}
		}
	}
	if programs == 0 {
		t.Error("the documents show no Go program")
	}
}

var inline = regexp.MustCompile("`((?:bin/)?tongma [^`]+)`")

// TestCommandsNamedInTextExist looks up what the documents and this command's own hints name in passing.
func TestCommandsNamedInTextExist(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	more := []string{top + "/deploy/tongma.example.yaml", top + "/gateway/node/config.go"}
	named := 0
	for _, file := range append(append(documents(t), sources...), more...) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range inline.FindAllStringSubmatch(readText(t, file), -1) {
			named++
			if err := understood(strings.Fields(m[1])[1:]); err != nil {
				t.Errorf("%s: `%s`: %v", file, m[1], err)
			}
		}
	}
	if named < 10 {
		t.Errorf("only %d commands found: has the way of writing them changed?", named)
	}
}

var deployed = regexp.MustCompile(`(?m)^ *(?:ExecStart(?:Pre)?=/usr/bin/tongma|CMD \["/usr/bin/tongma",|CMD \[|command: \[|test: \[CMD, /usr/bin/tongma,)(.*)$`)

// TestCommandsOfTheDeploymentExist looks up what the unit, the container and the compose file run.
func TestCommandsOfTheDeploymentExist(t *testing.T) {
	for file, want := range map[string]int{"tongma.service": 2, "Dockerfile": 2, "compose.yaml": 2} {
		found := deployed.FindAllStringSubmatch(readText(t, top+"/deploy/"+file), -1)
		if len(found) != want {
			t.Errorf("%s: %d commands, want %d", file, len(found), want)
		}
		for _, m := range found {
			words := strings.FieldsFunc(m[1], func(r rune) bool { return strings.ContainsRune(` ,"[]`, r) })
			if err := understood(words); err != nil {
				t.Errorf("%s: %q: %v", file, words, err)
			}
		}
	}
}

// TestExamplesInHelpAreUnderstood looks up every line of every Example.
func TestExamplesInHelpAreUnderstood(t *testing.T) {
	root, _ := newRoot()
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Runnable() && !c.HasSubCommands() && c.Example == "" && c.Name() != "help" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			for _, part := range strings.Split(line, "|") {
				if words := strings.Fields(part); len(words) > 0 && words[0] == "tongma" {
					if err := understood(words[1:]); err != nil {
						t.Errorf("%s: example %q: %v", c.CommandPath(), line, err)
					}
				}
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	for _, c := range root.Commands() {
		walk(c)
	}
}

// understood says whether there is such a command with such flags. It runs nothing and looks at no values.
func understood(words []string) error {
	root, _ := newRoot()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	command, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	if command.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") && command != root {
		return errors.New("no such subcommand: " + rest[0])
	}
	command.InitDefaultHelpFlag()
	for _, w := range rest {
		name, _, _ := strings.Cut(strings.TrimPrefix(w, "--"), "=")
		if strings.HasPrefix(w, "--") && command.Flags().Lookup(name) == nil {
			return errors.New("no such flag: " + w)
		}
	}
	return nil
}

// TestTheReadmeNamesEverySystem that comes with Tongma.
func TestTheReadmeNamesEverySystem(t *testing.T) {
	dialects, err := node.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	readme := readText(t, top+"/README.md")
	for _, d := range dialects {
		if name := d.Info().Name.Zh + " " + d.Info().System; !strings.Contains(readme, name) {
			t.Errorf("README.md does not name %s", name)
		}
	}
}

// TestThePictureInTheReadmeIsWhatVerifyDraws keeps the first thing that a reader sees true.
func TestThePictureInTheReadmeIsWhatVerifyDraws(t *testing.T) {
	if !strings.Contains(readText(t, top+"/README.md"), readText(t, "testdata/panel-pass.golden")) {
		t.Error("README.md does not show testdata/panel-pass.golden")
	}
}

// TestTheDemoDrawsThePictureInTheReadme compares it with a real verification, but for what differs each time.
func TestTheDemoDrawsThePictureInTheReadme(t *testing.T) {
	p := startDemo(t, t.TempDir())
	out, err := exec.Command(binary(t), "verify", "--dir", p.dir, p.people(t)[0].Scan).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := everyTime(string(out)), everyTime(readText(t, "testdata/panel-pass.golden")); got != want {
		t.Errorf("the demo draws\n%swant\n%s", got, want)
	}
}

// everyTime puts the same holder, times and id into every panel.
func everyTime(panel string) string {
	for pattern, same := range map[string]string{
		`.\*某`:                 "某*某",
		`\*[0-9]{4}`:           "*0000",
		`live · [0-9.]+m?s +`:  "live · 0ms ",
		`[0-9-]{10} [0-9:]{8}`: "0000-00-00 00:00:00",
		`01[0-9A-Z]{24}`:       "01",
	} {
		panel = regexp.MustCompile(pattern).ReplaceAllString(panel, same)
	}
	return panel
}

// TestLinksInTheDocumentsLeadSomewhere checks the relative ones.
func TestLinksInTheDocumentsLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, file := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(readText(t, file), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", file, m[1])
			}
		}
	}
}
