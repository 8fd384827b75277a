package node

import (
	"net/url"

	"go.yaml.in/yaml/v3"

	"tongma/gateway/freshness"
)

// shared reads where the nodes of one gateway share what they know.
func (r *reader) shared(cfg *Config, n *yaml.Node) *freshness.SharedConfig {
	c := &freshness.SharedConfig{Prefix: freshness.DefaultPrefix}
	var servers *yaml.Node
	var user, password string
	r.members(n, "shared", map[string]func(*yaml.Node){
		"redis":  func(n *yaml.Node) { servers = n },
		"user":   func(n *yaml.Node) { user, _ = r.scalar(n, "user") },
		"secret": func(n *yaml.Node) { c.Secret = r.sharedSecret(n) },
		"nonces": choice(r, &cfg.OwnNonces, "nonces", map[string]bool{"shared": false, "own": true}),
		"password": func(n *yaml.Node) {
			text, _ := r.secret(n, "password")
			password = string(text)
		},
		"prefix": func(n *yaml.Node) {
			if !freshness.ValidPrefix(n.Value) {
				r.find(n, "give 1 to 64 of A-Z a-z 0-9 . _ -", "prefix cannot begin the names of keys")
				return
			}
			c.Prefix = n.Value
		},
	}, "redis", "secret")
	if servers == nil {
		return nil
	}
	var login *url.Userinfo
	if user != "" || password != "" {
		login = url.UserPassword(user, password)
	}
	if servers.Kind == yaml.SequenceNode {
		c.Cluster = true
		r.items(servers, "redis", func(item *yaml.Node) { r.redis(c, item, login) })
	} else {
		r.redis(c, servers, login)
	}
	return c
}

// redis reads one address, and completes it with the login that all servers share.
func (r *reader) redis(c *freshness.SharedConfig, n *yaml.Node, login *url.Userinfo) {
	u, err := freshness.ParseAddress(n.Value)
	switch {
	case err != nil:
		r.find(n, "write it like redis://host:6379/0, or rediss:// with TLS; a list of them is a cluster", "redis is not the address of one")
	case u.User != nil:
		r.find(n, "write  user: NAME  and  password: {file: PATH}  below shared", "redis holds a login, which must not stand in this file")
	default:
		u.User = login
		c.Addresses = append(c.Addresses, u.String())
	}
}

// sharedSecret reads the secret of all nodes.
func (r *reader) sharedSecret(n *yaml.Node) []byte {
	secret, ok := r.secret(n, "secret")
	if ok && len(secret) < freshness.MinSecret {
		r.find(n, "make one with  openssl rand -base64 48", "secret has %d bytes, fewer than %d", len(secret), freshness.MinSecret)
		return nil
	}
	return secret
}
