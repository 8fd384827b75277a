package node

import (
	"errors"
	"slices"

	"go.yaml.in/yaml/v3"

	"tongma/adapters/strict"
	"tongma/gateway/policy"
)

// rules reads the rules of regions: files, or names of what is shipped. None of them is taken unless all hold together.
func (r *reader) rules(n *yaml.Node) *policy.Set {
	var files []*policy.File
	whole := true
	r.items(n, "rules", func(item *yaml.Node) {
		path, ok := r.scalar(item, "rules")
		if !ok {
			whole = false
			return
		}
		if !slices.Contains(policy.Shipped(), path) {
			path = r.resolve(path)
		}
		f, err := policy.Read(path)
		if err != nil {
			whole = false
			r.findRules(item, err)
			return
		}
		files = append(files, f)
	})
	if !whole {
		return nil
	}
	set, err := policy.Load(files...)
	if err != nil {
		r.findRules(n, err)
	}
	return set
}

// findRules takes over what is wrong with a file of rules.
func (r *reader) findRules(n *yaml.Node, err error) {
	var findings strict.Findings
	if errors.As(err, &findings) {
		r.findings = append(r.findings, findings...)
		return
	}
	r.find(n, "name a file, or one that `tongma policy list` shows", "rules: %v", err)
}
