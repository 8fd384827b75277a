package descriptor

import (
	"time"

	"tongma/standard"
)

// recordMembers says how each member of a record takes a value. Nil leaves a member out.
var recordMembers = map[string]func(r *standard.Record, v any) error{
	"holder.name":                 intoText(func(r *standard.Record) *string { return &r.Holder.Name }),
	"holder.sex":                  intoText(func(r *standard.Record) *string { return &r.Holder.Sex }),
	"holder.nationality":          intoText(func(r *standard.Record) *string { return &r.Holder.Nationality }),
	"holder.idType":               intoText(func(r *standard.Record) *string { return &r.Holder.IDType }),
	"holder.idNumber":             intoText(func(r *standard.Record) *string { return &r.Holder.IDNumber }),
	"holder.region":               intoText(func(r *standard.Record) *string { return &r.Holder.Region }),
	"holder.address":              intoText(func(r *standard.Record) *string { return &r.Holder.Address }),
	"holder.phone":                intoText(func(r *standard.Record) *string { return &r.Holder.Phone }),
	"holder.history":              intoTexts(func(r *standard.Record) *[]string { return &r.Holder.History }),
	"health.temperature":          intoText(func(r *standard.Record) *string { return &r.Health.Temperature }),
	"health.symptoms":             intoTexts(func(r *standard.Record) *[]string { return &r.Health.Symptoms }),
	"health.riskAreas":            intoTexts(func(r *standard.Record) *[]string { return &r.Health.RiskAreas }),
	"health.nucleic.result":       intoResult(nucleic),
	"health.nucleic.sampledAt":    intoTime(func(r *standard.Record) *time.Time { return &nucleic(r).SampledAt }),
	"health.nucleic.institution":  intoText(func(r *standard.Record) *string { return &nucleic(r).Institution }),
	"health.antibody.result":      intoResult(antibody),
	"health.antibody.sampledAt":   intoTime(func(r *standard.Record) *time.Time { return &antibody(r).SampledAt }),
	"health.antibody.institution": intoText(func(r *standard.Record) *string { return &antibody(r).Institution }),
	"health.vaccine.doses": func(r *standard.Record, v any) error {
		n, err := toInt(v)
		if err == nil {
			vaccine(r).Doses = n.(int)
		}
		return err
	},
	"health.vaccine.lastAt": intoText(func(r *standard.Record) *string { return &vaccine(r).LastAt }),
}

func nucleic(r *standard.Record) *standard.Test {
	if r.Health.Nucleic == nil {
		r.Health.Nucleic = &standard.Test{Result: standard.TestUnknown}
	}
	return r.Health.Nucleic
}

func antibody(r *standard.Record) *standard.Test {
	if r.Health.Antibody == nil {
		r.Health.Antibody = &standard.Test{Result: standard.TestUnknown}
	}
	return r.Health.Antibody
}

func vaccine(r *standard.Record) *standard.Vaccine {
	if r.Health.Vaccine == nil {
		r.Health.Vaccine = &standard.Vaccine{}
	}
	return r.Health.Vaccine
}

func intoText(member func(*standard.Record) *string) func(*standard.Record, any) error {
	return func(r *standard.Record, v any) error {
		s, err := sink(v)
		if err == nil {
			*member(r) = s
		}
		return err
	}
}

func intoTexts(member func(*standard.Record) *[]string) func(*standard.Record, any) error {
	return func(r *standard.Record, v any) error {
		list, ok := v.([]any)
		if !ok {
			return typeError("a list of text", v)
		}
		for _, item := range list {
			s, err := sink(item)
			if err != nil {
				return err
			}
			*member(r) = append(*member(r), s)
		}
		return nil
	}
}

func intoTime(member func(*standard.Record) *time.Time) func(*standard.Record, any) error {
	return func(r *standard.Record, v any) error {
		t, ok := v.(time.Time)
		if !ok {
			return typeError("a time", v)
		}
		*member(r) = t
		return nil
	}
}

// intoResult takes the three words of a test's result; whatever else is said is unknown.
func intoResult(test func(*standard.Record) *standard.Test) func(*standard.Record, any) error {
	return func(r *standard.Record, v any) error {
		t := test(r)
		switch v {
		case string(standard.TestNegative):
			t.Result = standard.TestNegative
		case string(standard.TestPositive):
			t.Result = standard.TestPositive
		}
		return nil
	}
}

// record makes the national record from what the frame knows, and says until when the system lets it stand.
func (f *frame) record() (*standard.Record, time.Time, error) {
	d := f.a.record
	if d.check != nil {
		ok, err := f.holds(d.check)
		if err != nil {
			return nil, time.Time{}, err
		}
		if !ok {
			return nil, time.Time{}, fault("check does not hold: the answer is about somebody else")
		}
	}
	rec := &standard.Record{}
	var err error
	if rec.System, err = f.system(d.system); err != nil {
		return nil, time.Time{}, err
	}
	if d.status != nil {
		row, raw, err := f.status(*d.status)
		if err != nil {
			return nil, time.Time{}, err
		}
		rec.Status = row.status
		rec.System.Status, rec.System.Colour, rec.System.Text = raw, row.colour, row.text
	}
	for _, m := range d.members {
		v, err := f.operand(m.value)
		if err != nil {
			return nil, time.Time{}, err
		}
		if v == nil {
			continue
		}
		if err := m.into(rec, v); err != nil {
			return nil, time.Time{}, fault(m.path + ": " + err.Error())
		}
	}
	if rec.Others, err = f.others(d.others, rec.System.ID); err != nil {
		return nil, time.Time{}, err
	}
	if rec.Trips, err = f.trips(d.trips); err != nil {
		return nil, time.Time{}, err
	}
	if d.subject != nil {
		if rec.Subject, err = f.textOf(*d.subject, "subject"); err != nil {
			return nil, time.Time{}, err
		}
	}
	expires, err := f.expires(d.expires)
	return rec, expires, err
}

// system says whose record it is: this system's, or that of a further one of the descriptor's.
func (f *frame) system(o *operand) (standard.System, error) {
	info := &f.a.info
	s := standard.System{ID: info.System, Name: info.Name.Zh, Region: info.Region, Provenance: info.Provenance}
	if p := f.a.forms[f.q.Ticket.Form].provenance; p != "" {
		s.Provenance = standard.Provenance(p)
	}
	if o == nil {
		return s, nil
	}
	id, err := f.textOf(*o, "record.system")
	if err != nil || id == s.ID {
		return s, err
	}
	for _, further := range info.Systems {
		if further.ID == id {
			s.ID, s.Name, s.Region = id, further.Name.Zh, further.Region
			return s, nil
		}
	}
	return standard.System{}, fault("record.system: this is none of the descriptor's systems")
}

// expires evaluates until when something holds; zero if that is not said.
func (f *frame) expires(e *expression) (time.Time, error) {
	if e == nil {
		return time.Time{}, nil
	}
	v, err := f.eval(e)
	if err != nil {
		return time.Time{}, err
	}
	t, ok := v.(time.Time)
	if !ok {
		return time.Time{}, fault("expires gave " + word(v))
	}
	return t, nil
}

// status looks a value up in the table of statuses, by its exact text. Whatever is not there is none, always.
func (f *frame) status(o operand) (statusRow, string, error) {
	raw, err := f.textOf(o, "status")
	if err != nil {
		return statusRow{}, "", err
	}
	row, ok := f.a.statuses[raw]
	if !ok {
		return statusRow{status: standard.None}, clip(raw), nil
	}
	return row, raw, nil
}

// clip keeps the words of a system that nobody has declared short.
func clip(s string) string {
	if r := []rune(s); len(r) > 32 {
		return string(r[:32])
	}
	return s
}

// others makes the codes that were not chosen.
func (f *frame) others(o *others, system string) ([]standard.Other, error) {
	if o == nil {
		return nil, nil
	}
	list, err := f.list(o.of, "others")
	if err != nil {
		return nil, err
	}
	var out []standard.Other
	for _, item := range list {
		f.env["it"] = item
		row, _, err := f.status(o.status)
		if err != nil {
			return nil, err
		}
		other := standard.Other{System: system, Status: row.status}
		if other.Region, err = f.region(o.region); err != nil {
			return nil, err
		}
		out = append(out, other)
	}
	return out, nil
}

// list evaluates a list of which each is taken in turn; nil is none.
func (f *frame) list(e *expression, what string) ([]any, error) {
	v, err := f.eval(e)
	if err != nil || v == nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fault(what + ": " + typeError("a list", v).Error())
	}
	return list, nil
}

// region evaluates a region; whatever is not in GB/T 2260 is left out.
func (f *frame) region(o *operand) (string, error) {
	if o == nil {
		return "", nil
	}
	v, err := f.operand(*o)
	if err != nil {
		return "", err
	}
	s, _ := v.(string)
	if _, known := standard.LookupRegion(s); !known {
		return "", nil
	}
	return s, nil
}

// trips makes the holder's journeys. Nil leaves a member out.
func (f *frame) trips(t *trips) ([]standard.Trip, error) {
	if t == nil {
		return nil, nil
	}
	list, err := f.list(t.of, "trips")
	if err != nil {
		return nil, err
	}
	var out []standard.Trip
	for _, item := range list {
		f.env["it"] = item
		trip, err := f.trip(t)
		if err != nil {
			return nil, err
		}
		out = append(out, trip)
	}
	return out, nil
}

func (f *frame) trip(t *trips) (standard.Trip, error) {
	region, err := f.region(t.region)
	if err != nil {
		return standard.Trip{}, err
	}
	place, err := f.place(t.place)
	if err != nil {
		return standard.Trip{}, err
	}
	trip := standard.Trip{Region: region, Place: place}
	if t.at == nil {
		return trip, nil
	}
	v, err := f.eval(t.at)
	if err != nil {
		return standard.Trip{}, err
	}
	at, ok := v.(time.Time)
	if v != nil && !ok {
		return standard.Trip{}, fault("trips.at gave " + word(v))
	}
	trip.At = at
	return trip, nil
}

// place evaluates the place of a trip; "" if it has none.
func (f *frame) place(o *operand) (string, error) {
	if o == nil {
		return "", nil
	}
	v, err := f.operand(*o)
	if err != nil || v == nil {
		return "", err
	}
	s, err := sink(v)
	if err != nil {
		return "", fault("trips.place: " + err.Error())
	}
	return s, nil
}
