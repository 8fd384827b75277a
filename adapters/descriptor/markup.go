package descriptor

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

var markupFunctions = []function{
	{"xml", `xml(x): what an XML text says: each element a map of its children by their names without prefix ("@name" an attribute), text where it has neither; children of one name are a list when there are several`, one(fromXML), sig(new(func(any) any))},
	{"listOf", "listOf(x): x as a list: a list stays, nil gives an empty one, anything else one with it alone", one(func(x any) (any, error) {
		switch x := x.(type) {
		case nil:
			return []any{}, nil
		case []any:
			return x, nil
		}
		return []any{x}, nil
	}), sig(new(func(any) []any))},
	{"gbk", "gbk(x): the bytes of text in GBK (GB 18030, which has every character)", onText(func(s string) (any, error) {
		b, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(s))
		return b, opaque(err, "the text cannot be written so")
	}), sig(new(func(string) []byte))},
	{"ungbk", "ungbk(x): the text that bytes in GBK (or GB 18030) write, strictly", one(fromGBK), sig(new(func(any) string))},
}

func fromGBK(x any) (any, error) {
	b, isBytes := x.([]byte)
	if !isBytes {
		return nil, typeError("bytes", x)
	}
	text, err := simplifiedchinese.GB18030.NewDecoder().Bytes(b)
	if err != nil || bytes.ContainsRune(text, utf8.RuneError) { // it puts this character where it cannot read
		return nil, plain("the bytes are not GBK")
	}
	return string(text), nil
}

var errNotXML = plain("the text is not XML of elements, attributes and text alone")

// xmlReader decodes strictly: no directives, so no entities of its own; bounded in depth and size as JSON is.
type xmlReader struct {
	dec    *xml.Decoder
	values int
}

func fromXML(x any) (any, error) {
	text, err := bytesOf(x)
	if err != nil {
		return nil, err
	}
	if len(text) > maxText {
		return nil, plain("the text has more than %d MiB", maxText>>20)
	}
	_, decoded := x.(string)
	r := xmlReader{dec: xml.NewDecoder(bytes.NewReader(text))}
	r.dec.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) { return readCharset(charset, in, decoded) }
	start, err := r.root()
	if err != nil {
		return nil, errNotXML
	}
	v, err := r.element(start, 0)
	if err != nil {
		return nil, err
	}
	if _, err := r.root(); err != io.EOF {
		return nil, errNotXML
	}
	return map[string]any{start.Name.Local: v}, nil
}

// readCharset decodes what an XML declaration says that the bytes are. Text has been decoded already, whatever it says.
func readCharset(charset string, in io.Reader, decoded bool) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "gbk", "gb2312", "gb18030":
	default:
		return nil, errNotXML
	}
	if decoded {
		return in, nil
	}
	raw, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	text, err := fromGBK(raw)
	if err != nil {
		return nil, err
	}
	return strings.NewReader(text.(string)), nil
}

// root skips what may stand outside the one element and gives its beginning; io.EOF if there is none.
func (r *xmlReader) root() (xml.StartElement, error) {
	for {
		tok, err := r.dec.Token()
		if err == io.EOF {
			return xml.StartElement{}, io.EOF
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			return tok, nil
		case xml.ProcInst, xml.Comment:
		case xml.CharData:
			if len(bytes.TrimSpace(tok)) > 0 {
				return xml.StartElement{}, errNotXML
			}
		default:
			return xml.StartElement{}, errNotXML
		}
	}
}

// element reads up to the end of an element that has begun.
func (r *xmlReader) element(start xml.StartElement, depth int) (any, error) {
	if r.values++; r.values > maxJSONValues || depth > maxJSONDepth {
		return nil, plain("more than %d elements, or nested more than %d deep", maxJSONValues, maxJSONDepth)
	}
	members := map[string]any{}
	for _, a := range start.Attr {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" {
			continue
		}
		if members["@"+a.Name.Local] != nil {
			return nil, errNotXML
		}
		members["@"+a.Name.Local] = a.Value
	}
	var text strings.Builder
	for {
		tok, err := r.dec.Token()
		if err != nil {
			return nil, errNotXML
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			v, err := r.element(tok, depth+1)
			if err != nil {
				return nil, err
			}
			if err := add(members, tok.Name.Local, v); err != nil {
				return nil, err
			}
		case xml.CharData:
			text.Write(tok)
		case xml.EndElement:
			return content(members, text.String())
		case xml.Comment:
		default:
			return nil, errNotXML
		}
	}
}

// add puts a child under its name, into a list from the second on. No child's value is a list itself.
func add(members map[string]any, name string, v any) error {
	switch before := members[name].(type) {
	case nil:
		members[name] = v
	case []any:
		if len(before) == maxList {
			return plain("a list has more than %d elements", maxList)
		}
		members[name] = append(before, v)
	default:
		members[name] = []any{before, v}
	}
	return nil
}

// content is the value of an element: its text, its members, or of an element with attributes and text, the text as "#".
func content(members map[string]any, text string) (any, error) {
	if len(members) == 0 {
		return text, nil
	}
	if text = strings.TrimSpace(text); text == "" {
		return members, nil
	}
	for name := range members {
		if !strings.HasPrefix(name, "@") {
			return nil, errNotXML
		}
	}
	members["#"] = text
	return members, nil
}
