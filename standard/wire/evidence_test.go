package wire_test

import (
	"strings"
	"testing"
	"time"

	"tongma/standard/wire"
)

func TestARangeOfDaysHasBothItsEndsAndABound(t *testing.T) {
	for days, want := range map[wire.Days]int{
		{From: "2022-03-01", To: "2022-03-01"}: 1,
		{From: "2022-02-27", To: "2022-03-02"}: 4,
		{From: "2024-02-27", To: "2024-03-02"}: 5,
		{From: "2022-01-01", To: "2023-02-04"}: wire.MaxDays,
		{From: "2022-01-01", To: "2023-02-05"}: 0,
		{From: "2022-03-02", To: "2022-03-01"}: 0,
		{From: "0001-01-01", To: "9999-12-31"}: 0,
		{From: "2022-3-1", To: "2022-03-01"}:   0,
		{From: "2022-02-29", To: "2022-03-01"}: 0,
		{From: "2022-03-01", To: "tomorrow"}:   0,
		{From: "2022-03-01"}:                   0,
		{}:                                     0,
	} {
		list, ok := days.List()
		if len(list) != want || ok != (want > 0) {
			t.Errorf("%v: %d days, %v; want %d", days, len(list), ok, want)
		}
		if ok && (list[0] != days.From || list[len(list)-1] != days.To) {
			t.Errorf("%v: %v", days, list)
		}
	}
}

func FuzzDays(f *testing.F) {
	f.Add("2022-02-27", "2022-03-02")
	f.Add("0000-01-01", "9999-12-31")
	f.Add("2022-13-01", "")
	f.Fuzz(func(t *testing.T, from, to string) {
		list, ok := wire.Days{From: from, To: to}.List()
		if !ok {
			return
		}
		if len(list) < 1 || len(list) > wire.MaxDays || list[0] != from || list[len(list)-1] != to {
			t.Fatalf("%q to %q: %d days", from, to, len(list))
		}
		for i, day := range list {
			at, err := wire.ParseDay(day)
			if err != nil || i > 0 && at.AddDate(0, 0, -1).Format(time.DateOnly) != list[i-1] {
				t.Errorf("%q follows %q", day, list[max(i-1, 0)])
			}
		}
	})
}

func TestALineIsShortAndCanBeShown(t *testing.T) {
	for text, want := range map[string]bool{
		"case 7": true, "投诉 2022-17": true, strings.Repeat("案", 64): true,
		"": false, " case": false, "case\n7": false, "case\x1b[2J": false, "\xff": false, strings.Repeat("案", 65): false,
	} {
		if got := wire.ValidLine(text, wire.MaxCase); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
