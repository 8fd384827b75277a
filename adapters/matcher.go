package adapters

import (
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// maxSite is the longest scheme://host in bytes: https:// and a name of the DNS.
const maxSite = len("https://") + 253

// kindOf says which forms a text scan is matched against, by its first bytes.
func kindOf(scan string) kind {
	switch {
	case scan != "" && scan[0] == '{':
		return kindJSON
	case urlScheme(scan) > 0:
		return kindURL
	}
	return kindText
}

// urlScheme gives the length of the http:// or https:// that s begins with in any case, 0 if it does not.
func urlScheme(s string) int {
	for _, scheme := range [...]string{"https://", "http://"} {
		if len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
			return len(scheme)
		}
	}
	return 0
}

// withoutLineEnd drops one line end, which serial scanners add. A second one means two scans in one frame.
func withoutLineEnd(scan string) string {
	if s, cut := strings.CutSuffix(scan, "\r\n"); cut {
		return s
	}
	if s, cut := strings.CutSuffix(scan, "\n"); cut {
		return s
	}
	return strings.TrimSuffix(scan, "\r")
}

// urlScan is a scanned URL, taken apart but not decoded.
type urlScan struct {
	site, path, query       string
	fragment, fragmentQuery string
}

// urlChars is what a scanned URL may consist of.
var urlChars = charset{}.span('!', '~').without(charset{}.with(`\`))

// parseURL takes a scanned URL apart. It is not net/url: what could be read in two ways is not read at all.
func parseURL(scan string) (u urlScan, ok bool) {
	for i := range len(scan) {
		if !urlChars.has(scan[i]) {
			return urlScan{}, false
		}
	}
	scheme := urlScheme(scan)
	end := strings.IndexByte(scan[scheme:], '/')
	if end < 0 || scheme+end > maxSite {
		return urlScan{}, false
	}
	u.site, u.path = scan[:scheme+end], scan[scheme+end:]
	if strings.Contains(u.path, "://") {
		return urlScan{}, false
	}
	u.path, u.fragment, _ = strings.Cut(u.path, "#")
	u.path, u.query, _ = strings.Cut(u.path, "?")
	u.fragment, u.fragmentQuery, _ = strings.Cut(u.fragment, "?")
	return u, true
}

func (p *pattern) matchText(scan string, t *Ticket) bool {
	t.n = 0
	return p.text.match(scan, t)
}

// matchURL says whether u is of this form; the site has been compared already.
func (p *pattern) matchURL(u *urlScan, t *Ticket) bool {
	t.n = 0
	if !p.path.match(u.path, t) || !p.fragment.match(u.fragment, t) {
		return false
	}
	for i := range p.params {
		v := &p.params[i]
		value, ok := u.param(v.name)
		if !ok || !v.value.match(value, t) {
			return false
		}
	}
	return true
}

// param gives the decoded value of a parameter that is there exactly once. A name that is percent-encoded could be any, so
// that there is no telling then.
func (u *urlScan) param(name string) (string, bool) {
	value, found := "", false
	for _, rest := range [...]string{u.query, u.fragmentQuery} {
		for rest != "" {
			var pair string
			pair, rest, _ = strings.Cut(rest, "&")
			key, v, _ := strings.Cut(pair, "=")
			if strings.IndexByte(key, '%') >= 0 || key == name && found {
				return "", false
			}
			if key == name {
				value, found = v, true
			}
		}
	}
	if !found || strings.IndexByte(value, '%') < 0 {
		return value, found
	}
	value, err := url.PathUnescape(value)
	return value, err == nil
}

// member is one member of a scanned JSON object.
type member struct {
	name, value string
	scalar      bool // text, number or boolean
}

// object is a scanned JSON object.
type object struct {
	members [maxFields]member
	n       int
}

func (o *object) find(name string) *member {
	for i := range o.members[:o.n] {
		if o.members[i].name == name {
			return &o.members[i]
		}
	}
	return nil
}

// matchJSON says whether o is of this form. The keys that the form names come first in the ticket.
func (p *pattern) matchJSON(o *object, t *Ticket) bool {
	t.n = 0
	for _, key := range p.json.Lacks {
		if o.find(key) != nil {
			return false
		}
	}
	for _, key := range p.json.Has {
		m := o.find(key)
		if m == nil || !m.scalar {
			return false
		}
		t.add(m.name, m.value)
	}
	for i := range o.members[:o.n] {
		if p.json.Only != nil && !slices.Contains(p.json.Only, o.members[i].name) {
			return false
		}
		if m := &o.members[i]; m.scalar && !slices.Contains(p.json.Has, m.name) {
			t.add(m.name, m.value)
		}
	}
	return true
}

// decoder is a JSON decoder with the reader that it reads from.
type decoder struct {
	text strings.Reader
	json jsontext.Decoder
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// parse reads a JSON object, strictly: no key twice, valid UTF-8, nothing before or behind it. Names and values are
// substrings of scan unless they have escapes.
func (o *object) parse(scan string) bool {
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	d.text.Reset(scan)
	d.json.Reset(&d.text)
	if _, err := d.json.ReadToken(); err != nil {
		return false
	}
	for d.json.PeekKind() != jsontext.KindEndObject {
		if o.n == maxFields || !o.parseMember(scan, &d.json) {
			return false
		}
	}
	_, err := d.json.ReadToken()
	return err == nil && int(d.json.InputOffset()) == len(scan)
}

func (o *object) parseMember(scan string, d *jsontext.Decoder) bool {
	m := &o.members[o.n]
	o.n++
	name, _, ok := readValue(scan, d)
	if !ok {
		return false
	}
	m.name = name
	m.value, m.scalar, ok = readValue(scan, d)
	return ok
}

// readValue reads one value and gives it as text, if it is a scalar.
func readValue(scan string, d *jsontext.Decoder) (text string, scalar, ok bool) {
	raw, err := d.ReadValue()
	if err != nil {
		return "", false, false
	}
	end := int(d.InputOffset())
	text = scan[end-len(raw) : end]
	switch raw.Kind() {
	case jsontext.KindString:
		if strings.IndexByte(text, '\\') < 0 {
			return text[1 : len(text)-1], true, true
		}
		plain, err := jsontext.AppendUnquote(nil, text)
		return string(plain), true, err == nil
	case jsontext.KindNumber, jsontext.KindTrue, jsontext.KindFalse:
		return text, true, true
	}
	return "", false, true
}
