package adapters

import "fmt"

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

// JSONForm claims JSON objects that have all of the keys Has and none of Lacks; where Only is given, it names all keys that the
// object may have, those of Has among them. The object has at most 16 members, no key twice
// and nothing before or behind it. Every member that is text, a number or a boolean becomes a field of the
// ticket, as text (numbers as they are written); the keys Has must be such members. Other values are skipped.
type JSONForm struct{ Has, Lacks, Only []string }

// BytesForm claims binary codes that start with these bytes.
type BytesForm struct{ Starts string }

// FormError says what is wrong with a form and how to mend it.
type FormError struct {
	Member string // url, params.NAME, json.has, json.lacks, json.only, text, bytes.starts, opaque, document; "" for the form as a whole
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
