package node

import (
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"

	"tongma/adapters/strict"
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

// root parses the one document of src.
func (r *reader) root(src []byte) (*yaml.Node, bool) {
	const mend = "indent with spaces; deploy/tongma.example.yaml shows every key"
	root, findings := strict.Parse(r.file, src, strict.Rules{Size: maxFile, Empty: mend, Broken: mend})
	r.findings = append(r.findings, findings...)
	return root, root != nil
}
