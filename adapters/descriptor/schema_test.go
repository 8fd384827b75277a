package descriptor

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("adapter.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("adapter.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate does what an editor does: it reads the YAML and holds it against the schema.
func validate(s *jsonschema.Schema, src []byte) error {
	var v any
	if err := yaml.Unmarshal(src, &v); err != nil {
		return err
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

func TestWhatLoadsIsOfTheSchema(t *testing.T) {
	s := compiledSchema(t)
	files, err := filepath.Glob("../*/adapter.yaml")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(s, src); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for name, src := range map[string]string{
		"several systems": head + several, "without status": withoutStatus, "a token for each device": head + perDevice, "parts": head + inParts, "renewal": head + withRenewal,
	} {
		if _, err := Parse(File, []byte(src)); err != nil {
			t.Fatal(name, err)
		}
		if err := validate(s, []byte(src)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFaultsOfStructureAreNotOfTheSchema(t *testing.T) {
	s := compiledSchema(t)
	for _, name := range []string{
		"bad-limits", "dialect", "dialect-keys", "mode", "empty-document", "gives-empty", "gives-and-statuses", "head", "missing-everything", "multipart", "no-forms", "not-a-mapping", "nothing-but-null", "outcome-words",
		"provenance-empty", "provenance-missing", "split-in-flow", "systems-keys", "token-scope", "tokens", "unknown-keys", "wrong-kinds",
	} {
		src, err := os.ReadFile("testdata/findings/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(s, src); err == nil {
			t.Errorf("%s is of the schema", name)
		}
	}
}

// places says where in the schema stand what findings call by these names.
var places = map[string]string{
	"a descriptor": "", "name": "$defs/text", "provenance": "properties/provenance", "a form of recognise": "$defs/form", "json": "$defs/form/properties/json",
	"bytes": "$defs/form/properties/bytes", "opaque": "$defs/form/properties/opaque", "a token": "$defs/token", "obtain": "$defs/call", "renewal": "$defs/call",
	"common": "properties/common", "a step of verify": "$defs/step", "a clause of outcome": "$defs/clause", "record": "$defs/record", "others": "$defs/record/properties/others",
	"a status": "$defs/status", "limits": "properties/limits", "freshness": "properties/freshness", "probe": "properties/probe",
	"holder": "$defs/record/properties/holder", "health": "$defs/record/properties/health", "health.nucleic": "$defs/record/properties/health/properties/nucleic",
	"trips": "$defs/record/properties/trips", "a system": "properties/systems/additionalProperties",
}

func TestTheSchemaHasTheKeysThatAreRead(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	told := regexp.MustCompile(`(?m)^[^ ]+ (.+) has no (?:key|member) "[^"]*" \(it has (.*)\)$`)
	for _, file := range []string{"unknown-keys", "multipart", "systems-keys"} {
		golden, err := os.ReadFile("testdata/findings/" + file + ".golden")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range told.FindAllStringSubmatch(string(golden), -1) {
			place, ok := places[m[1]]
			if !ok {
				t.Errorf("nobody says where in the schema %s stands", m[1])
				continue
			}
			seen[m[1]] = true
			at := root
			for step := range strings.SplitSeq(place, "/") {
				if step != "" {
					at, _ = at[step].(map[string]any)
				}
			}
			properties, _ := at["properties"].(map[string]any)
			if got := strings.Join(slices.Sorted(maps.Keys(properties)), ", "); got != m[2] {
				t.Errorf("%s has in the schema %s, and is read with %s", m[1], got, m[2])
			}
		}
	}
	for name := range places {
		if !seen[name] {
			t.Errorf("no finding names the keys of %s", name)
		}
	}
}
