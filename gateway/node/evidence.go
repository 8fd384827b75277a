package node

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tongma/gateway/store"
	"tongma/standard/sm"
)

// Evidence is how a node keeps what it has answered.
type Evidence struct {
	Log       string        // its name: another one for each node of a store
	Officer   *sm.PublicKey // of the privacy officer
	Secret    []byte        // the same on all nodes of a store
	Retention time.Duration // for how long a day's entries can be tied to a person; 0: the default
	Keep      time.Duration // for how long entries are kept whole; 0: for good
}

// store reads where the database is: an address without a secret, or {file: …} or {env: …} with one.
func (r *reader) store(n *yaml.Node) string {
	if n.Kind == yaml.MappingNode {
		url, ok := r.secret(n, "store")
		if !ok {
			return ""
		}
		return r.checkedStore(n, string(url))
	}
	url, ok := r.scalar(n, "store")
	if !ok {
		return ""
	}
	if secret, _ := store.Check(url); secret {
		r.find(n, "write  store: {file: PATH}  or  {env: NAME}  and put the address there", "store holds a password, which must not stand in this file")
		return ""
	}
	return r.checkedStore(n, url)
}

// checkedStore completes a path, which is relative to the configuration's folder.
func (r *reader) checkedStore(n *yaml.Node, url string) string {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok && path != "" && !filepath.IsAbs(path) {
		url = "sqlite:" + filepath.Join(r.dir, path)
	}
	if _, err := store.Check(url); err != nil {
		r.find(n, "write it like sqlite:tongma.db or postgres://tongma@db.example/tongma", "store: %v", err)
		return ""
	}
	return url
}

// evidence reads how what was answered is kept.
func (r *reader) evidence(n *yaml.Node) *Evidence {
	e := &Evidence{}
	r.members(n, "evidence", map[string]func(*yaml.Node){
		"log":       r.id(&e.Log, "log"),
		"officer":   func(n *yaml.Node) { e.Officer = r.publicKey(n) },
		"secret":    func(n *yaml.Node) { e.Secret = r.sharedSecret(n) },
		"retention": r.days(&e.Retention, "retention"),
		"keep":      r.days(&e.Keep, "keep"),
	}, "log", "officer", "secret")
	return e
}

// days reads a time span of days.
func (r *reader) days(into *time.Duration, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		number, ok := strings.CutSuffix(n.Value, "d")
		days, err := strconv.Atoi(number)
		if !ok || err != nil || days < 1 || days > 36500 {
			r.find(n, "write it like 30d", "%s is not a number of days", what)
			return
		}
		*into = time.Duration(days) * 24 * time.Hour
	}
}

// checkEvidence says what the members do not tell alone.
func (r *reader) checkEvidence(cfg *Config, n *yaml.Node) {
	if n != nil && cfg.Store == "" {
		r.find(n, "add  store: sqlite:tongma.db", "evidence needs a store")
	}
}
