package adapters_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"go.yaml.in/yaml/v3"

	"tongma/adapters"
	"tongma/adapters/descriptor"
	"tongma/standard"
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
	if _, err := adapters.NewCatalogue(entries); err != nil {
		t.Error(err)
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
			fixtures := fixturesOf(t, dir)
			tried := 0
			without(doc.Content[0], "", func(at string, line int) {
				if !slices.ContainsFunc(promised, func(p string) bool { return strings.HasPrefix(at, p+".") }) || unseen(at) {
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
			if tried < 30 {
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

// unseen says what no fixture can notice: what only passing time shows, which stands still there, and the when of a step that is
// reached only if it holds.
func unseen(at string) bool {
	return strings.HasSuffix(at, ".lives") || strings.HasSuffix(at, ".renew") || strings.HasSuffix(at, "(retry).after") || at == "verify.1.when"
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

// decisive says of each system's calls, by the beginning of their path, on which members of the reply its green rests: the code, the
// status, whose answer it is, and what these stand in. A reply in which one of them says anything else is never green.
var decisive = map[string]map[string][]string{
	"suishen": {
		"/gateway/interface-sj-jkmjk/getInfo": {".code", ".data", ".data.type", ".data.uuid"},
		"/gateway/interface-sj-ssmjm/getInfo": {".code", ".data", ".data[].type"},
	},
	"suikang": {
		"/ebus/wyj/healthy-thirdapi/qrc-code-status/":                        {".code", ".data", ".data.codeId", ".data.color"},
		"/ebus/wyj/prominent-citizens/v1/api/thirtparty/qrccode/infobycode/": {".code", ".data"},
	},
	"hangzhou": {
		"/gateway/api/001003001/dataSharing/interfaceByQr000.htm": {".code", ".datas", ".datas[]", ".datas[].mzt"},
		"/gateway/api/001003001/dataSharing/interfaceById000.htm": {".code", ".datas", ".datas[]", ".datas[].mzt", ".datas[].sfzh", ".datas[].xm"},
	},
}

// TestNoSpoiltReplyIsGreen spoils the replies of every green fixture: each member at any depth, also inside JSON strings, left out
// or replaced by what else could stand there, the body cut at every byte, HTTP status 500. Fixtures with several codes a
// person are left out: which of them counts changes with the reply.
func TestNoSpoiltReplyIsGreen(t *testing.T) {
	for _, dir := range builtin(t) {
		t.Run(dir, func(t *testing.T) {
			fixtures := fixturesOf(t, dir)
			spoilt, answers := []map[string]any{}, map[string]bool{}
			for _, fx := range fixtures {
				is := fx["is"].(map[string]any)
				if is["status"] != "00" || is["others"] != nil {
					continue
				}
				last := lastReplies(fx)
				for path, call := range last {
					members := decidedBy(dir, path)
					body, _ := fx["calls"].([]any)[call].(map[string]any)["reply"].(map[string]any)["body"].(string)
					if members == nil || answers[path+body] {
						continue
					}
					answers[path+body] = true
					if len(answers) == 1 {
						spoilt = append(spoilt, spoil(fx, call, "not at all", 200, body))
					}
					spoilt = append(spoilt, spoiltReplies(t, fx, call, body, members)...)
				}
			}
			for path := range decisive[dir] {
				if !slices.ContainsFunc(slices.Collect(maps.Keys(answers)), func(a string) bool { return strings.HasPrefix(a, path) }) {
					t.Errorf("no green fixture has a call of %s", path)
				}
			}
			green := stillGreen(t, read(t, dir, descriptor.File), spoilt)
			if len(green) == 0 || green[0] != spoilt[0]["name"] {
				t.Fatal("not even the reply that was not spoilt is green")
			}
			for _, name := range green[1:] {
				t.Error("green: " + name)
			}
			t.Logf("%d spoilt replies to %d answers", len(spoilt)-1, len(answers))
		})
	}
}

// lastReplies gives the last call of a fixture to each path. Earlier ones are those that the system refused.
func lastReplies(fx map[string]any) map[string]int {
	last := map[string]int{}
	calls, _ := fx["calls"].([]any)
	for i, c := range calls {
		expect := c.(map[string]any)["expect"].(map[string]any)
		for _, method := range []string{"get", "post", "put"} {
			if path, ok := expect[method].(string); ok {
				last[path] = i
			}
		}
	}
	return last
}

// decidedBy gives the members of a call's reply on which green rests, nil for a call that is not in the table.
func decidedBy(system, path string) []string {
	for prefix, members := range decisive[system] {
		if strings.HasPrefix(path, prefix) {
			return members
		}
	}
	return nil
}

func spoiltReplies(t *testing.T, fx map[string]any, call int, body string, members []string) []map[string]any {
	t.Helper()
	out := []map[string]any{spoil(fx, call, "HTTP status 500", 500, body)}
	for i := range len(body) {
		out = append(out, spoil(fx, call, fmt.Sprintf("cut after %d bytes", i), 200, body[:i]))
	}
	var value any
	dec := json.NewDecoder(strings.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants(value, "") {
		if m.at == "" || slices.Contains(members, m.at) {
			out = append(out, spoil(fx, call, m.at+" "+m.what, 200, encoded(m.value)))
		}
	}
	return out
}

// spoil is a fixture with another reply to one of its calls.
func spoil(fx map[string]any, call int, what string, status int, body string) map[string]any {
	out := maps.Clone(fx)
	calls := slices.Clone(fx["calls"].([]any))
	calls[call] = map[string]any{
		"expect": calls[call].(map[string]any)["expect"],
		"reply":  map[string]any{"status": status, "body": body},
	}
	out["name"] = fmt.Sprintf("%s; reply %d spoilt: %s", fx["name"], call, what)
	out["calls"], out["is"] = calls, map[string]any{"outcome": standard.Verified, "status": standard.Green}
	return out
}

// mutant is a JSON value of which one member, at a path such as .data[].type, says something else.
type mutant struct {
	at, what string
	value    any
}

// others are what could stand in a member's place: other types, and the words for colours and codes of other systems.
var others = []any{nil, true, 0, 1, 200, "", " ", "0", "1", "2", "3", "00", "01", "10", "03", "11", "green", "绿码", "S1", "null", "x", map[string]any{}, []any{}}

// mutants gives a value with each member below it left out and replaced, also in JSON that stands in a string.
func mutants(v any, at string) (out []mutant) {
	for _, other := range others {
		if plain(other) != plain(v) {
			out = append(out, mutant{at, "becomes " + encoded(other), other})
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for k, member := range v {
			with := func(m mutant) { c := maps.Clone(v); c[k] = m.value; out = append(out, mutant{m.at, m.what, c}) }
			less := maps.Clone(v)
			delete(less, k)
			out = append(out, mutant{at + "." + k, "is left out", less})
			for _, m := range mutants(member, at+"."+k) {
				with(m)
			}
		}
	case []any:
		for i, element := range v {
			out = append(out, mutant{at + "[]", "is left out", slices.Delete(slices.Clone(v), i, i+1)})
			for _, m := range mutants(element, at+"[]") {
				c := slices.Clone(v)
				c[i] = m.value
				out = append(out, mutant{m.at, m.what, c})
			}
		}
	case string:
		var inner any
		if strings.HasPrefix(v, "{") || strings.HasPrefix(v, "[") {
			if json.Unmarshal([]byte(v), &inner) == nil {
				for _, m := range mutants(inner, at) {
					out = append(out, mutant{m.at, m.what + ", inside its string", encoded(m.value)})
				}
			}
		}
	}
	return out
}

// plain gives a value as a dialect reads it: a number is the text that writes it.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int, json.Number:
		return fmt.Sprint(v)
	}
	return encoded(v)
}

func encoded(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // only what JSON has is encoded
	}
	return string(text)
}

// batch is how many fixtures are run at once; a fixture file has a limit.
const batch = 100

// stillGreen runs fixtures and names those that come out verified and green.
func stillGreen(t *testing.T, adapter []byte, fixtures []map[string]any) (green []string) {
	t.Helper()
	for some := range slices.Chunk(fixtures, batch) {
		results, err := run(t, folder(adapter, []byte(encoded(some))), ".")
		if err != nil || len(results) != len(some) {
			t.Fatalf("%d of %d fixtures ran: %v", len(results), len(some), err)
		}
		for _, r := range results {
			differs := func(d descriptor.Difference) bool { return d.Field == "outcome" || d.Field == "status" }
			if !slices.ContainsFunc(r.Differences, differs) {
				green = append(green, r.Name)
			}
		}
	}
	return green
}
