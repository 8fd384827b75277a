package descriptor

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

const readme = "../README.md"

var (
	yamlBlock     = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	fixturesBlock = regexp.MustCompile("(?s)```yaml fixtures\n(.*?)```")
	topKey        = regexp.MustCompile(`(?m)^[a-z]+:`)
)

// sections splits a descriptor into its top-level keys, in order.
func sections(src string) (keys []string, text map[string]string) {
	text = map[string]string{}
	starts := topKey.FindAllStringIndex(src, -1)
	for i, s := range starts {
		end := len(src)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		key := src[s[0] : s[1]-1]
		keys = append(keys, key)
		text[key] = src[s[0]:end]
	}
	return keys, text
}

// The first example is whole, as is one of a dialect; each other one stands in the place of the same keys of the first.
func TestEveryExampleOfTheReadmeLoads(t *testing.T) {
	src, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlock.FindAllStringSubmatch(string(src), -1)
	if len(blocks) < 4 {
		t.Fatalf("%d examples", len(blocks))
	}
	order, base := sections(blocks[0][1])
	for i, block := range blocks {
		keys, changed := sections(block[1])
		if slices.Contains(keys, "dialect") {
			if _, err := Parse(File, []byte(block[1])); err != nil {
				t.Errorf("example %d: %v", i+1, err)
			}
			continue
		}
		var whole strings.Builder
		for _, key := range order {
			if text, ok := changed[key]; ok {
				whole.WriteString(text)
			} else {
				whole.WriteString(base[key])
			}
		}
		for _, key := range keys {
			if !slices.Contains(order, key) {
				whole.WriteString(changed[key])
			}
		}
		if _, err := Parse(File, []byte(whole.String())); err != nil {
			t.Errorf("example %d: %v", i+1, err)
		}
	}
}

func TestTheFixturesOfTheReadmeHoldForItsSample(t *testing.T) {
	src, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	sample, fixtures := yamlBlock.FindSubmatch(src), fixturesBlock.FindSubmatch(src)
	if sample == nil || fixtures == nil {
		t.Fatal("no sample, or no fixtures of it")
	}
	results, err := RunFixtures(fstest.MapFS{"sample/" + File: {Data: sample[1]}, "sample/" + Fixtures: {Data: fixtures[1]}}, "sample")
	if err != nil || len(results) < 3 {
		t.Fatal(len(results), err)
	}
	for _, r := range results {
		if len(r.Differences) > 0 {
			t.Errorf("%s: %+v", r.Name, r.Differences)
		}
	}
}

func TestTheReadmeHasEveryKeyOfAFixture(t *testing.T) {
	src, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, ok := strings.Cut(string(src), "\n## Fixtures\n")
	if !ok {
		t.Fatal("no chapter on fixtures")
	}
	for _, of := range []reflect.Type{
		reflect.TypeFor[fixture](), reflect.TypeFor[exchange](), reflect.TypeOf(exchange{}.Expect), reflect.TypeOf(exchange{}.Reply),
	} {
		for i := range of.NumField() {
			if key := of.Field(i).Tag.Get("yaml"); !strings.Contains(chapter, "`"+key+"`") {
				t.Errorf("the key %s of fixtures is not told", key)
			}
		}
	}
}

func TestTheReadmeListsEveryFunction(t *testing.T) {
	var b strings.Builder
	b.WriteString("<!-- functions: kept by a test -->\n\n| function | gives |\n|---|---|\n")
	for _, f := range functions(time.UTC) {
		call, what, ok := strings.Cut(f.usage, ": ")
		if !ok || !strings.HasPrefix(call, f.name+"(") {
			t.Errorf("the usage of %s is %q", f.name, f.usage)
		}
		b.WriteString("| `" + call + "` | " + strings.ReplaceAll(what, "|", `\|`) + " |\n")
	}
	src, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	table := regexp.MustCompile(`(?s)<!-- functions: kept by a test -->\n(\n\|.*?\n\n)?\n*`)
	want := table.ReplaceAllLiteralString(string(src), b.String()+"\n")
	if *update {
		if err := os.WriteFile(readme, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(src) {
		t.Error("the table of functions is not that of the code; go test -update writes it")
	}
}

func TestTheReadmeHasEveryWordOfTheLanguage(t *testing.T) {
	src, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	words := slices.Concat(methods, builtins, groups, documentNames)
	for word := range outcomes {
		words = append(words, word)
	}
	for path := range recordMembers {
		words = append(words, strings.Split(path, ".")...)
	}
	keys, err := os.ReadFile("testdata/findings/unknown-keys.golden") // it names all keys that there are
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(keys)) {
		_, list, _ := strings.Cut(line, " (it has ")
		words = append(words, strings.Split(strings.TrimRight(list, ")\n"), ", ")...)
	}
	for _, word := range words {
		if !regexp.MustCompile(`[^A-Za-z]` + regexp.QuoteMeta(word) + `[^A-Za-z]`).Match(src) {
			t.Errorf("%q is not in adapters/README.md", word)
		}
	}
}
