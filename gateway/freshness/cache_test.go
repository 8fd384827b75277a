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

func TestARecordIsServedForAsLongAsItsColourAndValidityAllow(t *testing.T) {
	life := adapters.Freshness{Green: 10 * time.Second, Yellow: time.Minute}
	for _, c := range []struct {
		status standard.Status
		valid  time.Duration
		life   adapters.Freshness
		served time.Duration // 0: never
	}{
		{standard.Green, 0, life, 10 * time.Second},
		{standard.Yellow, 0, life, time.Minute},
		{standard.Red, 0, life, defaultRed},
		{standard.Green, 0, adapters.Freshness{}, defaultGreen},
		{standard.Green, 4 * time.Second, life, 4 * time.Second},
		{standard.Green, time.Hour, life, 10 * time.Second},
		{standard.Green, -time.Second, life, 0},
		{standard.None, 0, life, 0},
		{"11", 0, life, 0},
	} {
		cache, err := New(4)
		if err != nil {
			t.Fatal(err)
		}
		e := Entry{Record: &standard.Record{Status: c.status}, ObservedAt: noon}
		if c.valid != 0 {
			e.ValidUntil = noon.Add(c.valid)
		}
		cache.Put(Key{1}, e, c.life)
		if c.served == 0 {
			if _, ok := cache.Get(Key{1}, noon); ok {
				t.Errorf("%+v is served", c)
			}
			continue
		}
		got, ok := cache.Get(Key{1}, noon.Add(c.served-time.Millisecond))
		if !ok || !got.ObservedAt.Equal(e.ObservedAt) || !got.ValidUntil.Equal(e.ValidUntil) || got.ValidUntil.IsZero() != e.ValidUntil.IsZero() {
			t.Errorf("%+v: just before its end: %+v, %v", c, got, ok)
		}
		if _, ok := cache.Get(Key{1}, noon.Add(c.served)); ok {
			t.Errorf("%+v is served at its end", c)
		}
		if cache.Len() != 0 {
			t.Errorf("%+v: an overdue record is kept", c)
		}
	}
}

func TestTheCacheIsBoundedAndForgetsTheLeastRecentlyServed(t *testing.T) {
	cache, _ := New(2)
	for i := range byte(3) {
		cache.Put(Key{i}, Entry{Record: sample(int(i)), ObservedAt: noon}, adapters.Freshness{})
		cache.Get(Key{0}, noon)
	}
	_, first := cache.Get(Key{0}, noon)
	_, second := cache.Get(Key{1}, noon)
	if cache.Len() != 2 || !first || second {
		t.Errorf("%d records, first %v, second %v", cache.Len(), first, second)
	}
}

func TestAReaderGetsARecordOfItsOwn(t *testing.T) {
	cache, _ := New(1)
	cache.Put(Key{}, Entry{Record: sample(1), ObservedAt: noon}, adapters.Freshness{})
	one, _ := cache.Get(Key{}, noon)
	one.Record.Status = standard.Red
	one.Record.Health.Vaccine.Doses = 9
	two, _ := cache.Get(Key{}, noon)
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

func FuzzDecode(f *testing.F) {
	f.Add(encode(sample(1)))
	f.Add(encode(new(standard.Record)))
	f.Add(string(binary.AppendUvarint(nil, 1<<63)))
	f.Fuzz(func(t *testing.T, s string) {
		r, err := decode(s)
		if err != nil {
			return
		}
		again, err := decode(encode(r))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v became %+v, %v", r, again, err)
		}
	})
}

func BenchmarkGet(b *testing.B) {
	cache, _ := New(1024)
	cache.Put(Key{}, Entry{Record: sample(1), ObservedAt: noon}, adapters.Freshness{})
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := cache.Get(Key{}, noon); !ok {
			b.Fatal("gone")
		}
	}
}

// BenchmarkRatioMillionRecords says what a million records of usual size keep on the heap, beside the bar of 500 MB.
func BenchmarkRatioMillionRecords(b *testing.B) {
	const records = 1_000_000
	for b.Loop() {
		before := liveHeap()
		cache, _ := New(records)
		for i := range records {
			var key Key
			binary.LittleEndian.PutUint64(key[:], uint64(i)*0x9e3779b97f4a7c15)
			cache.Put(key, Entry{Record: sample(i), ObservedAt: noon}, adapters.Freshness{})
		}
		used := float64(liveHeap()-before) / 1e6
		b.ReportMetric(used, "MB")
		b.ReportMetric(500/used, "ratio")
		runtime.KeepAlive(cache)
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
