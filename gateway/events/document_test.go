package events

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write deploy/events.md anew")

const document = "../../deploy/events.md"

// page writes the catalogue for operators.
func page() string {
	var b bytes.Buffer
	b.WriteString(`# What the log tells 日志事件

All events that a node writes, in the order of the catalogue (gateway/events). This page is written from it:
` + "`go test ./gateway/events -update`" + `. What is not declared there is not written: a message becomes
` + "`" + Undeclared.Name + "`" + `, a value ` + "`[withheld]`" + `, and ` + "`withheld`" + ` counts attributes that were left out.
本页由事件目录生成。目录之外的内容不会写入日志。

| event 事件 | level | means 含义 | what to do 处理 | attributes 属性 |
|---|---|---|---|---|
`)
	cell := func(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
	for _, e := range Catalogue {
		var fields []string
		for _, f := range e.Fields {
			fields = append(fields, "`"+f.Key+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s。%s | %s。%s | %s |\n", e.Name, e.Level, cell(e.Means.En), cell(e.Means.Zh), cell(e.Do.En), cell(e.Do.Zh), strings.Join(fields, " "))
	}
	b.WriteString("\n## Attributes 属性\n\n| attribute 属性 | what stands there 内容 |\n|---|---|\n")
	for _, line := range fieldLines() {
		b.WriteString(line)
	}
	return b.String()
}

// fieldLines gives a line for each attribute, as many as there are kinds or lists of words of one name.
func fieldLines() []string {
	var lines []string
	seen := map[string]bool{}
	for _, e := range Catalogue {
		for _, f := range e.Fields {
			text := kindTexts[f.Kind]
			what := text.En + " " + text.Zh
			if f.Kind == Word {
				what = "`" + strings.Join(f.Words, "` `") + "`"
			}
			line := fmt.Sprintf("| `%s` | %s |\n", f.Key, what)
			if !seen[line] {
				seen[line] = true
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// TestTheOperatorsDocumentIsTheCatalogue compares deploy/events.md; -update writes it.
func TestTheOperatorsDocumentIsTheCatalogue(t *testing.T) {
	if *update {
		if err := os.WriteFile(document, []byte(page()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != page() {
		t.Error("deploy/events.md is not the catalogue: go test ./gateway/events -update")
	}
}

func TestEveryEventSaysWhatItMeansAndWhatToDo(t *testing.T) {
	for _, e := range Catalogue {
		if e.Means.Zh == "" || e.Means.En == "" || e.Do.Zh == "" || e.Do.En == "" {
			t.Errorf("%q says too little", e.Name)
		}
		if strings.ContainsAny(e.Name, "\n\"\\") || e.Name != strings.TrimSpace(e.Name) {
			t.Errorf("%q is no name", e.Name)
		}
		keys := map[string]bool{}
		for _, f := range e.Fields {
			if keys[f.Key] {
				t.Errorf("%q has the attribute %s twice", e.Name, f.Key)
			}
			keys[f.Key] = true
		}
	}
	for k := Kind(1); k < kinds; k++ {
		if kindTexts[k].Zh == "" || kindTexts[k].En == "" {
			t.Errorf("kind %d has no text", k)
		}
	}
}
