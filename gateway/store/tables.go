package store

import "slices"

// table is one that backups hold.
type table struct {
	name string
	key  []string // the order of its rows
	omit []string // columns that are empty in backups
}

// All tables, in the order in which they are restored.
var tables = []table{
	{name: "logs", key: []string{"name"}},
	{name: "groups", key: []string{"log", "seq"}},
	// A backup outlives the day. With the secret of the nodes it would undo the pseudonyms of that day for ever.
	{name: "day_keys", key: []string{"day", "part"}, omit: []string{"wrapped"}},
	{name: "pseudonyms", key: []string{"day", "bucket", "log", "seq"}},
	{name: "subject_requests", key: []string{"id"}},
	{name: "nonces", key: []string{"caller", "nonce"}},
}

func isTable(name string) bool {
	return slices.ContainsFunc(tables, func(t table) bool { return t.name == name })
}
