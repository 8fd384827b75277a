package freshness

import (
	"encoding/binary"
	"errors"
	"time"

	"tongma/standard"
)

// An answer is kept as one string: when it was observed, until when it is valid, and its record, or why there is none. A record's
// texts stand behind their lengths, in the order of the struct's fields, lists behind their counts, what is optional behind a 0 or 1.
// A decoded record's texts are pieces of that string, so that decoding copies none of them. The encoding leaves the process only
// sealed, and the version of the seal is its version.

// What stands behind an answer's times.
const (
	aReason = iota // and the rest is the reason why there is no record
	aRecord
)

// text is what is kept of an answer. Its times are in milliseconds; age, position and concerns are none of it.
func (e *Entry) text() string {
	w := make(writer, 0, 256)
	w.number(e.ObservedAt.UnixMilli())
	if e.ValidUntil.IsZero() {
		w.count(0)
	} else {
		w.count(1)
		w.number(e.ValidUntil.UnixMilli() - e.ObservedAt.UnixMilli())
	}
	if e.Record == nil {
		w = append(append(w, aReason), e.Reason...)
	} else {
		w.record(e.Record)
	}
	return string(w)
}

// read takes what text has written.
func (e *Entry) read(text string) (err error) {
	in := reader{rest: text}
	observed := in.number()
	e.ObservedAt = time.UnixMilli(observed)
	if in.count() > 0 {
		e.ValidUntil = time.UnixMilli(observed + in.number())
	}
	if !in.broken && in.rest != "" && in.rest[0] == aReason {
		e.Reason = standard.ReasonCode(in.rest[1:])
		return nil
	}
	e.Record, err = decode(in.rest)
	return err
}

func (w *writer) record(r *standard.Record) {
	*w = append(*w, aRecord)
	w.texts(string(r.Status), r.Subject)
	s := &r.System
	w.texts(s.ID, s.Name, s.Region, s.Status, s.Colour, s.Text, string(s.Provenance))
	h := &r.Holder
	w.texts(h.Name, h.Sex, h.Nationality, h.IDType, h.IDNumber, h.Region, h.Address, h.Phone)
	w.list(h.History)
	w.health(&r.Health)
	w.count(len(r.Trips))
	for i := range r.Trips {
		w.texts(r.Trips[i].Region, r.Trips[i].Place)
		w.time(r.Trips[i].At)
	}
	w.count(len(r.Others))
	for i := range r.Others {
		w.texts(r.Others[i].System, r.Others[i].Region, string(r.Others[i].Status))
	}
}

// errCorrupt cannot happen unless memory or this file is broken; the record is then as good as absent.
var errCorrupt = errors.New("freshness: an encoded record cannot be read")

func decode(s string) (*standard.Record, error) {
	if s == "" || s[0] != aRecord {
		return nil, errCorrupt
	}
	in := reader{rest: s[1:]}
	r := new(standard.Record)
	r.Status, r.Subject = standard.Status(in.text()), in.text()
	y := &r.System
	y.ID, y.Name, y.Region, y.Status, y.Colour, y.Text = in.text(), in.text(), in.text(), in.text(), in.text(), in.text()
	y.Provenance = standard.Provenance(in.text())
	h := &r.Holder
	h.Name, h.Sex, h.Nationality, h.IDType = in.text(), in.text(), in.text(), in.text()
	h.IDNumber, h.Region, h.Address, h.Phone = in.text(), in.text(), in.text(), in.text()
	h.History = in.list()
	in.health(&r.Health)
	if n := in.count(); n > 0 {
		r.Trips = make([]standard.Trip, n)
		for i := range r.Trips {
			r.Trips[i] = standard.Trip{Region: in.text(), Place: in.text(), At: in.time()}
		}
	}
	if n := in.count(); n > 0 {
		r.Others = make([]standard.Other, n)
		for i := range r.Others {
			r.Others[i] = standard.Other{System: in.text(), Region: in.text(), Status: standard.Status(in.text())}
		}
	}
	if in.broken || in.rest != "" {
		return nil, errCorrupt
	}
	return r, nil
}

type writer []byte

func (w *writer) count(n int) { w.uvarint(uint64(n)) }

func (w *writer) uvarint(n uint64) { *w = binary.AppendUvarint(*w, n) }

func (w *writer) number(n int64) { *w = binary.AppendVarint(*w, n) }

func (w *writer) texts(texts ...string) {
	for _, t := range texts {
		w.count(len(t))
		*w = append(*w, t...)
	}
}

func (w *writer) list(texts []string) {
	w.count(len(texts))
	w.texts(texts...)
}

// time writes a time with its zone's difference, because an answer repeats the zone that the system stated.
func (w *writer) time(t time.Time) {
	if t.IsZero() {
		w.count(0)
		return
	}
	_, east := t.Zone()
	w.count(1)
	w.number(t.Unix())
	w.number(int64(t.Nanosecond()))
	w.number(int64(east))
}

func (w *writer) health(h *standard.Health) {
	w.texts(h.Temperature)
	w.list(h.Symptoms)
	w.list(h.RiskAreas)
	w.test(h.Nucleic)
	w.test(h.Antibody)
	if h.Vaccine == nil {
		w.count(0)
		return
	}
	w.count(1)
	w.number(int64(h.Vaccine.Doses))
	w.texts(h.Vaccine.LastAt)
}

func (w *writer) test(t *standard.Test) {
	if t == nil {
		w.count(0)
		return
	}
	w.count(1)
	w.texts(string(t.Result))
	w.time(t.SampledAt)
	w.texts(t.Institution)
}

// reader takes an encoded record apart. After anything impossible it is broken and gives zero values.
type reader struct {
	rest   string
	broken bool
}

func (r *reader) fail() uint64 {
	r.rest, r.broken = "", true
	return 0
}

func (r *reader) uvarint() uint64 {
	var n uint64
	for i := range min(len(r.rest), binary.MaxVarintLen64) {
		b := r.rest[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
	return r.fail()
}

func (r *reader) number() int64 {
	n := r.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

// count reads a number of things of which each takes at least a byte.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		n = r.fail()
	}
	return int(n)
}

func (r *reader) text() string {
	n := r.count()
	t := r.rest[:n]
	r.rest = r.rest[n:]
	return t
}

func (r *reader) list() []string {
	n := r.count()
	if n == 0 {
		return nil
	}
	texts := make([]string, n)
	for i := range texts {
		texts[i] = r.text()
	}
	return texts
}

func (r *reader) time() time.Time {
	if r.count() == 0 {
		return time.Time{}
	}
	seconds, nanos, east := r.number(), r.number(), r.number()
	return time.Unix(seconds, nanos).In(zoneOf(int(east)))
}

func zoneOf(east int) *time.Location {
	switch east {
	case 0:
		return time.UTC
	case 8 * 60 * 60:
		return standard.Zone
	}
	return time.FixedZone("", east)
}

func (r *reader) health(h *standard.Health) {
	h.Temperature = r.text()
	h.Symptoms = r.list()
	h.RiskAreas = r.list()
	h.Nucleic = r.test()
	h.Antibody = r.test()
	if r.count() == 0 {
		return
	}
	h.Vaccine = &standard.Vaccine{Doses: int(r.number()), LastAt: r.text()}
}

func (r *reader) test() *standard.Test {
	if r.count() == 0 {
		return nil
	}
	return &standard.Test{Result: standard.TestResult(r.text()), SampledAt: r.time(), Institution: r.text()}
}
