package descriptor

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// shown is what the tests' conditions may name.
func shown() map[string]any {
	return map[string]any{
		"scene":   "metro",
		"nucleic": map[string]any{"result": "negative", "hours": 12, "known": true},
		"degrees": 36.5,
		"trips":   []any{map[string]any{"region": "310100", "days": 3}},
	}
}

func compiled(t *testing.T, source string) (*Condition, Findings) {
	t.Helper()
	return NewConditions(shown()).Compile("f", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: source, Line: 3, Column: 9, Style: yaml.SingleQuotedStyle})
}

func TestAConditionSaysTrueOrFalse(t *testing.T) {
	for source, want := range map[string]bool{
		`nucleic.result == "negative" && nucleic.hours <= 48`: true,
		`nucleic.hours > 48`:                                           false,
		`nucleic.known`:                                                true,
		`degrees < 37.3`:                                               true,
		`degrees >= 37.3 || scene == "school"`:                         false,
		`scene in ["metro", "airport"]`:                                true,
		`any(trips, .region startsWith "3101" && .days <= 14)`:         true,
		`any(trips, .days > 14)`:                                       false,
		`count(trips, .region == "310100") == 1`:                       true,
		`len(trips) == 0`:                                              false,
		`all(trips, !(.region in ["440100"]))`:                         true,
		`lower(scene) == "metro" && slice(scene, 0, 2) + "x" == "mex"`: true,
	} {
		c, findings := compiled(t, source)
		if c == nil {
			t.Errorf("%s: %v", source, findings)
			continue
		}
		env := shown()
		for range 2 { // what one run leaves behind must not change the next
			if got, err := c.Holds(env); err != nil || got != want {
				t.Errorf("%s: %v, %v", source, got, err)
			}
		}
		if len(env) != len(shown()) {
			t.Errorf("%s leaves %v behind", source, env)
		}
		if c.String() != source {
			t.Errorf("%s is said to be %s", source, c)
		}
	}
}

func TestWhatIsNoConditionIsAFindingWithItsPlace(t *testing.T) {
	for source, want := range map[string]string{
		`scene`:         "f:3:9: a condition says true or false, and this gives text (compare it with something)",
		`=scene == "x"`: "f:3:9: a condition is an expression already (leave the = at its beginning out)",
		`1 == 1`:        "f:3:9: this condition is the same always (read something of what is decided about, or leave the condition out)",
		`body == ""`:    "f:3:10: unknown name body (the names here are degrees, nucleic.…, scene, trips)",
		`nucleic.age`:   "f:3:18: nucleic has no member age (it has hours, known, result)",
		`sm2sign("a")=="b"`: "f:3:10: there is no function sm2sign (the functions are all, any, count, filter, first, int, join, last, len, lower, map, " +
			"slice, sortBy, split, text, trim, upper)",
		`scene matches "a+"`:                "f:3:16: matches is not part of the language (operators are == != < > <= >= in contains startsWith endsWith ! && || + - * / % ?: ?? ?.)",
		`scene == 3`:                        "f:3:16: compares text with a whole number, which is never so (make both sides one type: text(x), int(x), time(text, layout))",
		`any(trips, any(trips, .days > 3))`: "f:3:32: a predicate inside a predicate is not part of the language (write one after the other, joined by &&)",
	} {
		c, findings := compiled(t, source)
		if c != nil || findings.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", source, findings, want)
		}
	}
}

func TestAConditionIsBounded(t *testing.T) {
	if c, findings := compiled(t, strings.Repeat(`scene == "a" || `, 200)+`scene == "b"`); c != nil || !strings.Contains(findings.Error(), "more than 300 parts (make several rules of it)") {
		t.Errorf("%v", findings)
	}
	c, findings := compiled(t, `all(trips, lower(scene) != "x" && .days == 3)`)
	if c == nil {
		t.Fatal(findings)
	}
	env := shown()
	env["scene"] = strings.Repeat("m", 1<<10)
	for range 2000 {
		env["trips"] = append(env["trips"].([]any), map[string]any{"region": "310100", "days": 3})
	}
	if _, err := c.Holds(env); err == nil || !strings.Contains(err.Error(), "too much is computed") {
		t.Errorf("it runs on: %v", err)
	}
}

func TestAConditionThatCannotBeComputedDoesNotHold(t *testing.T) {
	c, findings := compiled(t, `int(scene) > 3`)
	if c == nil {
		t.Fatal(findings)
	}
	if got, err := c.Holds(shown()); got || err == nil || strings.Contains(err.Error(), "metro") {
		t.Errorf("%v, %v", got, err)
	}
	if !c.Reads("scene") || c.Reads("trips") {
		t.Error("it does not tell what it reads")
	}
}
