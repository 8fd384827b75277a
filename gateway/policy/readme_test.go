package policy

import (
	"os"
	"strings"
	"testing"
)

func TestTheFileInTheReadmeHolds(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "## A whole file\n\n```yaml\n")
	src, _, ok := strings.Cut(rest, "```\n")
	if !ok {
		t.Fatal("README.md shows no whole file")
	}
	loaded(t, parsed(t, src))
}

func TestTheReadmeNamesWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	words := []string{}
	for _, n := range names {
		words = append(words, "`"+n.name)
		if group, ok := n.shown.(map[string]any); ok && n.name != "antibody" {
			for member := range group {
				words = append(words, "."+member+"`")
			}
		}
	}
	for _, list := range wantWords {
		for _, w := range list {
			words = append(words, "`"+w+"`")
		}
	}
	for _, name := range Shipped() {
		words = append(words, "| `"+name+"` |")
	}
	for _, w := range words {
		if !strings.Contains(string(text), w) {
			t.Errorf("README.md does not name %s", w)
		}
	}
}
