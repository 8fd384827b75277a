package adapters_test

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"go.yaml.in/yaml/v3"

	"tongma/adapters"
	"tongma/adapters/descriptor"
)

// builtin gives the folders of the systems that come with Tongma.
func builtin(t *testing.T) []string {
	t.Helper()
	dirs, err := fs.ReadDir(adapters.Builtin, ".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range dirs {
		names = append(names, d.Name())
	}
	if len(names) < 3 {
		t.Fatalf("%d systems are built in: %q", len(names), names)
	}
	return names
}

func load(t *testing.T, dir string) *descriptor.Descriptor {
	t.Helper()
	d, err := descriptor.Load(adapters.Builtin, dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func read(t *testing.T, dir, file string) []byte {
	t.Helper()
	src, err := fs.ReadFile(adapters.Builtin, dir+"/"+file)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// fixturesOf gives a system's fixtures as they stand in the file.
func fixturesOf(t *testing.T, dir string) (fixtures []map[string]any) {
	t.Helper()
	if err := yaml.Unmarshal(read(t, dir, descriptor.Fixtures), &fixtures); err != nil {
		t.Fatal(err)
	}
	return fixtures
}

// run runs fixtures on a clock of their own, so that waiting for another try takes no time.
func run(t *testing.T, fsys fs.FS, dir string) (results []descriptor.FixtureResult, err error) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { results, err = descriptor.RunFixtures(fsys, dir) })
	return results, err
}

// folder is a system's folder with a descriptor and fixtures of the test's.
func folder(adapter, fixtures []byte) fs.FS {
	return fstest.MapFS{descriptor.File: {Data: adapter}, descriptor.Fixtures: {Data: fixtures}}
}

func TestFixturesComeOutAsTheySay(t *testing.T) {
	for _, dir := range builtin(t) {
		t.Run(dir, func(t *testing.T) {
			results, err := run(t, adapters.Builtin, dir)
			if err != nil {
				t.Fatal(err)
			}
			names := map[string]bool{}
			for _, r := range results {
				t.Run(r.Name, func(t *testing.T) {
					for _, d := range r.Differences {
						t.Errorf("%s/%s:%d: %s\nwant %s\ngot  %s", dir, descriptor.Fixtures, r.Line, d.Field, d.Want, d.Got)
					}
				})
				if names[r.Name] {
					t.Errorf("%s/%s:%d: another fixture is called %q", dir, descriptor.Fixtures, r.Line, r.Name)
				}
				names[r.Name] = true
			}
		})
	}
}

func TestBuiltInSystemsFormOneCatalogue(t *testing.T) {
	var entries []adapters.Entry
	for _, dir := range builtin(t) {
		d := load(t, dir)
		if id := d.Info().System; id != dir {
			t.Errorf("the folder %s holds the system %s", dir, id)
		}
		entries = append(entries, adapters.Entry{Info: d.Info(), Adapter: d.Open(nowhere{})})
	}
	c, err := adapters.NewCatalogue(entries)
	if err != nil {
		t.Fatal(err)
	}
	for e := range c.Entries() {
		if e.Info.Dialect == "" {
			continue
		}
		scan, _ := fixturesOf(t, e.Info.System)[0]["scan"].(string)
		var ticket adapters.Ticket
		if got, ok := c.Recognise(scan, &ticket); !ok || got != e {
			t.Errorf("nobody, or another system, claims the code of %s when the request does not say whose it is", e.Info.System)
		}
	}
}

// nowhere is a host without credentials, for adapters that are not asked.
type nowhere struct{ adapters.Host }

func (nowhere) Credential(string) (string, bool) { return "", false }

// sections are those of a system's README, in their order.
var sections = []string{"Name", "Description", "Scans", "Protocol", "Answers", "Facts", "What is not public", "Configuration", "Limits", "Operations", "See also"}

func TestREADMEsAreManualPages(t *testing.T) {
	for _, dir := range builtin(t) {
		t.Run(dir, func(t *testing.T) {
			info, text := load(t, dir).Info(), string(read(t, dir, "README.md"))
			var got []string
			for line := range strings.Lines(text) {
				if title, ok := strings.CutPrefix(line, "## "); ok {
					got = append(got, strings.TrimSpace(title))
				}
			}
			if !slices.Equal(got, sections) {
				t.Errorf("sections\n%q, want\n%q", got, sections)
			}
			top, _, _ := strings.Cut(text, "## Description")
			if len(info.Synthetic) > 0 && !strings.Contains(top, "**synthetic**") {
				t.Error("something in this dialect is invented, and the top of the page does not say **synthetic**")
			}
			_, text, _ = strings.Cut(text, "## Configuration")
			_, text, _ = strings.Cut(text, "```yaml\n")
			block, _, _ := strings.Cut(text, "```")
			checkConfiguration(t, info, block)
		})
	}
}

// checkConfiguration tells where the YAML in a README is not what `tongma serve` asks for.
func checkConfiguration(t *testing.T, info adapters.Info, block string) {
	t.Helper()
	var config struct {
		Systems map[string]struct {
			Endpoint    string
			PlaceIDs    map[string]string `yaml:"placeIds"`
			Credentials map[string]any
		}
	}
	dec := yaml.NewDecoder(strings.NewReader(block))
	dec.KnownFields(true)
	if err := dec.Decode(&config); err != nil {
		t.Fatalf("configuration: %v", err)
	}
	system := config.Systems[info.System]
	if len(config.Systems) != 1 || system.Endpoint == "" {
		t.Errorf("the configuration has no systems: %s: endpoint", info.System)
	}
	for _, c := range info.Credentials {
		value, ok := system.Credentials[c.Name]
		if _, elsewhere := value.(map[string]any); !ok || c.Secret && !elsewhere {
			t.Errorf("credential %s is %v: every credential stands there, a secret as {file: …} or {env: …}", c.Name, value)
		}
		delete(system.Credentials, c.Name)
	}
	for name := range system.Credentials {
		t.Errorf("there is no credential %s", name)
	}
}

// promised are the parts of a descriptor that say what is asked and what becomes of the answer.
var promised = []string{"recognise", "tokens", "common", "verify", "record", "statuses", "tables"}

// TestEveryLineOfADescriptorIsPromisedByAFixture leaves out one clause, header, status, member … after the other: each time the
// descriptor no longer loads, or a fixture notices.
func TestEveryLineOfADescriptorIsPromisedByAFixture(t *testing.T) {
	for _, dir := range builtin(t) {
		t.Run(dir, func(t *testing.T) {
			var doc yaml.Node
			if err := yaml.Unmarshal(read(t, dir, descriptor.File), &doc); err != nil {
				t.Fatal(err)
			}
			fixtures, shared := fixturesOf(t, dir), load(t, dir).Info().Dialect != ""
			tried := 0
			without(doc.Content[0], "", func(at string, line int) {
				if !slices.ContainsFunc(promised, func(p string) bool { return strings.HasPrefix(at, p+".") }) || unseen(at) {
					return
				}
				if shared && at == "recognise.0" { // fixtures name the system, and then another form takes the code: TestBuiltInSystemsFormOneCatalogue
					return
				}
				src, err := yaml.Marshal(&doc)
				if err != nil {
					t.Fatal(err)
				}
				tried++
				if !noticed(t, src, fixtures) {
					t.Errorf("%s/%s:%d: no fixture notices when %s is left out", dir, descriptor.File, line, at)
				}
			})
			if tried < 30 && !shared {
				t.Errorf("only %d lines were left out", tried)
			}
		})
	}
}

// noticed says whether a changed descriptor no longer loads, or a fixture comes out otherwise than it says.
func noticed(t *testing.T, adapter []byte, fixtures []map[string]any) bool {
	t.Helper()
	for some := range slices.Chunk(fixtures, 10) { // most changes show soon
		results, err := run(t, folder(adapter, []byte(encoded(some))), ".")
		if err != nil || slices.ContainsFunc(results, func(r descriptor.FixtureResult) bool { return len(r.Differences) > 0 }) {
			return true
		}
	}
	return false
}

// unseen says what no fixture can notice: what only passing time shows, which stands still there, which machine a token belongs to, and the
// when of a step that is reached only if it holds.
func unseen(at string) bool {
	return strings.HasSuffix(at, ".lives") || strings.HasSuffix(at, ".renew") || strings.HasSuffix(at, ".scope") || strings.HasSuffix(at, "(retry).after") || at == "verify.1.when"
}

// without leaves out each member and each element below n in turn, and calls seen before it puts it back.
func without(n *yaml.Node, at string, seen func(at string, line int)) {
	size := 1
	if n.Kind == yaml.MappingNode {
		size = 2
	}
	for i := 0; i+size <= len(n.Content); i += size {
		name := fmt.Sprint(i)
		if n.Kind == yaml.MappingNode {
			name = n.Content[i].Value
		}
		name = strings.TrimPrefix(at+"."+name, ".") + outcomeOf(n.Content[i+size-1])
		all := n.Content
		n.Content = slices.Concat(all[:i], all[i+size:])
		seen(name, all[i].Line)
		n.Content = all
		without(n.Content[i+size-1], name, seen)
	}
}

// outcomeOf names a clause by its word.
func outcomeOf(n *yaml.Node) string {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "is" {
			return "(" + n.Content[i+1].Value + ")"
		}
	}
	return ""
}
