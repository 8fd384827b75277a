package adapters

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxScan is the longest scan in bytes, text or binary.
const maxScan = 8192

// Form says what one kind of scan of a system looks like. Exactly one of URL, JSON, Text, Bytes, Opaque and Document is set; Params
// goes with URL. [Form.Check] says whether a form holds together.
//
// # Templates
//
// URL, Text and the values of Params are templates: literal text with places {name:class} or {name:class:length}. What stands
// at a place becomes the ticket's field of that name. Names are of letters, digits and _, beginning with a letter. The classes:
//
//	hex     0-9 a-f A-F
//	digits  0-9
//	alnum   0-9 a-z A-Z
//	b64     alnum and + / - _ = (both alphabets of base64)
//	any     text: UTF-8 without control characters; in a URL what a path segment may hold, without % and /
//
// A length is a number or a range such as 1-64, in bytes, at least 1; without it a place holds 1 byte or more. Two places of
// variable length need something between them that the first cannot hold, else the template is ambiguous and refused.
//
// # URLs
//
// URL is https://host/path or http://host/path, with #fragment behind it if the scans have one. Scheme and host match in
// any case, all else exactly as written. Ports, user names, percent signs, backslashes and non-ASCII characters in the path
// match nothing, nor does a second :// anywhere.
//
// Params are looked for in the query (behind ? in the URL) and in the fragment's own query (behind ? in the fragment, as
// single-page applications have it), in any order. Each must be there exactly once in both together. Its value is
// percent-decoded once, a + stays a +, and it must match its template. Parameters that are not named in Params may be there
// and are ignored. The fragment up to its ? must match the fragment of URL, so a URL without one claims no scan that has one:
//
//	url: https://h5.example.cn/index.html#/result      https://h5.example.cn/index.html?qrCode=V2…#/result
//	params: {qrCode: "V2{token:hex:32}"}
//
//	url: https://akm.example.cn/index.html#/myAkm      https://akm.example.cn/index.html#/myAkm?isScan=1&id=akm:qrcode:…
//	params: {id: "akm:qrcode:{code:hex:32}"}
type Form struct {
	URL      string            // https://host/path/{token:hex:32}
	Params   map[string]string // of the query and the fragment: name to template
	JSON     *JSONForm
	Text     string // never claims a scan that begins with http://, https:// or {
	Bytes    *BytesForm
	Opaque   int      // longest scan in bytes; claims only text that the request says is this system's
	Document []string // id types that the system answers for
}

// JSONForm claims JSON objects that have all of the keys Has and none of Lacks. The object has at most 16 members, no key twice
// and nothing before or behind it. Every member that is text, a number or a boolean becomes a field of the
// ticket, as text (numbers as they are written); the keys Has must be such members. Other values are skipped.
type JSONForm struct{ Has, Lacks []string }

// BytesForm claims binary codes that start with these bytes.
type BytesForm struct{ Starts string }

// FormError says what is wrong with a form and how to mend it.
type FormError struct {
	Member string // url, params.NAME, json.has, json.lacks, text, bytes.starts, opaque, document; "" for the form as a whole
	At     int    // offset of the fault in the member's text, in bytes; -1 if it is not in one place
	What   string
}

func (e *FormError) Error() string {
	switch {
	case e.Member == "":
		return e.What
	case e.At < 0:
		return e.Member + ": " + e.What
	}
	return fmt.Sprintf("%s, character %d: %s", e.Member, e.At+1, e.What)
}

// Check says what can be said of a form alone: that it is of exactly one kind and that its templates can be read
// in one way only. The error is a *[FormError], for the first fault that is found.
func (f Form) Check() error {
	_, err := f.compile()
	return err
}

// Fields gives the names that the form takes out of a scan, nil if the form does not hold. For a JSON form these are the
// keys that it must have; a ticket may have others besides.
func (f Form) Fields() []string {
	p, err := f.compile()
	if err != nil {
		return nil
	}
	return p.fields()
}

// kind is a kind of form, by the name of its member in a descriptor.
type kind string

const (
	kindURL      kind = "url"
	kindJSON     kind = "json"
	kindText     kind = "text"
	kindBytes    kind = "bytes"
	kindOpaque   kind = "opaque"
	kindDocument kind = "document"
)

// pattern is a compiled form. Which members count depends on the kind.
type pattern struct {
	kind     kind
	site     string // scheme://host in lower case
	path     template
	fragment template
	params   []param // by name
	json     JSONForm
	text     template
	starts   string
	opaque   int
	document []string
}

type param struct {
	name  string
	value template
}

// templates gives the templates of a URL or text in the order in which they are matched.
func (p *pattern) templates() []template {
	list := []template{p.path, p.fragment}
	for _, v := range p.params {
		list = append(list, v.value)
	}
	return append(list, p.text)
}

func (p *pattern) fields() []string {
	var names []string
	for _, t := range p.templates() {
		for _, part := range t.parts {
			if part.name != "" {
				names = append(names, part.name)
			}
		}
	}
	return append(names, p.json.Has...)
}

func (f Form) compile() (*pattern, error) {
	kinds := f.kinds()
	if len(kinds) != 1 {
		has := "none"
		if len(kinds) > 1 {
			has = fmt.Sprint(kinds)
		}
		return nil, &FormError{"", -1, "a form has exactly one of url, json, text, bytes, opaque and document; this one has " + has}
	}
	p := &pattern{kind: kinds[0]}
	if len(f.Params) > 0 && p.kind != kindURL {
		return nil, &FormError{"params", -1, "params go with url only"}
	}
	var err error
	switch p.kind {
	case kindURL:
		err = p.compileURL(f.URL, f.Params)
	case kindJSON:
		p.json = *f.JSON
		err = f.JSON.check()
	case kindText:
		err = p.compileText(f.Text)
	case kindBytes:
		p.starts = f.Bytes.Starts
		err = f.Bytes.check()
	case kindOpaque:
		p.opaque = f.Opaque
		if f.Opaque < 1 || f.Opaque > maxScan {
			err = &FormError{"opaque", -1, fmt.Sprintf("the longest scan is of 1 to %d bytes", maxScan)}
		}
	case kindDocument:
		p.document = f.Document
		err = checkKeys("document", "id type", f.Document)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (f Form) kinds() []kind {
	var kinds []kind
	for _, k := range []struct {
		kind kind
		set  bool
	}{
		{kindURL, f.URL != ""},
		{kindJSON, f.JSON != nil},
		{kindText, f.Text != ""},
		{kindBytes, f.Bytes != nil},
		{kindOpaque, f.Opaque != 0},
		{kindDocument, f.Document != nil},
	} {
		if k.set {
			kinds = append(kinds, k.kind)
		}
	}
	return kinds
}

func (p *pattern) compileURL(url string, params map[string]string) error {
	site, err := siteOf(url)
	if err != nil {
		return err
	}
	p.site = url[:site]
	end := len(url)
	if i := strings.IndexByte(url, '#'); i >= 0 {
		end = i
		if p.fragment, err = parseTemplate("url", url, i+1, urlAlphabet); err != nil {
			return err
		}
	}
	if p.path, err = parseTemplate("url", url[:end], site, urlAlphabet); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		member := "params." + name
		if name == "" || strings.ContainsFunc(name, notInParamName) {
			return &FormError{member, -1, "a parameter's name is of printable ASCII characters other than % & = # ?"}
		}
		value, err := parseTemplate(member, params[name], 0, textAlphabet)
		if err != nil {
			return err
		}
		if len(value.parts) == 0 {
			return &FormError{member, -1, "the template is empty: write what the parameter must be, or {name:any}"}
		}
		p.params = append(p.params, param{name, value})
	}
	return p.checkFields()
}

// siteOf gives the length of scheme://host in a URL template.
func siteOf(url string) (int, error) {
	scheme := urlScheme(url)
	if scheme == 0 || strings.ToLower(url[:scheme]) != url[:scheme] {
		return 0, &FormError{"url", 0, "begin with https:// or http:// in lower case; other schemes are text forms"}
	}
	site := len(url)
	if i := strings.IndexByte(url[scheme:], '/'); i >= 0 {
		site = scheme + i
	}
	for i := scheme; i < site; i++ {
		if c := url[i]; c != '.' && c != '-' && !digits.has(c) && (c < 'a' || c > 'z') {
			return 0, &FormError{"url", i, "a host is literal: lower-case letters, digits, dots and hyphens, without port or user"}
		}
	}
	switch {
	case site == scheme:
		return 0, &FormError{"url", scheme, "the host is missing"}
	case site > maxSite:
		return 0, &FormError{"url", scheme, fmt.Sprintf("scheme and host are longer than %d bytes", maxSite)}
	case site == len(url):
		return 0, &FormError{"url", site, "a path is missing: write at least / behind the host"}
	}
	if i := strings.Index(url[scheme:], "://"); i >= 0 {
		return 0, &FormError{"url", scheme + i, "a scan with a second :// is never matched"}
	}
	return site, nil
}

// notInParamName says whether a parameter's name in a query may not hold r. Names are compared as they are, never decoded.
func notInParamName(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`%&=#?\`, r)
}

func (p *pattern) compileText(text string) (err error) {
	if urlScheme(text) > 0 {
		return &FormError{"text", 0, "a scan that begins with http:// or https:// is a URL: use url"}
	}
	if p.text, err = parseTemplate("text", text, 0, textAlphabet); err != nil {
		return err
	}
	return p.checkFields()
}

// checkFields checks the names of a URL's or a text's places together.
func (p *pattern) checkFields() error {
	names := p.fields()
	if len(names) > maxFields {
		return &FormError{string(p.kind), -1, fmt.Sprintf("%d places; at most %d are possible", len(names), maxFields)}
	}
	slices.Sort(names)
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			return &FormError{string(p.kind), -1, fmt.Sprintf("two places are named %q: rename one", names[i])}
		}
	}
	return nil
}

func (j *JSONForm) check() error {
	if err := checkKeys("json.has", "key", j.Has); err != nil {
		return err
	}
	if len(j.Has) > maxFields {
		return &FormError{"json.has", -1, fmt.Sprintf("%d keys; at most %d are possible", len(j.Has), maxFields)}
	}
	if j.Lacks != nil {
		if err := checkKeys("json.lacks", "key", j.Lacks); err != nil {
			return err
		}
	}
	if key, both := shared(j.Has, j.Lacks); both {
		return &FormError{"json.lacks", -1, fmt.Sprintf("key %q is in has too: take it out of one of them", key)}
	}
	return nil
}

func (b *BytesForm) check() error {
	if n := len(b.Starts); n == 0 || n > maxScan {
		return &FormError{"bytes.starts", -1, fmt.Sprintf("give the 1 to %d bytes that the code starts with", maxScan)}
	}
	return nil
}

// checkKeys checks a list of texts that needs at least one, none empty and none twice.
func checkKeys(member, what string, list []string) error {
	if len(list) == 0 {
		return &FormError{member, -1, "name at least one " + what}
	}
	for i, s := range list {
		switch {
		case s == "" || !utf8.ValidString(s):
			return &FormError{member, -1, "an empty " + what + ", or one that is not UTF-8"}
		case slices.Contains(list[:i], s):
			return &FormError{member, -1, fmt.Sprintf("%s %q is there twice", what, s)}
		}
	}
	return nil
}

// shared finds a text that is in both lists.
func shared(a, b []string) (string, bool) {
	for _, s := range a {
		if slices.Contains(b, s) {
			return s, true
		}
	}
	return "", false
}
