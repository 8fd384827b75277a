package proof

import (
	"encoding/base64"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// strict reads JSON in which each member is known and stands once, and bytes are base64 in the one form that it has: with padding, without
// line ends or escapes, unused bits zero. So nothing that a proof or an export says can be changed without notice: only spaces between, and how names are escaped.
var strict = json.JoinOptions(
	json.RejectUnknownMembers(true),
	json.WithUnmarshalers(json.UnmarshalFromFunc(readBase64)),
)

func readBase64(dec *jsontext.Decoder, bytes *[]byte) error {
	text, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if text.Kind() != '"' {
		return errBase64
	}
	text = text[1 : len(text)-1]
	for _, b := range text {
		if b == '\\' || b == '\n' || b == '\r' {
			return errBase64
		}
	}
	*bytes, err = base64.StdEncoding.Strict().AppendDecode((*bytes)[:0], text)
	return err
}

var errBase64 = errors.New("bytes must be base64 with padding")
