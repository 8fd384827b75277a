package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"runtime"
	"time"

	"tongma/gateway/freshness"
	"tongma/standard"
)

// startMemory fills a cache with as many records as it is asked for and tells the bytes of live heap that this took. The records
// are fuller than those of most dialects: a holder, a nucleic test and a vaccination each.
func startMemory(json.RawMessage) (string, func(json.RawMessage) (any, error), error) {
	return "", func(raw json.RawMessage) (any, error) {
		var n int
		if err := json.Unmarshal(raw, &n); err != nil {
			return nil, err
		}
		before := heap()
		now := time.Now()
		uptime := func() time.Duration { return time.Since(now) }
		cache, err := freshness.New(n, uptime)
		if err != nil {
			return nil, err
		}
		marks := freshness.NewMarks(time.Hour, uptime).Of("suishen")
		for i := range n {
			var key freshness.Key
			binary.BigEndian.PutUint64(key[:], uint64(i))
			cache.Put(key, &freshness.Entry{Record: recordOf(i, now), ObservedAt: now, ValidUntil: now.Add(time.Minute)}, &freshness.Life{}, marks)
		}
		took := heap() - before
		if cache.Len() != n {
			return nil, fmt.Errorf("the cache holds %d of %d records", cache.Len(), n)
		}
		return took, nil
	}, nil
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what finalisers held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func recordOf(i int, now time.Time) *standard.Record {
	return &standard.Record{
		Status: standard.Green,
		System: standard.System{ID: "suishen", Name: "随申码", Region: "310000", Status: "00", Text: "绿码", Provenance: standard.FromObserved},
		Holder: standard.Holder{Name: "张某某", IDType: "01", IDNumber: fmt.Sprintf("000000%012d", i), Phone: fmt.Sprintf("138%08d", i)},
		Health: standard.Health{
			Nucleic: &standard.Test{Result: standard.TestNegative, SampledAt: now, Institution: "合成检测机构"},
			Vaccine: &standard.Vaccine{Doses: 2, LastAt: "2021-08-01"},
		},
	}
}
