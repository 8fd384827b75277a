package descriptor

import (
	"os"
	"strings"
	"testing"

	"tongma/adapters"
)

func TestADescriptorIsSaidInPlainWords(t *testing.T) {
	d, err := Load(os.DirFS("testdata/describe"), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"zh", "en"} {
		compareGolden(t, "testdata/describe/"+lang+".golden", d.Describe(lang))
	}
}

// A phrase with too few or too many values would show as %!.
func TestEverySystemIsDescribedInBothLanguages(t *testing.T) {
	for _, system := range systems {
		d, err := Load(adapters.Builtin, system)
		if err != nil {
			t.Fatal(err)
		}
		zh, en := d.Describe("zh"), d.Describe("en")
		for _, text := range []string{zh, en} {
			if strings.Contains(text, "%!") || !strings.Contains(text, d.info.Name.Zh) {
				t.Errorf("%s:\n%s", system, text)
			}
		}
		if zhLines, enLines := strings.Count(zh, "\n"), strings.Count(en, "\n"); zhLines != enLines {
			t.Errorf("%s: %d lines in Chinese, %d in English", system, zhLines, enLines)
		}
	}
}

func TestEveryPhraseIsThereInBothLanguages(t *testing.T) {
	for name, p := range phrases {
		if p.Zh == "" || p.En == "" || strings.Count(p.Zh, "%") != strings.Count(p.En, "%") {
			t.Errorf("%s: %q and %q", name, p.Zh, p.En)
		}
	}
	for word := range outcomes {
		if w := outcomeWords[word]; w.Zh == "" || w.En == "" {
			t.Errorf("nothing says what %s means", word)
		}
	}
}
