package standard

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// usualText is room for the text of nearly every verification, in bytes.
const usualText = 1 << 10

// Settle fixes the text of v, which must not be changed any more, and gives it: whoever writes v later writes just this.
func (v *Verification) Settle() ([]byte, error) {
	text, err := v.AppendJSON(make([]byte, 0, usualText))
	if err == nil {
		v.settled = text
	}
	return text, err
}

// object is a JSON object that is being written. Verifications are written by hand, because they are most of what a gateway
// sends and encoding/json took a seventh of an answer from memory. A test holds what is written against encoding/json, so
// that no member can be forgotten.
type object struct {
	json []byte
	err  error // the first one
}

// AppendJSON appends v as encoding/json writes it: the text that an answer has as its data, and whose SM3 stands in the evidence. The error says
// that a time has no such text.
func (v *Verification) AppendJSON(to []byte) ([]byte, error) {
	if v.settled != nil {
		return append(to, v.settled...), nil
	}
	o := &object{json: append(to, '{')}
	o.text("id", v.ID)
	o.text("salt", v.Salt)
	o.text("outcome", string(v.Outcome))
	if r := v.Reason; r != nil {
		o.begin("reason")
		o.text("code", string(r.Code))
		if r.RetryAfterMs != 0 {
			o.number("retryAfterMs", r.RetryAfterMs)
		}
		o.both(Text{Zh: r.Zh, En: r.En})
		o.end()
	}
	o.textIfAny("status", string(v.Status))
	o.textIfAny("colour", string(v.Colour))
	if v.System != nil {
		o.system(v.System)
	}
	if v.Holder != nil {
		o.holder(v.Holder)
	}
	if v.Health != nil {
		o.any("health", v.Health)
	}
	if len(v.Others) > 0 {
		o.any("others", v.Others)
	}
	if f := v.Freshness; f != nil {
		o.begin("freshness")
		o.text("from", string(f.From))
		o.time("observedAt", f.ObservedAt)
		o.number("ageMs", f.AgeMs)
		if !f.ValidUntil.IsZero() {
			o.time("validUntil", f.ValidUntil)
		}
		o.end()
	}
	o.begin("decision")
	o.text("action", string(v.Decision.Action))
	o.text("rule", v.Decision.Rule)
	o.begin("reason")
	o.both(v.Decision.Reason)
	o.end()
	o.end()
	if e := v.Evidence; e != nil {
		o.begin("evidence")
		o.text("log", e.Log)
		o.text("entry", e.Entry)
		o.end()
	}
	return append(o.json, '}'), o.err
}

func (o *object) system(s *System) {
	o.begin("system")
	o.text("id", s.ID)
	o.text("name", s.Name)
	o.text("region", s.Region)
	o.textIfAny("status", s.Status)
	o.textIfAny("colour", s.Colour)
	o.textIfAny("text", s.Text)
	o.text("provenance", string(s.Provenance))
	o.end()
}

func (o *object) holder(h *Holder) {
	o.begin("holder")
	o.textIfAny("name", h.Name)
	o.textIfAny("sex", h.Sex)
	o.textIfAny("nationality", h.Nationality)
	o.textIfAny("idType", h.IDType)
	o.textIfAny("idNumber", h.IDNumber)
	o.textIfAny("region", h.Region)
	o.textIfAny("address", h.Address)
	o.textIfAny("phone", h.Phone)
	if len(h.History) > 0 {
		o.any("history", h.History)
	}
	o.end()
}

func (o *object) both(t Text) {
	o.text("zh", t.Zh)
	o.text("en", t.En)
}

// name begins a member. Names need no escaping.
func (o *object) name(name string) {
	if o.json[len(o.json)-1] != '{' {
		o.json = append(o.json, ',')
	}
	o.json = append(o.json, '"')
	o.json = append(o.json, name...)
	o.json = append(o.json, '"', ':')
}

func (o *object) begin(name string) {
	o.name(name)
	o.json = append(o.json, '{')
}

func (o *object) end() { o.json = append(o.json, '}') }

func (o *object) text(name, value string) {
	o.name(name)
	o.json, _ = jsontext.AppendQuote(o.json, value) // the error is for what is not UTF-8, of which it makes U+FFFD as encoding/json does
}

func (o *object) textIfAny(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

func (o *object) number(name string, n int64) {
	o.name(name)
	o.json = strconv.AppendInt(o.json, n, 10)
}

func (o *object) time(name string, t time.Time) {
	o.name(name)
	o.json = append(o.json, '"')
	text, err := t.AppendText(o.json)
	if err != nil {
		o.fail(err)
		return
	}
	o.json = append(text, '"')
}

// any writes what is rare.
func (o *object) any(name string, value any) {
	o.name(name)
	text, err := json.Marshal(value)
	if err != nil {
		o.fail(err)
		return
	}
	o.json = append(o.json, text...)
}

func (o *object) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}
