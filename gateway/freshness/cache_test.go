package freshness

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tongma/adapters"
	"tongma/standard"
)

var noon = time.Date(2022, 3, 1, 12, 0, 0, 0, standard.Zone)

// sample is a record of usual size.
func sample(i int) *standard.Record {
	return &standard.Record{
		Status: standard.Green,
		System: standard.System{ID: "suishen", Name: "随申码", Region: "310000", Status: "00", Colour: "green", Text: "绿码", Provenance: standard.FromObserved},
		Holder: standard.Holder{Name: "张某某", IDType: "01", IDNumber: fmt.Sprintf("00000019900101%04d", i%10000), Phone: "19900000000"},
		Health: standard.Health{
			Nucleic: &standard.Test{Result: standard.TestNegative, SampledAt: noon.Add(-time.Hour), Institution: "测试医院检验科"},
			Vaccine: &standard.Vaccine{Doses: 2, LastAt: "2021-08-01"},
		},
		Subject: fmt.Sprintf("%032d", i),
	}
}

// shelf is a cache with a clock that a test moves and the marks of one system.
type shelf struct {
	*Cache
	up    time.Duration
	marks *Marks
	sui   *SystemMarks
}

func newShelf(t testing.TB, entries int) *shelf {
	t.Helper()
	s := &shelf{}
	uptime := func() time.Duration { return s.up }
	var err error
	if s.Cache, err = New(entries, uptime); err != nil {
		t.Fatal(err)
	}
	s.marks = NewMarks(time.Hour, uptime)
	s.sui = s.marks.Of("suishen")
	return s
}

func (s *shelf) put(key Key, r *standard.Record, life Life) {
	s.Put(key, &Entry{Record: r, ObservedAt: noon, Since: s.up, Began: s.marks.Position(), Concerns: s.sui.Concerns("scan", nil, r)}, &life, s.sui)
}

func (s *shelf) get(key Key) Standing {
	_, standing := s.Get(key, s.sui)
	return standing
}

func TestAnAnswersStandingFallsWithItsAgeAsItsColourAllows(t *testing.T) {
	const second = time.Second
	life := Life{
		Freshness: adapters.Freshness{Green: 9 * second, Yellow: 60 * second}, Negative: 3 * second, Revalidate: 10 * second, IfError: 100 * second,
	}
	none := Life{Freshness: adapters.Freshness{Green: -1, Yellow: -1, Red: -1}, Negative: -1, Revalidate: -1, IfError: -1}
	for name, c := range map[string]struct {
		entry                       Entry
		valid                       time.Duration
		life                        Life
		due, fresh, revalidate, end time.Duration // the ages at which it becomes due, stale, a last resort, nothing
	}{
		"green":          {Entry{Record: &standard.Record{Status: standard.Green}}, 0, life, 6 * second, 9 * second, 9 * second, 109 * second},
		"yellow":         {Entry{Record: &standard.Record{Status: standard.Yellow}}, 0, life, 40 * second, 60 * second, 70 * second, 160 * second},
		"red, defaults":  {Entry{Record: &standard.Record{Status: standard.Red}}, 0, Life{}, 200 * second, 300 * second, 330 * second, 900 * second},
		"green, default": {Entry{Record: &standard.Record{Status: standard.Green}}, 0, Life{}, 20 * second, 30 * second, 30 * second, 630 * second},
		"valid 6 s":      {Entry{Record: &standard.Record{Status: standard.Green}}, 6 * second, life, 4 * second, 6 * second, 6 * second, 6 * second},
		"valid 12 s":     {Entry{Record: &standard.Record{Status: standard.Green}}, 12 * second, life, 6 * second, 9 * second, 9 * second, 12 * second},
		"valid an hour":  {Entry{Record: &standard.Record{Status: standard.Green}}, time.Hour, life, 6 * second, 9 * second, 9 * second, 109 * second},
		"over":           {Entry{Record: &standard.Record{Status: standard.Green}}, -second, life, 0, 0, 0, 0},
		"no status":      {Entry{Record: &standard.Record{}}, 0, life, 0, 0, 0, 0},
		"odd status":     {Entry{Record: &standard.Record{Status: "11"}}, 0, life, 0, 0, 0, 0},
		"not found":      {Entry{Reason: standard.ReasonNoHolder}, 0, life, 2 * second, 3 * second, 3 * second, 3 * second},
		"not found, off": {Entry{Reason: standard.ReasonNoHolder}, 0, none, 0, 0, 0, 0},
		"green, off":     {Entry{Record: &standard.Record{Status: standard.Green}}, 0, none, 0, 0, 0, 0},
		"red, off":       {Entry{Record: &standard.Record{Status: standard.Red}}, 0, none, 0, 0, 0, 0},
	} {
		s := newShelf(t, 4)
		s.up = 7 * time.Minute
		began := s.up
		e := c.entry
		e.ObservedAt, e.Since = noon, began
		if c.valid != 0 {
			e.ValidUntil = noon.Add(c.valid)
		}
		s.Put(Key{1}, &e, &c.life, s.sui)
		for age := time.Duration(0); age <= c.end+second; age += 500 * time.Millisecond {
			want := Absent
			switch {
			case age >= c.end:
			case age >= c.revalidate:
				want = Resort
			case age >= c.fresh:
				want = Stale
			case age >= c.due:
				want = Due
			default:
				want = Fresh
			}
			s.up = began + age
			got, standing := s.Get(Key{1}, s.sui)
			if standing != want {
				t.Errorf("%s, %v old: standing %d, want %d", name, age, standing, want)
			}
			if standing != Absent && (!got.ObservedAt.Equal(noon) || !got.ValidUntil.Equal(e.ValidUntil) || got.Since != began || got.Reason != e.Reason) {
				t.Errorf("%s: %+v", name, got)
			}
		}
		if s.Len() != 0 {
			t.Errorf("%s: it is kept when it can never be served again", name)
		}
		s.up = began - time.Millisecond
		s.Put(Key{1}, &e, &c.life, s.sui)
		if s.get(Key{1}) != Absent {
			t.Errorf("%s: served before it was asked for", name)
		}
	}
}

func TestWhatAMarkHasOvertakenIsNeitherKeptNorServed(t *testing.T) {
	for name, change := range map[string]Change{
		"its holder": {Subject: sample(1).Subject}, "its document": {Document: sample(1).Holder.IDNumber}, "its code": {Scan: "scan"}, "all": {All: true},
	} {
		s := newShelf(t, 4)
		s.put(Key{1}, sample(1), Life{})
		before := Entry{Record: sample(1), ObservedAt: noon, Concerns: s.sui.Concerns("scan", nil, sample(1))}
		s.marks.Apply(1, &Notice{System: "suishen", Seq: 1, Changes: []Change{change}})
		if s.get(Key{1}) != Absent || s.Len() != 0 {
			t.Errorf("%s: it is served after its mark", name)
		}
		s.Put(Key{1}, &before, &Life{}, s.sui)
		if s.Len() != 0 {
			t.Errorf("%s: it is stored after its mark", name)
		}
		s.put(Key{1}, sample(1), Life{})
		if s.get(Key{1}) != Fresh {
			t.Errorf("%s: what was asked for after the mark is not served", name)
		}
	}
}

func TestWhoMayHaveMissedANoticeServesNoGreen(t *testing.T) {
	s := newShelf(t, 4)
	red := sample(2)
	red.Status = standard.Red
	s.put(Key{1}, sample(1), Life{})
	s.put(Key{2}, red, Life{})
	s.marks.Doubt()
	if s.get(Key{1}) != Absent || s.get(Key{2}) != Fresh {
		t.Errorf("in doubt: green %d, red %d", s.get(Key{1}), s.get(Key{2}))
	}
	s.marks.Caught(time.Second)
	if s.get(Key{1}) != Fresh {
		t.Error("it has caught up, and the green is gone")
	}
	s.up += time.Second
	if s.get(Key{1}) != Absent {
		t.Error("a second without hearing anything, and the green is served")
	}
}

func TestTheCacheIsBoundedAndForgetsTheLeastRecentlyServed(t *testing.T) {
	s := newShelf(t, 2)
	for i := range byte(3) {
		s.put(Key{i}, sample(int(i)), Life{})
		s.get(Key{0})
	}
	if s.Len() != 2 || s.get(Key{0}) != Fresh || s.get(Key{1}) != Absent {
		t.Errorf("%d records, first %d, second %d", s.Len(), s.get(Key{0}), s.get(Key{1}))
	}
}

func TestAReaderGetsARecordOfItsOwn(t *testing.T) {
	s := newShelf(t, 1)
	s.put(Key{}, sample(1), Life{})
	one, _ := s.Get(Key{}, s.sui)
	one.Record.Status = standard.Red
	one.Record.Health.Vaccine.Doses = 9
	two, _ := s.Get(Key{}, s.sui)
	if diff := cmp.Diff(sample(1), two.Record); diff != "" {
		t.Error(diff)
	}
}

// fill sets every member of v, so that one which the encoding forgets is missed.
func fill(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.StringN(1, -1, 40).Draw(t, "text"))
	case reflect.Int:
		v.SetInt(int64(rapid.IntRange(-5, 1000).Draw(t, "number")))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		n := rapid.IntRange(1, 3).Draw(t, "length")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			zone := rapid.SampledFrom([]*time.Location{time.UTC, standard.Zone, time.FixedZone("", 3600)}).Draw(t, "zone")
			v.Set(reflect.ValueOf(time.Unix(rapid.Int64Range(-1e9, 1e10).Draw(t, "seconds"), 5).In(zone)))
			return
		}
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	default:
		t.Fatalf("a record now has a %s: teach the test and the encoding", v.Kind())
	}
}

func encode(r *standard.Record) string {
	var w writer
	w.record(r)
	return string(w)
}

func TestEveryMemberOfARecordSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r standard.Record
		fill(t, reflect.ValueOf(&r).Elem())
		got, err := decode(encode(&r))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&r, got); diff != "" {
			t.Fatal(diff)
		}
	})
	got, err := decode(encode(new(standard.Record)))
	if err != nil || !reflect.DeepEqual(got, new(standard.Record)) {
		t.Errorf("the empty record: %+v, %v", got, err)
	}
}

func FuzzRead(f *testing.F) {
	for _, e := range []Entry{
		{Record: sample(1), ObservedAt: noon}, {Record: new(standard.Record), ObservedAt: noon, ValidUntil: noon.Add(time.Hour)},
		{Reason: standard.ReasonNoHolder, ObservedAt: noon, ValidUntil: noon.Add(-time.Hour)},
	} {
		f.Add(e.text())
	}
	f.Add(string(binary.AppendUvarint(nil, 1<<63)))
	f.Fuzz(func(t *testing.T, s string) {
		var e, again Entry
		if e.read(s) != nil {
			return
		}
		if err := again.read(e.text()); err != nil || !reflect.DeepEqual(again, e) {
			t.Errorf("%+v became %+v, %v", e, again, err)
		}
	})
}

func BenchmarkGet(b *testing.B) {
	s := newShelf(b, 1024)
	s.put(Key{}, sample(1), Life{})
	b.ReportAllocs()
	for b.Loop() {
		if s.get(Key{}) != Fresh {
			b.Fatal("gone")
		}
	}
}

// BenchmarkRatioMillionRecords says what a million records of usual size keep on the heap, beside the bar of 500 MB.
func BenchmarkRatioMillionRecords(b *testing.B) {
	const records = 1_000_000
	for b.Loop() {
		before := liveHeap()
		s := newShelf(b, records)
		for i := range records {
			var key Key
			binary.LittleEndian.PutUint64(key[:], uint64(i)*0x9e3779b97f4a7c15)
			s.put(key, sample(i), Life{})
		}
		used := float64(liveHeap()-before) / 1e6
		b.ReportMetric(used, "MB")
		b.ReportMetric(500/used, "ratio")
		runtime.KeepAlive(s)
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestAnOlderAnswerTakesNoYoungersPlace(t *testing.T) {
	s := newShelf(t, 10)
	key, red := Key{1}, sample(1)
	red.Status = standard.Red
	older := &Entry{Record: sample(1), ObservedAt: noon, Began: s.marks.Position(), Concerns: s.sui.Concerns("scan", nil, red)}
	status := func() standard.Status {
		e, standing := s.Get(key, s.sui)
		if standing == Absent {
			return ""
		}
		return e.Record.Status
	}
	s.up = time.Second
	s.put(key, red, Life{})
	s.Put(key, older, &Life{}, s.sui) // another node has had it, and this one looked late
	if got := status(); got != standard.Red {
		t.Errorf("after a green that is older there is %q", got)
	}
	s.marks.Apply(s.marks.next(), &Notice{System: "suishen", Changes: []Change{{All: true}}})
	older.Began = s.marks.Position()
	s.Put(key, older, &Life{}, s.sui) // a clock has it that it is older, a mark that it is not
	if got := status(); got != standard.Green {
		t.Errorf("what a mark has overtaken keeps its place: %q", got)
	}
}

func TestWhatASystemNoLongerSaysIsNotRemembered(t *testing.T) {
	s := newShelf(t, 10)
	key := Key{1}
	s.put(key, sample(1), Life{})
	if s.get(key) == Absent {
		t.Fatal("a green is not remembered")
	}
	odd := sample(1)
	odd.Status = standard.None
	s.put(key, odd, Life{})
	if got := s.get(key); got != Absent {
		t.Errorf("after an answer without a status the green before it is still there: %d", got)
	}
}
