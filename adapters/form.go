package adapters

// Form says what one kind of scan of a system looks like. Exactly one of URL, JSON, Text, Bytes, Opaque and Document is set; Params
// goes with URL. A template is literal text with places {name:class} or {name:class:length}, where class is hex,
// digits, alnum, b64 or any, and length a number or a range such as 1-64.
type Form struct {
	URL      string            // https://host/path/{token:hex:32}
	Params   map[string]string // of the query and the fragment, any order: name to template
	JSON     *JSONForm
	Text     string
	Bytes    *BytesForm
	Opaque   int      // longest scan in bytes; claims only what the request says is this system's
	Document []string // id types that the system answers for
}

// JSONForm claims JSON objects that have all of the keys Has and none of Lacks; every member that is text, a number or a
// boolean becomes a field of the ticket, as text.
type JSONForm struct{ Has, Lacks []string }

// BytesForm claims binary codes that start with these bytes.
type BytesForm struct{ Starts string }
