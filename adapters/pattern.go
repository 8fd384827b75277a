package adapters

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

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
			return &FormError{member, -1, "a parameter's name is of printable ASCII characters other than % & = # ? and backslash"}
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
	if j.Only != nil {
		return j.checkOnly()
	}
	if key, both := shared(j.Has, j.Lacks); both {
		return &FormError{"json.lacks", -1, fmt.Sprintf("key %q is in has too: take it out of one of them", key)}
	}
	return nil
}

// checkOnly checks a form that names all keys that an object may have.
func (j *JSONForm) checkOnly() error {
	if err := checkKeys("json.only", "key", j.Only); err != nil {
		return err
	}
	if j.Lacks != nil {
		return &FormError{"json.lacks", -1, "only leaves all other keys out: take lacks away"}
	}
	if key, out := missing(j.Has, j.Only); out {
		return &FormError{"json.only", -1, fmt.Sprintf("key %q of has is not in only: add it", key)}
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

// missing finds a text of a that is not in b.
func missing(a, b []string) (string, bool) {
	i := slices.IndexFunc(a, func(s string) bool { return !slices.Contains(b, s) })
	if i < 0 {
		return "", false
	}
	return a[i], true
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
