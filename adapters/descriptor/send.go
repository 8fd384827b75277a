package descriptor

import (
	"bytes"
	"mime/multipart"
	"net/url"
	"strings"

	"tongma/adapters"
)

// send makes a call and leaves its reply in the names body and http.
func (f *frame) send(c *call) (*adapters.Reply, error) {
	out, err := f.request(c)
	if err != nil {
		return nil, err
	}
	if f.a.trace != nil {
		f.a.trace(Event{Kind: EventCall, Call: out})
	}
	reply, err := f.a.host.Send(f.ctx, out)
	if f.a.trace != nil {
		f.a.trace(Event{Kind: EventReply, Reply: reply, Err: err})
	}
	if err != nil {
		return nil, err
	}
	f.env["body"] = reply.Body
	if f.a.reads["http"] {
		http := f.group("http")
		http["status"], http["header"] = reply.Status, f.header(reply)
	}
	return reply, nil
}

// header gives the headers of a reply by their names in lower case, if any expression reads one.
func (f *frame) header(reply *adapters.Reply) map[string]any {
	if !f.a.reads["http.header"] {
		return nil
	}
	header := make(map[string]any, len(reply.Header))
	for name, values := range reply.Header {
		header[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return header
}

// request evaluates all that is sent: path and query, then the body, then the headers, which may sign the others.
func (f *frame) request(c *call) (*adapters.Call, error) {
	path, err := f.path(c.path)
	if err != nil {
		return nil, err
	}
	query, err := f.encoded(c.query, "query", queryEscape)
	if err != nil {
		return nil, err
	}
	body, contentType, err := f.body(c.body)
	if err != nil {
		return nil, err
	}
	out := &adapters.Call{
		Method: c.method, Endpoint: c.endpoint, Target: path, Body: body,
		Timeout: f.a.info.Limits.Timeout, MaxReply: f.a.info.Limits.Body,
		Header: make([]adapters.HeaderField, 0, len(c.headers)+1), // and the content type
	}
	if query != "" {
		out.Target += "?" + query
	}
	if f.a.reads["sent"] {
		sent := f.group("sent")
		sent["path"], sent["query"], sent["body"] = path, query, string(body)
	}
	for _, h := range c.headers {
		v, err := f.textOf(h.value, "header "+h.name)
		if err != nil {
			return nil, err
		}
		if strings.ContainsFunc(v, control) {
			return nil, h.value.fault("header " + h.name + ": its value has a control character")
		}
		out.Header = append(out.Header, adapters.HeaderField{Name: h.name, Value: v})
	}
	if contentType != "" {
		out.Header = append(out.Header, adapters.HeaderField{Name: "Content-Type", Value: contentType})
	}
	return out, nil
}

func control(r rune) bool { return r < 0x20 || r == 0x7f }

// path puts each value into the path as one segment, or a part of one.
func (f *frame) path(parts []part) (string, error) {
	var b strings.Builder
	for _, p := range parts {
		if p.value == nil {
			b.WriteString(p.literal)
			continue
		}
		o := operand{expr: p.value}
		v, err := f.textOf(o, "path")
		if err != nil {
			return "", err
		}
		if v == "" || v == "." || v == ".." || strings.ContainsFunc(v, control) {
			return "", o.fault("path: a value is empty, or not what a path can have")
		}
		b.WriteString(url.PathEscape(v))
	}
	return b.String(), nil
}

func queryEscape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// encoded writes k=v&… in the order of the descriptor.
func (f *frame) encoded(fields []field, what string, escape func(string) string) (string, error) {
	var b strings.Builder
	for i, p := range fields {
		v, err := f.textOf(p.value, what+" "+p.name)
		if err != nil {
			return "", err
		}
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(p.name))
		b.WriteByte('=')
		b.WriteString(escape(v))
	}
	return b.String(), nil
}

// body makes what is sent, and its Content-Type where that is not the same for each call.
func (f *frame) body(b body) (content []byte, contentType string, err error) {
	switch {
	case b.json != nil:
		content, err = f.json(nil, b.json)
	case b.form != nil:
		var s string
		s, err = f.encoded(b.form, "form", url.QueryEscape)
		content = []byte(s)
	case b.multipart != nil:
		return f.multipart(b.multipart)
	case b.raw != nil:
		content, err = f.raw(*b.raw)
	}
	return content, "", err
}

func (f *frame) raw(o operand) ([]byte, error) {
	v, err := f.operand(o)
	if err != nil {
		return nil, err
	}
	raw, err := bytesOf(v)
	if err != nil {
		return nil, o.fault("raw: " + err.Error())
	}
	return raw, nil
}

// multipart writes fields as RFC 7578 has them. Nobody can write the boundary into a value: it is drawn for each call.
func (f *frame) multipart(fields []field) ([]byte, string, error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary(f.a.draw(alphabet)(32)); err != nil {
		return nil, "", err
	}
	for _, p := range fields {
		v, err := f.textOf(p.value, "multipart "+p.name)
		if err != nil {
			return nil, "", err
		}
		if err := w.WriteField(p.name, v); err != nil {
			return nil, "", err
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return b.Bytes(), w.FormDataContentType(), nil
}

// json writes a JSON body in the order of the descriptor. Nil never reaches it.
func (f *frame) json(dst []byte, j *jsonBody) ([]byte, error) {
	var err error
	switch {
	case j.leaf != nil:
		v, err := f.operand(*j.leaf)
		if err != nil {
			return nil, err
		}
		if dst, err = appendJSON(dst, v); err != nil {
			return nil, j.leaf.fault("json: " + err.Error())
		}
		return dst, nil
	case j.isMap:
		dst = append(dst, '{')
		for i, m := range j.object {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendQuote(dst, m.name); err != nil {
				return nil, fault("json: " + err.Error())
			}
			if dst, err = f.json(append(dst, ':'), m.value); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
	dst = append(dst, '[')
	for i, item := range j.array {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = f.json(dst, item); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}
