package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds the configuration file, in bytes.
const maxFile = 1 << 20

// readSmall reads a file that must have at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return data, nil
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// root parses the one YAML document of src. Anchors, aliases and tags are refused: what stands there is what is meant.
func (r *reader) root(src []byte) (*yaml.Node, bool) {
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		at, what := &yaml.Node{}, strings.TrimPrefix(err.Error(), "yaml: ")
		if errors.Is(err, io.EOF) {
			what = "the file is empty"
		}
		if m := yamlLine.FindStringSubmatch(what); m != nil {
			at.Line, _ = strconv.Atoi(m[1])
			what = strings.Replace(what, m[0], "", 1)
		}
		if strings.HasPrefix(what, "did not find expected") {
			at.Line++ // the library counts lines from 0 where its parser complains, from 1 where its scanner does
		}
		r.find(at, "indent with spaces; deploy/tongma.example.yaml shows every key", "not YAML: %s", what)
		return nil, false
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		r.find(&more, "keep one, without a further ---", "the file holds more than one YAML document")
		return nil, false
	}
	if !r.plain(&doc) {
		return nil, false
	}
	return doc.Content[0], true
}

func (r *reader) plain(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 {
		r.find(n, "write the value out", "anchors, aliases and tags are not used here")
		return false
	}
	for _, c := range n.Content {
		if !r.plain(c) {
			return false
		}
	}
	return true
}
