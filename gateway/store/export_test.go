package store

import (
	"bytes"
	"context"
	"encoding/hex"

	"github.com/go-json-experiment/json"

	"tongma/standard/sm"
)

// LockForTest takes the lock of whoever migrates.
func (s *Store) LockForTest(ctx context.Context) (release func() error, err error) {
	return s.lock(ctx)
}

// TablesForTest are the names of the tables that backups know of.
func TablesForTest() []string {
	var names []string
	for _, t := range tables {
		names = append(names, t.name)
	}
	return names
}

// SignForTest gives a backup the last line that its other lines ask for.
func SignForTest(backup []byte) []byte {
	lines := bytes.SplitAfter(backup, []byte("\n"))
	if len(lines) < 2 {
		return backup
	}
	body := bytes.Join(lines[:len(lines)-2], nil)
	digest := sm.Sum(body)
	var last lastLine
	json.Unmarshal(lines[len(lines)-2], &last)
	last.SM3 = hex.EncodeToString(digest[:])
	line, _ := json.Marshal(last, json.Deterministic(true))
	return append(append(body, line...), '\n')
}
