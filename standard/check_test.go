package standard_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"tongma/standard"
)

func request(change func(*standard.Request)) standard.Request {
	r := standard.Request{Scan: "scan", Place: standard.Place{Region: "110000"}}
	change(&r)
	return r
}

func withDocument(r *standard.Request) {
	r.Scan = ""
	r.Document = &standard.Document{Type: "01", Number: "46010819600506998x", Name: "李测试"}
}

func TestRequestsThatHoldTogether(t *testing.T) {
	now := time.Date(2022, 6, 1, 0, 0, 0, 0, standard.Zone)
	for name, change := range map[string]func(*standard.Request){
		"a scan":            func(r *standard.Request) {},
		"the longest scan":  func(r *standard.Request) { r.Scan = strings.Repeat("a", 8192) },
		"a scan with lines": func(r *standard.Request) { r.Scan = "{\n\"a\":1}\x1d" },
		"a binary scan":     func(r *standard.Request) { r.Scan, r.ScanBytes = "", []byte{0, 0xff} },
		"a document":        withDocument,
		"all of it": func(r *standard.Request) {
			longest := strings.Repeat("测", 64)
			r.Place.Site, r.Device, r.Scene, r.Purpose, r.System = longest, longest, longest, longest, "suishen"
			r.Operator = &standard.Operator{ID: longest, Name: longest, Department: longest, Phone: longest}
			r.Reference, r.WaitMs = strings.Repeat("a.-_Z09x", 8), 10000
		},
		"an operator without particulars": func(r *standard.Request) { r.Operator = &standard.Operator{} },
		"the least patience":              func(r *standard.Request) { r.WaitMs = 50 },
	} {
		r := request(change)
		if err := r.Check(now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRequestsThatDoNotHoldTogether(t *testing.T) {
	now := time.Date(2022, 6, 1, 0, 0, 0, 0, standard.Zone)
	for _, c := range []struct {
		kind   standard.Kind
		field  string
		change func(*standard.Request)
	}{
		{standard.KindSubject, "scan", func(r *standard.Request) { r.Scan = "" }},
		{standard.KindSubject, "scan", func(r *standard.Request) { r.ScanBytes = []byte("b") }},
		{standard.KindSubject, "scan", func(r *standard.Request) { scan := r.Scan; withDocument(r); r.Scan = scan }},
		{standard.KindSubject, "scan", func(r *standard.Request) { withDocument(r); r.ScanBytes = []byte("b") }},
		{standard.KindSubject, "scan", func(r *standard.Request) { r.Scan = strings.Repeat("a", 8193) }},
		{standard.KindSubject, "scan", func(r *standard.Request) { r.Scan = strings.Repeat("测", 2731) }},
		{standard.KindSubject, "scan", func(r *standard.Request) { r.Scan = "a\x00" }},
		{standard.KindSubject, "scan", func(r *standard.Request) { r.Scan = "\xff" }},
		{standard.KindSubject, "scanBytes", func(r *standard.Request) { r.Scan, r.ScanBytes = "", make([]byte, 8193) }},
		{standard.KindDocument, "document.number", func(r *standard.Request) { withDocument(r); r.Document.Number = "1" }},
		{standard.KindRegion, "place.region", func(r *standard.Request) { r.Place.Region = "" }},
		{standard.KindRegion, "place.region", func(r *standard.Request) { r.Place.Region = "000000" }},
		{standard.KindRegion, "place.region", func(r *standard.Request) { r.Place.Region = "11" }},
		{standard.KindField, "place.site", func(r *standard.Request) { r.Place.Site = strings.Repeat("测", 65) }},
		{standard.KindField, "system", func(r *standard.Request) { r.System = "a\nb" }},
		{standard.KindField, "device", func(r *standard.Request) { r.Device = "a\x7f" }},
		{standard.KindField, "scene", func(r *standard.Request) { r.Scene = "\xff" }},
		{standard.KindField, "purpose", func(r *standard.Request) { r.Purpose = strings.Repeat("a", 65) }},
		{standard.KindField, "operator.id", func(r *standard.Request) { r.Operator = &standard.Operator{ID: "\t"} }},
		{standard.KindField, "operator.name", func(r *standard.Request) { r.Operator = &standard.Operator{Name: "a\u202eb"} }},
		{standard.KindField, "operator.department", func(r *standard.Request) { r.Operator = &standard.Operator{Department: " a"} }},
		{standard.KindField, "operator.phone", func(r *standard.Request) { r.Operator = &standard.Operator{Phone: strings.Repeat("1", 65)} }},
		{standard.KindField, "reference", func(r *standard.Request) { r.Reference = "a b" }},
		{standard.KindField, "reference", func(r *standard.Request) { r.Reference = "测" }},
		{standard.KindField, "reference", func(r *standard.Request) { r.Reference = strings.Repeat("a", 65) }},
		{standard.KindField, "waitMs", func(r *standard.Request) { r.WaitMs = 49 }},
		{standard.KindField, "waitMs", func(r *standard.Request) { r.WaitMs = 10001 }},
		{standard.KindField, "waitMs", func(r *standard.Request) { r.WaitMs = -1 }},
	} {
		r := request(c.change)
		var e *standard.Error
		if err := r.Check(now); !errors.As(err, &e) || e.Kind != c.kind || e.Field != c.field {
			t.Errorf("%s %s: %v", c.kind, c.field, err)
		}
	}
}

func TestCheckPutsTheNormalisedDocumentInAndLeavesTheCallersAlone(t *testing.T) {
	r := request(withDocument)
	given := r.Document
	if err := r.Check(time.Date(2022, 6, 1, 0, 0, 0, 0, standard.Zone)); err != nil {
		t.Fatal(err)
	}
	if r.Document.Number != "46010819600506998X" || given.Number != "46010819600506998x" {
		t.Errorf("%v, given %v", r.Document, given)
	}
}

func TestErrorsDoNotHoldTheValue(t *testing.T) {
	const value = "Zq7-Zq7"
	now := time.Date(2022, 6, 1, 0, 0, 0, 0, standard.Zone)
	for _, r := range []standard.Request{
		request(func(r *standard.Request) { r.Scan = value + "\xff" }),
		request(func(r *standard.Request) { r.Place.Region = value }),
		request(func(r *standard.Request) { r.Reference = value + " " }),
		request(func(r *standard.Request) { r.Purpose = value + "\n" }),
		request(func(r *standard.Request) { withDocument(r); r.Document.Number = value }),
		request(func(r *standard.Request) { withDocument(r); r.Document.Type = value }),
		request(func(r *standard.Request) { withDocument(r); r.Document.Name = value + "\n" }),
	} {
		if err := r.Check(now); err == nil || strings.Contains(err.Error(), value) {
			t.Errorf("%v", err)
		}
	}
}

func TestMillis(t *testing.T) {
	at := time.Date(2022, 3, 1, 2, 0, 0, 123987654, time.UTC)
	if got := standard.Millis(at).Format(time.RFC3339Nano); got != "2022-03-01T10:00:00.123+08:00" {
		t.Error(got)
	}
	if !standard.Millis(time.Time{}).IsZero() {
		t.Error("the zero time does not stay zero")
	}
}

func TestAScanIsCheckedWithoutAllocation(t *testing.T) {
	r := request(func(r *standard.Request) { r.Purpose, r.Operator = "测试", &standard.Operator{Name: "李测试"} })
	before := r
	if n := testing.AllocsPerRun(100, func() { _ = r.Check(time.Time{}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if !reflect.DeepEqual(r, before) {
		t.Error("the request has changed")
	}
}
