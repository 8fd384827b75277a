package standard_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"tongma/standard"
)

func compile(t *testing.T, schema []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tree gives a value as JSON has it.
func tree(t *testing.T, value any) map[string]any {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return doc.(map[string]any)
}

// set puts value at a path such as others.0.status; nil takes the member away.
func set(doc map[string]any, path string, value any) {
	var at any = doc
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		if name == "0" {
			at = at.([]any)[0]
		} else {
			at = at.(map[string]any)[name]
		}
	}
	last := names[len(names)-1]
	if value == nil {
		delete(at.(map[string]any), last)
	} else {
		at.(map[string]any)[last] = value
	}
}

func verified(status standard.Status, action standard.Action) standard.Verification {
	r := fullRecord("李测试", "000000199001019901", "19900000001")
	holder, health := r.View(standard.RolesOf(standard.RoleMedical))
	observed := time.Date(2022, 3, 1, 2, 0, 0, 123e6, time.UTC)
	return standard.Verification{
		ID: "01FX2B3C4D5E6F7G8H9J0KMNPQ", Salt: "c2FsdHNhbHRzYWx0c2FsdA==", Outcome: standard.Verified,
		Status: status, Colour: status.Colour(), System: &r.System, Holder: holder, Health: health, Others: r.Others,
		Freshness: &standard.Freshness{From: standard.Live, ObservedAt: standard.Millis(observed), ValidUntil: standard.Millis(observed.Add(time.Minute))},
		Decision:  standard.Decision{Action: action, Rule: "default/green@1", Reason: standard.Text{Zh: "绿码", En: "green code"}},
	}
}

func unverified(code standard.ReasonCode) standard.Verification {
	return standard.Verification{
		ID: "01FX2B3C4D5E6F7G8H9J0KMNPQ", Salt: "00112233445566778899aabbccddeeff", Outcome: code.Outcome(), Reason: code.Reason(time.Second),
		Decision: standard.Decision{Action: standard.Manual, Rule: "default/manual@1", Reason: standard.Text{Zh: "人工", En: "manual"}},
	}
}

func TestTheSchemasAcceptWhatIsReal(t *testing.T) {
	record := compile(t, standard.SchemaRecord())
	for name, r := range map[string]*standard.Record{
		"full": fullRecord("李测试", "000000199001019901", "19900000001"),
		"bare": {System: standard.System{ID: "a", Name: "码", Region: "310000", Provenance: standard.FromSynthetic}},
	} {
		if err := record.Validate(tree(t, r)); err != nil {
			t.Errorf("record %s: %v", name, err)
		}
	}

	verification := compile(t, standard.SchemaVerification())
	values := map[string]standard.Verification{
		"green": verified(standard.Green, standard.Pass), "yellow": verified(standard.Yellow, standard.Manual),
		"red": verified(standard.Red, standard.Deny), "none": verified(standard.None, standard.Manual),
	}
	for _, row := range standard.Reasons {
		values[string(row.Code)] = unverified(row.Code)
	}
	for name, v := range values {
		if err := verification.Validate(tree(t, v)); err != nil {
			t.Errorf("verification %s: %v", name, err)
		}
	}

	req := compile(t, standard.SchemaRequest())
	for _, r := range []standard.Request{
		request(func(r *standard.Request) {}),
		request(func(r *standard.Request) { r.Scan, r.ScanBytes = "", []byte{0, 0xff} }),
		request(withDocument),
		request(fillRequest),
	} {
		if err := req.Validate(tree(t, r)); err != nil {
			t.Errorf("request: %v", err)
		}
	}
}

func fillRequest(r *standard.Request) {
	r.System, r.Device, r.Scene, r.Purpose, r.Reference, r.WaitMs, r.Place.Site = "suishen", "d", "s", "p", "r-1", 50, "s"
	r.Operator = &standard.Operator{ID: "1", Name: "李测试", Department: "d", Phone: "1"}
}

func TestTheSchemasRefuseWhatIsBroken(t *testing.T) {
	record := tree(t, fullRecord("李测试", "000000199001019901", "19900000001"))
	green := tree(t, verified(standard.Green, standard.Pass))
	none := tree(t, verified(standard.None, standard.Manual))
	expired := tree(t, unverified(standard.ReasonScanExpired))
	asked := tree(t, request(fillRequest))
	for _, c := range []struct {
		name   string
		schema []byte
		doc    map[string]any
		path   string
		value  any
	}{
		{"a record without its system", standard.SchemaRecord(), record, "system", nil},
		{"a system without provenance", standard.SchemaRecord(), record, "system.provenance", nil},
		{"a provenance of its own", standard.SchemaRecord(), record, "system.provenance", "guessed"},
		{"a region by name", standard.SchemaRecord(), record, "system.region", "上海"},
		{"a status by its digit", standard.SchemaRecord(), record, "status", "0"},
		{"an empty status", standard.SchemaRecord(), record, "status", ""},
		{"a status of another's", standard.SchemaRecord(), record, "others.0.status", "green"},
		{"a sex by letter", standard.SchemaRecord(), record, "holder.sex", "M"},
		{"a nationality by letters", standard.SchemaRecord(), record, "holder.nationality", "CN"},
		{"an empty name", standard.SchemaRecord(), record, "holder.name", ""},
		{"an unknown member of the holder", standard.SchemaRecord(), record, "holder.email", "a"},
		{"an unknown member of the record", standard.SchemaRecord(), record, "colour", "green"},
		{"a test result in words", standard.SchemaRecord(), record, "health.nucleic.result", "阴性"},
		{"a time without zone", standard.SchemaRecord(), record, "health.nucleic.sampledAt", "2022-03-01T08:30:00"},
		{"a negative number of doses", standard.SchemaRecord(), record, "health.vaccine.doses", json.Number("-1")},
		{"a dose's day with a time", standard.SchemaRecord(), record, "health.vaccine.lastAt", "2021-08-01T00:00:00Z"},
		{"a trip to nowhere", standard.SchemaRecord(), record, "trips.0.region", "33"},
		{"a temperature as a number", standard.SchemaRecord(), record, "health.temperature", json.Number("36.5")},

		{"an outcome of its own", standard.SchemaVerification(), green, "outcome", "ok"},
		{"no outcome", standard.SchemaVerification(), green, "outcome", nil},
		{"no id", standard.SchemaVerification(), green, "id", nil},
		{"an id that is no ULID", standard.SchemaVerification(), green, "id", "1"},
		{"no salt", standard.SchemaVerification(), green, "salt", nil},
		{"a short salt", standard.SchemaVerification(), green, "salt", "abc"},
		{"no decision", standard.SchemaVerification(), green, "decision", nil},
		{"an action of its own", standard.SchemaVerification(), green, "decision.action", "maybe"},
		{"a decision without Chinese", standard.SchemaVerification(), green, "decision.reason.zh", nil},
		{"verified with a reason", standard.SchemaVerification(), green, "reason", expired["reason"]},
		{"verified without a colour", standard.SchemaVerification(), green, "colour", nil},
		{"verified without its system", standard.SchemaVerification(), green, "system", nil},
		{"verified without its age", standard.SchemaVerification(), green, "freshness", nil},
		{"green that says red", standard.SchemaVerification(), green, "colour", "red"},
		{"red that says green", standard.SchemaVerification(), green, "status", "10"},
		{"yellow that says green", standard.SchemaVerification(), green, "status", "01"},
		{"a colour without a status", standard.SchemaVerification(), green, "status", nil},
		{"no status and green", standard.SchemaVerification(), none, "colour", "green"},
		{"no status and pass", standard.SchemaVerification(), none, "decision.action", "pass"},
		{"a phone in an answer", standard.SchemaVerification(), green, "holder.phone", "199****0001"},
		{"an address in an answer", standard.SchemaVerification(), green, "holder.address", "a"},
		{"a subject in an answer", standard.SchemaVerification(), green, "subject", "a"},
		{"an origin of its own", standard.SchemaVerification(), green, "freshness.from", "memory"},
		{"a negative age", standard.SchemaVerification(), green, "freshness.ageMs", json.Number("-1")},
		{"a time in UTC", standard.SchemaVerification(), green, "freshness.observedAt", "2022-03-01T02:00:00.123Z"},
		{"a time in microseconds", standard.SchemaVerification(), green, "freshness.observedAt", "2022-03-01T10:00:00.123456+08:00"},
		{"expired without a reason", standard.SchemaVerification(), expired, "reason", nil},
		{"expired with a status", standard.SchemaVerification(), expired, "status", "00"},
		{"expired with a colour", standard.SchemaVerification(), expired, "colour", "none"},
		{"expired with a holder", standard.SchemaVerification(), expired, "holder", green["holder"]},
		{"expired with health data", standard.SchemaVerification(), expired, "health", green["health"]},
		{"expired and pass", standard.SchemaVerification(), expired, "decision.action", "pass"},
		{"a reason of another outcome", standard.SchemaVerification(), expired, "reason.code", "backend_timeout"},
		{"a reason of its own", standard.SchemaVerification(), expired, "reason.code", "bad_luck"},
		{"an unknown member of the answer", standard.SchemaVerification(), expired, "debug", "a"},

		{"a request without a place", standard.SchemaRequest(), asked, "place", nil},
		{"a request without a subject", standard.SchemaRequest(), asked, "scan", nil},
		{"an empty scan", standard.SchemaRequest(), asked, "scan", ""},
		{"two subjects", standard.SchemaRequest(), asked, "scanBytes", "AAAA"},
		{"a region by name", standard.SchemaRequest(), asked, "place.region", "北京"},
		{"a long site", standard.SchemaRequest(), asked, "place.site", strings.Repeat("测", 65)},
		{"a reference with spaces", standard.SchemaRequest(), asked, "reference", "a b"},
		{"too little patience", standard.SchemaRequest(), asked, "waitMs", json.Number("49")},
		{"too much patience", standard.SchemaRequest(), asked, "waitMs", json.Number("10001")},
		{"patience as text", standard.SchemaRequest(), asked, "waitMs", "50"},
		{"an unknown member of the operator", standard.SchemaRequest(), asked, "operator.age", json.Number("1")},
	} {
		var doc map[string]any
		data, _ := json.Marshal(c.doc)
		doc = tree(t, json.RawMessage(data))
		set(doc, c.path, c.value)
		if err := compile(t, c.schema).Validate(doc); err == nil {
			t.Errorf("%s is accepted", c.name)
		}
	}
}

// schemaMembers lists the members that a schema knows, as members does for a type.
func schemaMembers(root, schema map[string]any, prefix string, paths map[string]bool) {
	if ref, is := schema["$ref"].(string); is {
		schema = root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	if items, is := schema["items"].(map[string]any); is {
		schemaMembers(root, items, prefix, paths)
		return
	}
	properties, _ := schema["properties"].(map[string]any)
	if properties != nil && schema["additionalProperties"] != false {
		paths[prefix+"(additionalProperties is not false)"] = true
	}
	for name, p := range properties {
		path := prefix + name
		member := p.(map[string]any)
		if member["type"] == "array" || member["items"] != nil {
			path += "[]"
		} else if ref, is := member["$ref"].(string); is && root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)["type"] == "array" {
			path += "[]"
		}
		paths[path] = true
		schemaMembers(root, member, path+".", paths)
	}
}

func TestSchemasAndTypesHaveTheSameMembers(t *testing.T) {
	nobody := map[string]bool{}
	for _, e := range standard.Elements {
		if e.SeenBy == standard.SeenByNobody {
			nobody[e.Path] = true
		}
	}
	for _, c := range []struct {
		schema []byte
		of     reflect.Type
		hidden map[string]bool
	}{
		{standard.SchemaRecord(), reflect.TypeFor[standard.Record](), nil},
		{standard.SchemaVerification(), reflect.TypeFor[standard.Verification](), nobody},
		{standard.SchemaRequest(), reflect.TypeFor[standard.Request](), nil},
	} {
		var schema map[string]any
		if err := json.Unmarshal(c.schema, &schema); err != nil {
			t.Fatal(err)
		}
		got, want := map[string]bool{}, map[string]bool{}
		schemaMembers(schema, schema, "", got)
		members(c.of, "", want)
		maps.DeleteFunc(want, func(path string, _ bool) bool { return c.hidden[path] })
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("%s: type (-) and schema (+) differ:\n%s", c.of, diff)
		}
	}
}

func TestTheSchemaKnowsTheTables(t *testing.T) {
	var schema struct {
		Properties struct {
			Reason struct {
				Properties struct {
					Code struct{ Enum []standard.ReasonCode }
				}
			}
		}
	}
	if err := json.Unmarshal(standard.SchemaVerification(), &schema); err != nil {
		t.Fatal(err)
	}
	var codes []standard.ReasonCode
	for _, row := range standard.Reasons {
		codes = append(codes, row.Code)
	}
	if diff := cmp.Diff(codes, schema.Properties.Reason.Properties.Code.Enum); diff != "" {
		t.Errorf("reasons:\n%s", diff)
	}

	var req struct {
		Properties struct {
			Document struct {
				Properties struct{ Type struct{ Enum []string } }
			}
		}
	}
	if err := json.Unmarshal(standard.SchemaRequest(), &req); err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, row := range standard.DocumentTypes {
		types = append(types, row.Code)
	}
	if diff := cmp.Diff(types, req.Properties.Document.Properties.Type.Enum); diff != "" {
		t.Errorf("document types:\n%s", diff)
	}
}

func TestChangingASchemaThatWasHandedOutChangesNothing(t *testing.T) {
	standard.SchemaRecord()[0] = 'x'
	if !json.Valid(standard.SchemaRecord()) {
		t.Error("the schema has changed")
	}
}
