package descriptor

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"tongma/adapters"
	"tongma/standard"
)

// reading is a descriptor that reads some of the place, the caller and the operator.
const reading = `
verify:
  - when: =place.region != "110000"
    post: /check/{place.ids.device}
    headers: {x-caller: =caller.device, x-operator: =operator.id, x-doc: '=ticket.document ?? "-"'}
    then: {reply: =json(body)}
    outcome: [{when: '=reply.code == "0"', is: verified}]
record:
  status: =reply.status
  holder: {region: =place.cityName}
`

func key(d *Descriptor, q *adapters.Query) string {
	var b bytes.Buffer
	d.WriteKey(&b, q)
	return b.String()
}

func TestTheKeyHasWhatTheDescriptorReadsAndNothingElse(t *testing.T) {
	d := parse(t, reading)
	base := func() *adapters.Query {
		return &adapters.Query{
			Ticket:   adapters.Ticket{Scan: "SAMPLEx"},
			Place:    adapters.Place{Region: "310000", Site: "a", City: "310000", CityName: "上海市", IDs: map[string]string{"device": "1"}},
			Caller:   adapters.Caller{ID: "a", Device: "b", Scene: "c", Purpose: "d"},
			Operator: standard.Operator{ID: "a", Name: "b", Department: "c", Phone: "d"},
		}
	}
	same := key(d, base())
	for name, test := range map[string]struct {
		change func(*adapters.Query)
		read   bool
	}{
		"scan":                {func(q *adapters.Query) { q.Ticket.Scan = "SAMPLEy" }, true},
		"bytes":               {func(q *adapters.Query) { q.Ticket.Scan, q.Ticket.Bytes = "", []byte("SAMPLEx") }, true},
		"document":            {func(q *adapters.Query) { q.Ticket.Document = &standard.Document{} }, true},
		"document.type":       {func(q *adapters.Query) { q.Ticket.Document = &standard.Document{Type: "01"} }, true},
		"place.region":        {func(q *adapters.Query) { q.Place.Region = "320000" }, true},
		"place.cityName":      {func(q *adapters.Query) { q.Place.CityName = "" }, true},
		"place.ids":           {func(q *adapters.Query) { q.Place.IDs = nil }, true},
		"place.ids.device":    {func(q *adapters.Query) { q.Place.IDs["device"] = "2" }, true},
		"caller.device":       {func(q *adapters.Query) { q.Caller.Device = "" }, true},
		"operator.id":         {func(q *adapters.Query) { q.Operator.ID = "" }, true},
		"place.site":          {func(q *adapters.Query) { q.Place.Site = "b" }, false},
		"place.city":          {func(q *adapters.Query) { q.Place.City = "" }, false},
		"caller.id":           {func(q *adapters.Query) { q.Caller.ID = "b" }, false},
		"caller.scene":        {func(q *adapters.Query) { q.Caller.Scene = "b" }, false},
		"caller.purpose":      {func(q *adapters.Query) { q.Caller.Purpose = "b" }, false},
		"operator.name":       {func(q *adapters.Query) { q.Operator.Name = "a" }, false},
		"operator.department": {func(q *adapters.Query) { q.Operator.Department = "a" }, false},
		"operator.phone":      {func(q *adapters.Query) { q.Operator.Phone = "a" }, false},
	} {
		q := base()
		test.change(q)
		if differs := key(d, q) != same; differs != test.read {
			t.Errorf("%s: key differs %v, is read %v", name, differs, test.read)
		}
	}
	other, err := Parse(File, []byte(head+reading+"# another file\n"))
	if err != nil || key(other, base()) == same {
		t.Error("two descriptors have the same key", err)
	}
}

// Texts are of few letters and often empty, so that parts that run together or stand for each other would be found.
func TestKeysAreEqualOnlyIfAllThatIsReadIsEqual(t *testing.T) {
	d := parse(t, reading)
	text := rapid.StringOfN(rapid.SampledFrom([]rune{'a', 0, 1}), 0, 3, -1)
	queries := rapid.Custom(func(t *rapid.T) *adapters.Query {
		q := &adapters.Query{}
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			q.Ticket.Scan = text.Draw(t, "scan")
		case 1:
			q.Ticket.Bytes = []byte(text.Draw(t, "bytes"))
		case 2:
			q.Ticket.Document = &standard.Document{Type: text.Draw(t, "type"), Number: text.Draw(t, "number"), Name: text.Draw(t, "name")}
		}
		q.Place = adapters.Place{Region: text.Draw(t, "region"), CityName: text.Draw(t, "city"), IDs: rapid.MapOfN(text, text, 0, 3).Draw(t, "ids")}
		q.Caller.Device, q.Operator.ID = text.Draw(t, "device"), text.Draw(t, "operator")
		return q
	})
	read := func(q *adapters.Query) any {
		doc := standard.Document{}
		if q.Ticket.Document != nil {
			doc = *q.Ticket.Document
		}
		return []any{q.Ticket.Scan, string(q.Ticket.Bytes), q.Ticket.Document != nil, doc, q.Place, q.Caller, q.Operator}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := queries.Draw(t, "a"), queries.Draw(t, "b")
		if rapid.Bool().Draw(t, "near") { // differ in one place only
			*b = *a
			b.Caller.Device = text.Draw(t, "other")
		}
		if equal := reflect.DeepEqual(read(a), read(b)); equal != (key(d, a) == key(d, b)) {
			t.Fatalf("inputs equal: %v, keys equal: %v", equal, !equal)
		}
	})
}
