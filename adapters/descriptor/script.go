package descriptor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// script is the host of a fixture: it plays the calls in their order and tells what is asked otherwise.
type script struct {
	*fixture
	now      time.Time
	calls    int
	drawn    int
	platform *platform // nil but for the dialect national
	answered int       // calls that platform has answered
	differ   func(field, want, got string)
}

func newScript(fx *fixture, d *Descriptor, now time.Time, differ func(field, want, got string)) *script {
	s := &script{fixture: fx, now: now, differ: differ}
	switch {
	case d.info.Dialect == "national":
		s.platform = &platform{fx, &d.info, now, differ}
	case fx.Answer != nil:
		differ("answer", "calls: what is answered without them is of the dialect national", "answer")
	}
	return s
}

func (s *script) Now() time.Time { return s.now }

func (s *script) Credential(name string) (string, bool) {
	v, ok := s.Cred[name]
	if !ok && s.platform != nil {
		return platformCredential(name)
	}
	return v, ok
}

// Random gives the next text of the fixture: a draw takes the place of each letter in the alphabet, a UUID its 16 bytes.
func (s *script) Random(b []byte) {
	if s.platform != nil && len(s.fixture.Random) == 0 {
		clear(b) // a nonce that nobody has written down is as good as any
		return
	}
	if s.drawn >= len(s.fixture.Random) {
		s.differ("random", fmt.Sprintf("%d draws", len(s.fixture.Random)), "one more")
		return
	}
	text := s.fixture.Random[s.drawn]
	s.drawn++
	if raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", "")); err == nil && len(b) == 16 && len(text) == 36 {
		copy(b, raw)
		return
	}
	if len(text) != len(b) {
		s.differ("random", fmt.Sprintf("%d characters", len(b)), fmt.Sprint(len(text)))
	}
	for i := range min(len(b), len(text)) {
		b[i] = byte(max(0, strings.IndexByte(alphabet, text[i])))
	}
}

func (s *script) Send(_ context.Context, c *adapters.Call) (*adapters.Reply, error) {
	if s.platform != nil && s.Answer != nil {
		s.answered++
		return s.platform.answer(c), nil
	}
	if s.calls >= len(s.Calls) {
		s.differ("calls", fmt.Sprint(len(s.Calls)), "one more: "+c.Method+" "+c.Target)
		return nil, &adapters.Fault{Reason: standard.ReasonUnreachable, What: "the fixture has no further call"}
	}
	x := &s.Calls[s.calls]
	s.calls++
	x.compare(c, fmt.Sprintf("calls[%d].", s.calls-1), s.differ)
	if x.Reply.Fault != "" {
		return nil, &adapters.Fault{Reason: x.Reply.Fault, What: "the fixture says so"}
	}
	h := http.Header{}
	for k, v := range x.Reply.Headers {
		h.Set(k, v)
	}
	return &adapters.Reply{Status: cmp.Or(x.Reply.Status, 200), Header: h, Body: []byte(x.Reply.Body)}, nil
}

// compare tells what of a call is otherwise than expected: method, path, query and body exactly, of the headers those that are listed.
func (x *exchange) compare(c *adapters.Call, at string, differ func(field, want, got string)) {
	e := &x.Expect
	tell := func(field, want, got string) {
		if want != got {
			differ(at+field, want, got)
		}
	}
	method, target := "GET", e.Get
	switch {
	case e.Post != "":
		method, target = "POST", e.Post
	case e.Put != "":
		method, target = "PUT", e.Put
	}
	gotPath, gotQuery, _ := strings.Cut(c.Target, "?")
	tell("method", method, c.Method)
	tell("path", target, gotPath)
	tell("endpoint", e.Endpoint, c.Endpoint)
	tell("query", pairsOf(e.Query), queryPairs(gotQuery))
	sent := map[string]string{}
	for _, h := range c.Header {
		sent[strings.ToLower(h.Name)] = h.Value
	}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		tell("headers."+name, e.Headers[name], sent[strings.ToLower(name)])
	}
	switch {
	case e.JSON != nil:
		var got any
		if json.Unmarshal(c.Body, &got) != nil || !reflect.DeepEqual(asJSON(e.JSON), got) {
			tell("json", show(e.JSON), string(c.Body))
		}
	case e.Form != nil:
		tell("form", pairsOf(e.Form), queryPairs(string(c.Body)))
	case e.Multipart != nil:
		tell("multipart", pairsOf(e.Multipart), parts(sent["content-type"], c.Body))
	default:
		tell("raw", e.Raw, string(c.Body))
	}
}

// asJSON gives a YAML value as JSON would have decoded it.
func asJSON(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		return v
	}
	var out any
	_ = json.Unmarshal(text, &out)
	return out
}

func pairsOf(m map[string]string) string {
	parts := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, k+"="+m[k])
	}
	return strings.Join(parts, "&")
}

// queryPairs writes a query like pairsOf; what is not a query stays as it is.
func queryPairs(query string) string {
	values, err := url.ParseQuery(query)
	if err != nil {
		return query
	}
	return pairsOf(joined(values))
}

// parts writes the fields of a multipart body like pairsOf; what is none stays as it is.
func parts(contentType string, body []byte) string {
	_, params, _ := mime.ParseMediaType(contentType)
	form, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).ReadForm(maxText)
	if err != nil {
		return string(body)
	}
	return pairsOf(joined(form.Value))
}

// joined shows all values of each name.
func joined(values map[string][]string) map[string]string {
	m := map[string]string{}
	for k, v := range values {
		m[k] = strings.Join(v, " and ")
	}
	return m
}
