package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
	"go.yaml.in/yaml/v3"
)

// curtain hides secrets and persons in what a run of a descriptor shows. It does not look for them, which would miss some: it shows what
// the descriptor itself says, what is too short to name anybody, and times of today, and hides every other value. A hidden value has a
// number, the same wherever it stands, so that one sees what came from where.
type curtain struct {
	open    bool            // hide nothing
	plain   map[string]bool // what the descriptor says
	private map[string]bool // never shown, also if it is short or the descriptor says it too
	now     time.Time
	seen    map[string]int // the numbers of hidden values
}

func newCurtain(source []byte, open bool, now time.Time) *curtain {
	c := &curtain{open: open, plain: map[string]bool{}, private: map[string]bool{}, now: now, seen: map[string]int{}}
	var doc yaml.Node
	if yaml.Unmarshal(source, &doc) == nil {
		c.learn(&doc)
	}
	return c
}

var (
	quoted  = regexp.MustCompile(`"([^"\\]*)"|'([^'\\]*)'`)
	outside = regexp.MustCompile(`\{[^}]*\}`) // what a template takes its values for
)

// learn notes every text that the descriptor says: literals, the texts in its expressions, and the segments of its paths.
func (c *curtain) learn(n *yaml.Node) {
	for _, child := range n.Content {
		c.learn(child)
	}
	if n.Kind != yaml.ScalarNode {
		return
	}
	if source, ok := strings.CutPrefix(n.Value, "="); ok {
		for _, m := range quoted.FindAllStringSubmatch(source, -1) {
			c.plain[m[1]+m[2]] = true
		}
		return
	}
	c.plain[n.Value] = true
	if strings.HasPrefix(n.Value, "/") {
		for segment := range strings.SplitSeq(outside.ReplaceAllString(n.Value, "/"), "/") {
			c.plain[segment] = true
		}
	}
}

// maxCode is how many digits a number may have that names nobody.
const maxCode = 4

// harmless says whether a text may be shown.
func (c *curtain) harmless(s string) bool {
	if c.open || s == "" {
		return true
	}
	if c.private[s] {
		return false
	}
	if c.plain[s] || s == "true" || s == "false" {
		return true
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return false
	}
	return len(s) <= maxCode || c.today(time.Unix(n, 0)) || c.today(time.UnixMilli(n))
}

func (c *curtain) today(t time.Time) bool { return t.Sub(c.now).Abs() < 24*time.Hour }

// text gives a text, or the mark of a hidden one.
func (c *curtain) text(s string) string {
	if c.harmless(s) {
		return s
	}
	number, ok := c.seen[s]
	if !ok {
		number = len(c.seen) + 1
		c.seen[s] = number
	}
	return fmt.Sprintf("‹%d: %d characters›", number, utf8.RuneCountInString(s))
}

// value gives what a name or a token came to.
func (c *curtain) value(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case string:
		return c.textOrJSON(v)
	case []byte:
		return c.body(v)
	case time.Time:
		return c.time(v)
	case time.Duration:
		return v.String()
	case map[string]any, []any:
		return c.beginning(v)
	}
	var raw atMost
	switch err := jsonv2.MarshalWrite(&raw, v, jsonv1.DefaultOptionsV1()); {
	case errors.Is(err, errTooBig):
		return fmt.Sprintf("‹more than %d MiB›", maxWritten>>20)
	case err != nil:
		return fmt.Sprintf("a %T", v)
	}
	return c.body(bytes.TrimSpace(raw.Bytes()))
}

// maxWritten bounds a value that is shown whole or not at all, such as a record, in bytes of JSON.
const maxWritten = 4 << 20

var errTooBig = errors.New("too big to show")

// atMost takes maxWritten bytes. A marshaller that writes as it goes ends with the write that is one too many.
type atMost struct{ bytes.Buffer }

func (b *atMost) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxWritten {
		return 0, errTooBig
	}
	return b.Buffer.Write(p)
}

func (c *curtain) time(t time.Time) string {
	s := t.Format(time.RFC3339Nano)
	if c.today(t) {
		return s
	}
	return c.text(s)
}

// body gives JSON with its structure, and any other text as one text.
func (c *curtain) body(b []byte) string {
	if !utf8.Valid(b) {
		if c.open {
			return fmt.Sprintf("%q", b)
		}
		return fmt.Sprintf("‹%d bytes that are not UTF-8›", len(b))
	}
	return c.textOrJSON(string(b))
}

func (c *curtain) textOrJSON(s string) string {
	if c.open {
		return s
	}
	if shown, ok := c.json(s); ok {
		return shown
	}
	return c.text(s)
}

// pairs gives k=v&… with its names.
func (c *curtain) pairs(encoded string) string {
	if c.open {
		return encoded
	}
	var out []string
	for pair := range strings.SplitSeq(encoded, "&") {
		name, value, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(value)
		if err != nil {
			plain = value
		}
		if !c.harmless(plain) {
			value = c.text(plain)
		}
		out = append(out, name+"="+value)
	}
	return strings.Join(out, "&")
}

// target gives an escaped path and query.
func (c *curtain) target(target string) string {
	path, query, asked := strings.Cut(target, "?")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		if err != nil {
			plain = s
		}
		if !c.harmless(plain) {
			segments[i] = c.text(plain)
		}
	}
	path = strings.Join(segments, "/")
	if asked {
		path += "?" + c.pairs(query)
	}
	return path
}

// technical are the headers that say nothing of anybody.
var technical = map[string]bool{
	"content-type": true, "content-length": true, "date": true, "server": true, "connection": true, "retry-after": true,
	"cache-control": true, "vary": true, "accept": true,
}

func (c *curtain) header(name, value string) string {
	if technical[strings.ToLower(name)] {
		return value
	}
	return c.text(value)
}

// json gives a JSON object or list with its texts and numbers hidden where they must be; a text that is JSON itself is looked into.
func (c *curtain) json(s string) (string, bool) {
	trimmed := strings.TrimSpace(s)
	if !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") {
		return "", false
	}
	dec := json.NewDecoder(strings.NewReader(trimmed))
	dec.UseNumber()
	var out bytes.Buffer
	if c.jsonValue(dec, &out, 0) != nil {
		return "", false
	}
	if _, err := dec.Token(); err != io.EOF {
		return "", false
	}
	return out.String(), true
}

// maxNested bounds how deep the curtain looks.
const maxNested = 64

var errNested = errors.New("nested too deeply")

func (c *curtain) jsonValue(dec *json.Decoder, out *bytes.Buffer, depth int) error {
	if depth > maxNested {
		return errNested
	}
	token, err := dec.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		return c.jsonInside(dec, out, t == '{', depth)
	case string:
		writeJSON(out, c.textOrJSON(t))
	case json.Number:
		if c.harmless(t.String()) {
			out.WriteString(t.String())
		} else {
			writeJSON(out, c.text(t.String()))
		}
	default: // true, false, null
		writeJSON(out, t)
	}
	return nil
}

// jsonInside gives the members of an object or the elements of a list, in their order.
func (c *curtain) jsonInside(dec *json.Decoder, out *bytes.Buffer, object bool, depth int) error {
	brackets := "[]"
	if object {
		brackets = "{}"
	}
	out.WriteByte(brackets[0])
	for n := 0; dec.More(); n++ {
		if n > 0 {
			out.WriteByte(',')
		}
		if object {
			name, err := dec.Token()
			if err != nil {
				return err
			}
			writeJSON(out, c.memberName(name.(string)))
			out.WriteByte(':')
		}
		if err := c.jsonValue(dec, out, depth+1); err != nil {
			return err
		}
	}
	out.WriteByte(brackets[1])
	_, err := dec.Token()
	return err
}

// word is what members are called whose names say nothing of anybody.
var word = regexp.MustCompile(`^[A-Za-z_$@-][A-Za-z_$@-]*[0-9]{0,4}[A-Za-z_-]*$`)

func (c *curtain) memberName(name string) string {
	if word.MatchString(name) {
		return name
	}
	return c.text(name)
}

func writeJSON(out *bytes.Buffer, v any) {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)           // a text, a boolean or nil always is JSON
	out.Truncate(out.Len() - 1) // the line end
}
