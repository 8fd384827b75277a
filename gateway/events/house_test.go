package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rooms are the packages that may log through the catalogue alone.
var rooms = []string{"tongma/gateway/...", "tongma/cmd/tongma"}

const own = "tongma/gateway/events"

// What a package may have of slog and log: what names a logger or an attribute, and nothing that writes.
var harmless = map[string]bool{
	"log/slog.Logger": true, "log/slog.Handler": true, "log/slog.Attr": true, "log/slog.Level": true, "log/slog.HandlerOptions": true,
	"log/slog.LevelDebug": true, "log/slog.LevelInfo": true, "log/slog.LevelWarn": true, "log/slog.LevelError": true,
	"log/slog.New": true, "log/slog.NewTextHandler": true, "log/slog.NewJSONHandler": true, "log/slog.DiscardHandler": true,
	"log/slog.String": true, "log/slog.Int": true, "log/slog.Int64": true, "log/slog.Uint64": true, "log/slog.Time": true, "log/slog.Duration": true,
	"log/slog.Any": true, "log/slog.Bool": true, "log/slog.Level.Level": true,
	"log/slog.HandlerOptions.Level": true, "log/slog.Attr.Key": true, "log/slog.Attr.Value": true, "log/slog.Logger.With": true,
	"log.Logger": true,
}

// streams are what writes to the terminal. The node's own log begins there.
var streams = map[string]bool{"os.Stderr": true, "os.Stdout": true, "fmt.Print": true, "fmt.Println": true, "fmt.Printf": true}

const node = "tongma/gateway/node"

// room is a package as `go list` gives it.
type room struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	Standard, DepOnly       bool
}

// list gives the packages of the rooms, and where the compiled form of each that they import is.
func list(t *testing.T) (own []room, exports map[string]string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,DepOnly"}, rooms...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	exports = map[string]string{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p room
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return own, exports
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if !p.DepOnly {
			own = append(own, p)
		}
	}
}

// read parses a package and finds what each name in it means.
func read(t *testing.T, fset *token.FileSet, imports types.Importer, p room) ([]*ast.File, *types.Info) {
	t.Helper()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}
	if _, err := (&types.Config{Importer: imports}).Check(p.ImportPath, fset, files, info); err != nil {
		t.Fatal(err)
	}
	return files, info
}

// nameOf gives an object's full name: package, type if it is one's, name.
func nameOf(o types.Object) string {
	name := o.Name()
	if f, ok := o.(*types.Func); ok {
		if recv := f.Signature().Recv(); recv != nil {
			of := recv.Type()
			if p, ok := of.(*types.Pointer); ok {
				of = p.Elem()
			}
			if n, ok := of.(*types.Named); ok {
				name = n.Obj().Name() + "." + name
			}
		}
	}
	return o.Pkg().Path() + "." + name
}

// TestAllLoggingGoesThroughTheCatalogue finds whatever else of slog or log the packages of the gateway use, what they write to the terminal, texts
// of errors that are no constants, and events that nobody tells.
func TestAllLoggingGoesThroughTheCatalogue(t *testing.T) {
	packages, exports := list(t)
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no %s", path)
		}
		return os.Open(exports[path])
	})
	toldEvents := map[string]bool{}
	for _, p := range packages {
		if p.ImportPath == own {
			continue
		}
		files, info := read(t, fset, imports, p)
		for id, o := range info.Uses {
			if b, ok := o.(*types.Builtin); ok && strings.HasPrefix(b.Name(), "print") {
				t.Errorf("%s: %s writes past the log", fset.Position(id.Pos()), b.Name())
			}
			if o.Pkg() == nil {
				continue
			}
			switch o.Pkg().Path() {
			case "os", "fmt":
				if under := strings.HasPrefix(p.ImportPath+"/", "tongma/gateway/"); under && p.ImportPath != node && streams[nameOf(o)] {
					t.Errorf("%s: %s writes past the log", fset.Position(id.Pos()), nameOf(o))
				}
			case "log", "log/slog":
				if field, ok := o.(*types.Var); ok && field.IsField() {
					continue
				}
				if !harmless[nameOf(o)] {
					t.Errorf("%s: %s goes past the catalogue: declare an event in gateway/events and tell that", fset.Position(id.Pos()), nameOf(o))
				}
			case own:
				toldEvents[o.Name()] = true
			}
		}
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) != 1 || !info.Types[call.Fun].IsType() || info.Types[call.Fun].Type.String() != own+".Err" {
					return true
				}
				if info.Types[call.Args[0]].Value == nil {
					t.Errorf("%s: the text of an events.Err must be a constant", fset.Position(call.Pos()))
				}
				return true
			})
		}
	}
	at := slices.IndexFunc(packages, func(p room) bool { return p.ImportPath == own })
	if at < 0 || len(packages) < 10 {
		t.Fatalf("%d packages are looked at", len(packages))
	}
	files, _ := read(t, fset, imports, packages[at])
	for name := range variables(files) {
		if !toldEvents[name] && name != "HTTP" && name != "Undeclared" { // this package tells them itself
			t.Errorf("nobody tells the event %s", name)
		}
	}
}

// variables gives the names of the variables that hold events.
func variables(files []*ast.File) map[string]bool {
	names := map[string]bool{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 {
				return true
			}
			if call, ok := v.Values[0].(*ast.CallExpr); ok {
				if fun, ok := call.Fun.(*ast.Ident); ok && fun.Name == "declare" {
					names[v.Names[0].Name] = true
				}
			}
			return true
		})
	}
	return names
}
