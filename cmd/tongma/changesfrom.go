package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tongma/standard"
	"tongma/standard/wire"
)

// changesLike says what --from takes.
const changesLike = `such as [{"subject":"…"},{"document":{"type":"01","number":"…"},"at":"2022-01-10T08:00:00+08:00"}], at most 256 KiB`

// readChanges reads a JSON list of changes, whose times may be left out. Its errors tell the place and nothing of what stands there.
func readChanges(stdin io.Reader, from string) ([]standard.Change, error) {
	if from == "" {
		return nil, nil
	}
	in := stdin
	if from != "-" {
		f, err := os.Open(from)
		if err != nil {
			return nil, fail(err, "name the file that holds the changes")
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, wire.MaxNotice+1))
	if err != nil {
		return nil, fail(fmt.Errorf("--from: %w", err), "")
	}
	if len(data) > wire.MaxNotice {
		return nil, misuse(changesLike, "--from holds no list of changes")
	}
	return parseChanges(data)
}

// parseChanges reads each item strictly: a member that is misread or left out of account would tell of somebody else, or of nobody.
func parseChanges(data []byte) ([]standard.Change, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '[' {
		return nil, misuse(changesLike, "--from holds no list of changes")
	}
	var changes []standard.Change
	for number := 1; dec.PeekKind() != ']'; number++ {
		var c standard.Change
		if dec.PeekKind() != '{' || json.UnmarshalDecode(dec, &c, json.RejectUnknownMembers(true)) != nil {
			return nil, misuse(changesLike, "--from: item %d is no change: a member that there is not, twice the same, another case, or no JSON", number)
		}
		changes = append(changes, c)
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, misuse(changesLike, "--from holds no list of changes")
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, misuse(changesLike, "--from holds more than a list of changes")
	}
	return changes, nil
}
