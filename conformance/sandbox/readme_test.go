package sandbox

import (
	"os"
	"strings"
	"testing"
)

func TestReadmeListsEverySystemFaultAndCode(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Faults() {
		if !strings.Contains(string(b), "| `"+f.Kind+"` | "+f.En) {
			t.Errorf("the fault %s is missing or described otherwise: %s", f.Kind, f.En)
		}
	}
	for code := range codeTexts {
		if !strings.Contains(string(b), "| `"+code+"` |") {
			t.Errorf("the code %s is missing", code)
		}
	}
	for system, names := range placeIDs {
		for name, id := range names {
			if !strings.Contains(string(b), "`"+name+"` (`"+id+"`)") {
				t.Errorf("the name %s of a place of %s is missing", name, system)
			}
		}
	}
	for _, system := range systems {
		if _, region := regionOf(system); region && strings.Contains(string(b), "*"+system+"*") {
			continue // one chapter has them all
		}
		if !strings.Contains(string(b), "\n## "+system+"\n") {
			t.Errorf("the system %s is missing", system)
		}
	}
	for system, names := range credentials {
		for name := range names {
			if !strings.Contains(string(b), "`"+name+"`") {
				t.Errorf("the credential %s of %s is missing", name, system)
			}
		}
	}
}
