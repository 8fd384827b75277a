// Package tongma_test keeps the walls of the house: who may import whom, and what each system's folder holds.
// ARCHITECTURE.md draws the same walls in words.
package tongma_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pkg is what `go list -json` says of a package of ours.
type pkg struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// A room is a package tree and the trees of ours that it may see, itself always among them.
type room struct {
	path  string
	sees  []string // also in tests
	tests []string // in tests only
}

var rooms = []room{
	{path: "tongma/standard"},
	{path: "tongma/adapters", sees: []string{"tongma/standard"}},
	{path: "tongma/conformance", sees: []string{"tongma/standard"}},
	{path: "tongma/gateway", sees: []string{"tongma/standard", "tongma/adapters"}, tests: []string{"tongma/conformance/sandbox"}},
	{path: "tongma/cmd", sees: []string{"tongma/standard", "tongma/adapters", "tongma/gateway", "tongma/conformance"}},
}

// A keeper is the only room that may import a package tree, so that a library can be exchanged in one place.
type keeper struct {
	library string
	rooms   []string
	tests   []string // may besides import it in tests
}

var keepers = []keeper{
	{library: "github.com/labstack/echo", rooms: []string{"tongma/gateway/api"}},
	{library: "github.com/go-resty/resty", rooms: []string{"tongma/gateway/upstream"}},
	{library: "github.com/sony/gobreaker", rooms: []string{"tongma/gateway/upstream"}},
	{library: "github.com/hashicorp/golang-lru", rooms: []string{"tongma/gateway", "tongma/adapters/descriptor"}},
	{library: "github.com/redis/go-redis", rooms: []string{"tongma/gateway/freshness", "tongma/gateway/replay"}},
	{library: "modernc.org/sqlite", rooms: []string{"tongma/gateway/store"}},
	{library: "github.com/jackc/pgx", rooms: []string{"tongma/gateway/store"}},
	{library: "github.com/pressly/goose", rooms: []string{"tongma/gateway/store"}},
	{library: "github.com/transparency-dev/merkle", rooms: []string{"tongma/standard/proof"}},
	{library: "go.opentelemetry.io", rooms: []string{"tongma/gateway/tracing"}},
	{library: "github.com/expr-lang/expr", rooms: []string{"tongma/adapters/descriptor"}},
	{library: "github.com/spf13/cobra", rooms: []string{"tongma/cmd/tongma"}},
	{library: "github.com/schollz/progressbar", rooms: []string{"tongma/cmd/tongma"}},
	{library: "github.com/HdrHistogram", rooms: []string{"tongma/gateway/load"}},
	{library: "github.com/emmansun/gmsm", rooms: []string{"tongma/standard/sm"}},
	{library: "github.com/tjfoc/gmsm", rooms: []string{"tongma/standard/sm/second"}},
	{library: "tongma/standard/sm/second", rooms: []string{"tongma/cmd"}, tests: []string{"tongma/standard/sm"}},
	{library: "net", rooms: []string{"tongma/standard/wire", "tongma/adapters", "tongma/gateway", "tongma/conformance", "tongma/cmd"}, tests: []string{"tongma/standard"}},
}

// under says whether path is tree or below it.
func under(path, tree string) bool {
	return path == tree || strings.HasPrefix(path, tree+"/")
}

func underAny(path string, trees []string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool { return under(path, tree) })
}

// breaches says in words which walls p breaks.
func breaches(p pkg) []string {
	var found []string
	at := slices.IndexFunc(rooms, func(r room) bool { return under(p.ImportPath, r.path) })
	if at < 0 {
		if p.ImportPath == "tongma" { // this test and the list of dependencies
			return nil
		}
		return []string{p.ImportPath + " is in no room of the house"}
	}
	own := rooms[at]
	check := func(imported string, inTest bool) {
		if under(imported, "tongma") && !under(imported, own.path) && !underAny(imported, own.sees) &&
			!(inTest && underAny(imported, own.tests)) {
			found = append(found, p.ImportPath+" must not import "+imported)
		}
		for _, k := range keepers {
			if under(imported, k.library) && !underAny(p.ImportPath, k.rooms) && !under(p.ImportPath, k.library) &&
				!(inTest && underAny(p.ImportPath, k.tests)) {
				found = append(found, p.ImportPath+" must not import "+imported+", which belongs to "+strings.Join(k.rooms, ", "))
			}
		}
	}
	for _, i := range p.Imports {
		check(i, false)
	}
	for _, i := range slices.Concat(p.TestImports, p.XTestImports) {
		check(i, true)
	}
	return found
}

// packages lists all packages of ours.
func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < len(rooms) {
		t.Fatalf("go list shows %d packages only", len(list))
	}
	return list
}

func TestHouseWallsStand(t *testing.T) {
	for _, p := range packages(t) {
		for _, b := range breaches(p) {
			t.Error(b)
		}
	}
}

// TestTheHouseIsDrawnWithEveryRoom: ARCHITECTURE.md names each package in its drawing.
func TestTheHouseIsDrawnWithEveryRoom(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, drawing, _ := strings.Cut(string(text), "```text\n")
	drawing, _, _ = strings.Cut(drawing, "```")
	for _, p := range packages(t) {
		name := path.Base(p.ImportPath)
		if !regexp.MustCompile(`(?m)(^|[ /])` + regexp.QuoteMeta(name) + `\b`).MatchString(drawing) {
			t.Errorf("ARCHITECTURE.md does not draw %s", p.ImportPath)
		}
	}
}

func TestBrokenWallsAreNoticed(t *testing.T) {
	tests := []struct {
		name string
		pkg  pkg
		want int
	}{
		{"standard sees adapters", pkg{ImportPath: "tongma/standard", Imports: []string{"tongma/adapters"}}, 1},
		{"standard opens a socket", pkg{ImportPath: "tongma/standard", Imports: []string{"net/http"}}, 1},
		{"adapters see the gateway", pkg{ImportPath: "tongma/adapters/descriptor", Imports: []string{"tongma/gateway"}}, 1},
		{"sandbox tests see adapters", pkg{ImportPath: "tongma/conformance/sandbox", TestImports: []string{"tongma/adapters"}}, 1},
		{"gateway sees the sandbox", pkg{ImportPath: "tongma/gateway/node", Imports: []string{"tongma/conformance/sandbox"}}, 1},
		{"gateway tests see the sandbox", pkg{ImportPath: "tongma/gateway/node", XTestImports: []string{"tongma/conformance/sandbox"}}, 0},
		{"echo outside the api", pkg{ImportPath: "tongma/gateway", Imports: []string{"github.com/labstack/echo/v4"}}, 1},
		{"echo in the api", pkg{ImportPath: "tongma/gateway/api", Imports: []string{"github.com/labstack/echo/v4/middleware"}}, 0},
		{"Redis in the pipeline", pkg{ImportPath: "tongma/gateway", Imports: []string{"github.com/redis/go-redis/v9"}}, 1},
		{"resty in a test elsewhere", pkg{ImportPath: "tongma/gateway/api", TestImports: []string{"github.com/go-resty/resty/v2"}}, 1},
		{"the second engine in the gateway", pkg{ImportPath: "tongma/gateway", Imports: []string{"tongma/standard/sm/second"}}, 1},
		{"the second engine in sm's tests", pkg{ImportPath: "tongma/standard/sm", XTestImports: []string{"tongma/standard/sm/second"}}, 0},
		{"a new tree nobody has planned", pkg{ImportPath: "tongma/util", Imports: []string{"tongma/standard"}}, 1},
	}
	for _, tt := range tests {
		if got := breaches(tt.pkg); len(got) != tt.want {
			t.Errorf("%s: %d breaches, want %d: %q", tt.name, len(got), tt.want, got)
		}
	}
}

// TestEverySystemHasTheSameFolder: opening one system's folder teaches all, also the one that `adapter new` makes.
func TestEverySystemHasTheSameFolder(t *testing.T) {
	descriptors, err := filepath.Glob("adapters/*/adapter.yaml")
	if err != nil || len(descriptors) == 0 {
		t.Fatalf("adapters/ holds no system: %v", err)
	}
	const skeleton = "cmd/tongma/skeleton"
	want := headings(t, skeleton)
	for _, d := range append(descriptors, skeleton+"/adapter.yaml") {
		dir := filepath.Dir(d)
		for _, name := range []string{"fixtures.yaml", "README.md"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Errorf("%s has no %s", dir, name)
			}
		}
		if got := headings(t, dir); !slices.Equal(got, want) {
			t.Errorf("%s/README.md has the headings %q, want %q", dir, got, want)
		}
	}
}

func headings(t *testing.T, dir string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(data)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			found = append(found, strings.TrimSpace(heading))
		}
	}
	return found
}

// TestNoFolderOfAdaptersIsHalfASystem: what is not a Go package is a system.
func TestNoFolderOfAdaptersIsHalfASystem(t *testing.T) {
	dirs, err := os.ReadDir("adapters")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if !d.IsDir() || d.Name() == "descriptor" || d.Name() == "strict" || d.Name() == "testdata" {
			continue
		}
		if _, err := os.Stat(filepath.Join("adapters", d.Name(), "adapter.yaml")); err != nil {
			t.Errorf("adapters/%s has no adapter.yaml", d.Name())
		}
	}
}
