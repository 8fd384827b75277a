package api

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tongma/standard/wire"
)

// decode reads a body strictly: one JSON object in UTF-8 whose members are all known, spelled exactly, given once, and neither null nor an empty text. Its error is a
// *[wire.Refusal] that says where, never what stood there.
func decode(body []byte, into any) error {
	if err := decodeMembers(body, into); err != nil {
		return err
	}
	// Both would read like an absent member. They are rare, so only then is it worth a second look.
	if at := findNothing(body); at >= 0 {
		return wire.Refuse(wire.CodeField, "null or an empty text, "+atByte(int64(at))+", is not a value: leave the member out")
	}
	return nil
}

// decodeMembers is decode without a look for values that are none.
func decodeMembers(body []byte, into any) error {
	err := json.Unmarshal(body, into, json.RejectUnknownMembers(true))
	switch {
	case err != nil:
		return refuseBody(body, err)
	case jsontext.Value(body).Kind() != '{':
		return wire.Refuse(wire.CodeSyntax, "the body must be an object")
	}
	return nil
}

// refuseBody says why a body could not be decoded.
func refuseBody(body []byte, err error) *wire.Refusal {
	if !utf8.Valid(body) {
		return wire.Refuse(wire.CodeUTF8, "")
	}
	if s, ok := errors.AsType[*json.SemanticError](err); ok {
		switch {
		case errors.Is(err, json.ErrUnknownName):
			return wire.Refuse(wire.CodeUnknown, atByte(s.ByteOffset))
		case s.JSONPointer == "":
			return wire.Refuse(wire.CodeSyntax, "the body must be an object")
		}
		// All members up to here are ours, so their names can be told.
		member := strings.ReplaceAll(strings.TrimPrefix(string(s.JSONPointer), "/"), "/", ".")
		return wire.Refuse(wire.CodeField, member+" has a value of the wrong type")
	}
	where := ""
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		where = atByte(s.ByteOffset)
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return wire.Refuse(wire.CodeDuplicate, where)
	case isWhole(body):
		return wire.Refuse(wire.CodeTrailing, where)
	}
	return wire.Refuse(wire.CodeSyntax, where)
}

func atByte(offset int64) string { return "at byte " + strconv.FormatInt(offset, 10) }

// isWhole says whether the body begins with a whole JSON value.
func isWhole(body []byte) bool {
	_, err := jsontext.NewDecoder(bytes.NewReader(body)).ReadValue()
	return err == nil
}

// findNothing gives the place of a null or an empty text in a valid body, -1 if there is none.
func findNothing(body []byte) int {
	if !bytes.Contains(body, []byte("null")) && !bytes.Contains(body, []byte(`""`)) {
		return -1
	}
	for d := jsontext.NewDecoder(bytes.NewReader(body)); ; {
		token, err := d.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return -1
		case err != nil: // not valid after all
			return int(d.InputOffset())
		case token.Kind() == 'n':
			return int(d.InputOffset()) - len("null")
		case token.Kind() == '"' && token.String() == "":
			return int(d.InputOffset()) - len(`""`)
		}
	}
}
