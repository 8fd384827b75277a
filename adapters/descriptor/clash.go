package descriptor

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"tongma/adapters"
)

// Clashes finds the scan forms of the descriptor in a folder that one of the other systems claims too. Two systems with one id are a
// clash as well.
func (d *Descriptor) Clashes(fsys fs.FS, dir string, others []adapters.Dialect) Findings {
	name := path.Join(dir, File)
	c := collector{file: name}
	system, forms := d.places(fsys, name)
	entries := []adapters.Entry{d.unconnected()}
	for _, o := range others {
		if o.Info().System == d.info.System {
			c.find(system, fmt.Sprintf("there is another system %s", d.info.System), "choose another id, or leave one of them out")
			continue
		}
		entries = append(entries, adapters.Entry{Info: o.Info(), Adapter: o.Open(nowhere{})})
	}
	_, err := adapters.NewCatalogue(entries)
	if err == nil {
		return c.findings
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		var form int
		own := fmt.Sprintf("system %s, form ", d.info.System)
		if _, err := fmt.Sscanf(strings.TrimPrefix(line, own), "%d", &form); err != nil || !strings.HasPrefix(line, own) || form > len(forms) {
			continue // two of the others, of which this file cannot know
		}
		what, mend := line, "claim less"
		if end := strings.LastIndex(line, ": "); end > 0 {
			what, mend = line[:end], line[end+2:]
		}
		c.find(forms[form-1], what, mend)
	}
	return c.findings
}

// unconnected is the entry of a descriptor that is looked at and never asked.
func (d *Descriptor) unconnected() adapters.Entry {
	return adapters.Entry{Info: d.info, Adapter: d.Open(nowhere{})}
}

// nowhere is the host of adapters that are never asked.
type nowhere struct{ adapters.Host }

func (nowhere) Credential(string) (string, bool) { return "", false }

// places says where in the file the system's id and each of its forms stand.
func (d *Descriptor) places(fsys fs.FS, name string) (system position, forms []position) {
	system = position{1, 1}
	src, err := readFile(fsys, name)
	if err != nil {
		return system, nil
	}
	r := &reader{collector: collector{file: name}}
	root := r.document(src)
	if root == nil {
		return system, nil
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		switch root.Content[i].Value {
		case "system":
			system = at(root.Content[i+1])
		case "recognise":
			for _, form := range root.Content[i+1].Content {
				forms = append(forms, at(form))
			}
		}
	}
	return system, forms
}
