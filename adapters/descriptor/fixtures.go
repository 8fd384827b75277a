package descriptor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tongma/adapters"
	"tongma/standard"
)

// fixture is one entry of fixtures.yaml: what is scanned, what the backend is asked and replies, and what comes of it.
type fixture struct {
	Name     string             `yaml:"name"`
	Now      string             `yaml:"now"`
	Cred     map[string]string  `yaml:"cred"`
	Token    map[string]any     `yaml:"token"`
	Random   []string           `yaml:"random"`
	Scan     string             `yaml:"scan"`
	Document *standard.Document `yaml:"document"`
	Place    struct {
		Region string            `yaml:"region"`
		Site   string            `yaml:"site"`
		IDs    map[string]string `yaml:"ids"`
	} `yaml:"place"`
	Operator standard.Operator `yaml:"operator"`
	Caller   struct {
		ID      string `yaml:"id"`
		Device  string `yaml:"device"`
		Scene   string `yaml:"scene"`
		Purpose string `yaml:"purpose"`
	} `yaml:"caller"`
	Calls  []exchange     `yaml:"calls"`
	Answer map[string]any `yaml:"answer"` // of the dialect national: what the platform answers, in place of calls
	Is     map[string]any `yaml:"is"`
}

// promises are the members of is.
var promises = []string{
	"outcome", "reason", "status", "colour", "system", "holder", "health", "trips", "others", "subject", "validUntil", "retryAfterMs", "fault",
}

// exchange is one call that is expected and the reply it gets.
type exchange struct {
	Expect struct {
		Get       string            `yaml:"get"`
		Post      string            `yaml:"post"`
		Put       string            `yaml:"put"`
		Endpoint  string            `yaml:"endpoint"`
		Query     map[string]string `yaml:"query"`
		Headers   map[string]string `yaml:"headers"`
		JSON      any               `yaml:"json"`
		Form      map[string]string `yaml:"form"`
		Multipart map[string]string `yaml:"multipart"`
		Raw       string            `yaml:"raw"`
	} `yaml:"expect"`
	Reply struct {
		Status  int                 `yaml:"status"`
		Headers map[string]string   `yaml:"headers"`
		Body    string              `yaml:"body"`
		Fault   standard.ReasonCode `yaml:"fault"` // no reply: why
	} `yaml:"reply"`
}

// Difference is one thing that came out otherwise than a fixture says.
type Difference struct {
	Field string `json:"field"`
	Want  string `json:"want"`
	Got   string `json:"got"`
}

// FixtureResult is what became of one fixture.
type FixtureResult struct {
	Name        string       `json:"name"`
	Line        int          `json:"line"`
	Outcome     string       `json:"outcome"`
	Fault       string       `json:"fault,omitempty"` // what was held against the backend, with its place in the descriptor
	Differences []Difference `json:"differences,omitempty"`
}

// RunFixtures runs the fixtures in a folder against its descriptor, without a network: time, randomness, credentials and the backend
// are the fixture's, so that signatures compare byte by byte. Its error is [Findings] when a file is at fault.
func RunFixtures(fsys fs.FS, dir string) ([]FixtureResult, error) {
	d, err := Load(fsys, dir)
	if err != nil {
		return nil, err
	}
	name := path.Join(dir, Fixtures)
	src, err := readFile(fsys, name)
	if err != nil {
		return nil, err
	}
	r := &reader{collector: collector{file: name}}
	root := r.document(src)
	if root == nil {
		return nil, r.err()
	}
	var out []FixtureResult
	for _, item := range r.sequence(root, "a fixture file") {
		var fx fixture
		if err := decode(item, &fx); err != nil {
			r.find(at(item), "not a fixture: "+plainly(err), "adapters/README.md lists what a fixture has; adapters/suishen/fixtures.yaml shows them")
			continue
		}
		if len(fx.Is) == 0 {
			r.find(at(item), "the fixture promises nothing, and so proves nothing", `say what becomes of it, such as  is: {outcome: verified, status: "00"}`)
			continue
		}
		out = append(out, fx.run(d, item.Line))
	}
	return out, r.err()
}

// decode decodes a node and refuses unknown keys.
func decode(n *yaml.Node, into any) error {
	text, err := yaml.Marshal(n)
	if err != nil {
		return err
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	return dec.Decode(into)
}

var (
	unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)
	wrongType    = regexp.MustCompile("cannot unmarshal \\S+( `[^`]*`)? into \\S+")
	nodeLine     = regexp.MustCompile(`line \d+: `) // of the one fixture, not of the file
)

// plainly says an error of the YAML library in words that need no knowledge of Go.
func plainly(err error) string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimPrefix(err.Error(), "yaml: "), "\n") {
		line = nodeLine.ReplaceAllString(strings.TrimSpace(line), "")
		line = unknownField.ReplaceAllString(line, `it has no key "$1"`)
		line = wrongType.ReplaceAllString(line, "a value is of the wrong kind$1")
		if line != "unmarshal errors:" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

func (fx *fixture) run(d *Descriptor, line int) FixtureResult {
	out := FixtureResult{Name: fx.Name, Line: line}
	differ := func(field, want, got string) {
		out.Differences = append(out.Differences, Difference{field, want, got})
	}
	now, err := time.Parse(time.RFC3339Nano, fx.Now)
	if err != nil {
		differ("now", "a time such as 2022-01-23T20:44:40+08:00", fx.Now)
		return out
	}
	host := newScript(fx, d, now, differ)
	a := d.open(host)
	for name, value := range fx.Token {
		values := a.kept[name]
		if values == nil {
			differ("token", "a token of the descriptor", name)
			return out
		}
		values.give(value, now)
	}
	got := fx.verify(d, a)
	if fx.Answer != nil && host.answered == 0 {
		differ("answer", "one call", "none")
	}
	if host.calls < len(fx.Calls) {
		differ("calls", fmt.Sprint(len(fx.Calls)), fmt.Sprint(host.calls))
	}
	if host.drawn < len(fx.Random) {
		differ("random", fmt.Sprintf("%d drawn", len(fx.Random)), fmt.Sprint(host.drawn))
	}
	out.Outcome, _ = got["outcome"].(string)
	out.Fault, _ = got["fault"].(string)
	for _, k := range slices.Sorted(maps.Keys(fx.Is)) {
		if !slices.Contains(promises, k) {
			differ("is", "one of "+strings.Join(promises, ", "), k)
		}
	}
	compare("", any(fx.Is), any(got), differ)
	return out
}

// verify recognises the scan as the catalogue does, asks the adapter, and gives what came of it as a map to compare.
func (fx *fixture) verify(d *Descriptor, a adapters.Adapter) map[string]any {
	q := fx.query()
	if !fx.recognise(d, a, &q.Ticket) {
		return map[string]any{"outcome": string(standard.Unrecognised), "reason": string(standard.ReasonUnclaimed)}
	}
	res, err := a.Verify(context.Background(), q)
	var f *adapters.Fault
	if errors.As(err, &f) {
		got := map[string]any{"outcome": string(standard.Unavailable), "reason": string(f.Reason), "fault": f.Error()}
		if f.RetryAfter > 0 {
			got["retryAfterMs"] = f.RetryAfter.Milliseconds()
		}
		return got
	}
	got := map[string]any{"outcome": string(res.Outcome)}
	if res.Reason != "" {
		got["reason"] = string(res.Reason)
	}
	if !res.ValidUntil.IsZero() {
		got["validUntil"] = res.ValidUntil.In(standard.Zone).Format(time.RFC3339)
	}
	if res.Record != nil {
		text, _ := json.Marshal(res.Record)
		_ = json.Unmarshal(text, &got)
		got["colour"] = string(res.Record.Status.Colour())
	}
	return got
}

// query is what a caller tells besides the scan.
func (fx *fixture) query() *adapters.Query {
	return &adapters.Query{
		Operator: fx.Operator,
		Caller:   adapters.Caller{ID: fx.Caller.ID, Device: fx.Caller.Device, Scene: fx.Caller.Scene, Purpose: fx.Caller.Purpose},
		Place:    adapters.PlaceOf(standard.Place{Region: cmp.Or(fx.Place.Region, "110000"), Site: fx.Place.Site}, fx.Place.IDs),
	}
}

// recognise looks the scan up in a catalogue of this system alone.
func (fx *fixture) recognise(d *Descriptor, a adapters.Adapter, t *adapters.Ticket) bool {
	c, err := adapters.NewCatalogue([]adapters.Entry{{Info: d.Info(), Adapter: a}})
	if err != nil {
		return false // Load has told it
	}
	entry, _ := c.For(d.info.System)
	if fx.Document != nil {
		return entry.RecogniseDocument(fx.Document, t)
	}
	return entry.Recognise(fx.Scan, t)
}

// compare tells where got is otherwise than want. A map may have more than is wanted; "" wants a member to be absent.
func compare(field string, want, got any, differ func(field, want, got string)) {
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for _, k := range slices.Sorted(maps.Keys(w)) {
			compare(strings.TrimPrefix(field+"."+k, "."), w[k], g[k], differ)
		}
		return
	case []any:
		g, _ := got.([]any)
		if len(w) == len(g) {
			for i := range w {
				compare(fmt.Sprintf("%s[%d]", field, i), w[i], g[i], differ)
			}
			return
		}
	case time.Time:
		if g, err := time.Parse(time.RFC3339, fmt.Sprint(got)); err == nil && g.Equal(w) {
			return
		}
	case string:
		if w == "" && got == nil {
			return
		}
		if g, ok := got.(string); ok && field == "fault" && strings.Contains(g, w) {
			return
		}
	}
	if fmt.Sprint(want) != fmt.Sprint(got) {
		differ(field, show(want), show(got))
	}
}

func show(v any) string {
	if v == nil {
		return "nothing"
	}
	if s, ok := v.(string); ok {
		return s
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}
