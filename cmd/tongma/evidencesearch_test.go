package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

func TestEntriesAboutOthersAreNotTakenForAPersons(t *testing.T) {
	day := proof.NewDay(&[32]byte{7})
	who := wanted{document: &standard.ChangedDocument{Type: "01", Number: "000000194507219983"}}
	mine, other := who.on(day), wanted{system: "suishen", subject: "s-1"}.on(day)
	f := &found{wanted: []wire.WantedOn{{Day: "2022-03-01", Pseudonyms: [][]byte{mine[:]}}}}
	for name, c := range map[string]struct {
		holder, subject proof.Pseudonym
		taken           bool
	}{
		"by the document":  {mine, other, true},
		"by the reference": {other, mine, true},
		"somebody else's":  {other, proof.Pseudonym{}, false},
		"nobody's":         {proof.Pseudonym{}, proof.Pseudonym{}, false},
	} {
		entry, err := proof.AppendEntry(nil, &proof.Entry{Kind: proof.Verification, ID: "01FS1Z60000000000000000000", At: observed, Holder: c.holder, Subject: c.subject})
		if err != nil {
			t.Fatal(err)
		}
		err = f.take(wire.Finding{Log: "node-1", Entry: entry})
		if (err == nil) != c.taken || err != nil && !strings.Contains(err.Error(), "somebody else") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(f.Entries) != 2 {
		t.Errorf("%d entries", len(f.Entries))
	}
	if err := f.take(wire.Finding{Entry: []byte("x")}); err == nil {
		t.Error("what is no entry is taken for one")
	}
}

func TestASearchGoesBackThirtyDaysFromItsLast(t *testing.T) {
	now := time.Date(2022, 3, 1, 17, 0, 0, 0, time.UTC) // it is tomorrow in +08:00
	for name, c := range map[string]struct {
		from, to string
		want     wire.Days
		wrong    bool
	}{
		"left out":       {"", "", wire.Days{From: "2022-01-31", To: "2022-03-02"}, false},
		"the last alone": {"", "2022-01-31", wire.Days{From: "2022-01-01", To: "2022-01-31"}, false},
		"both":           {"2022-01-10", "2022-01-10", wire.Days{From: "2022-01-10", To: "2022-01-10"}, false},
		"backwards":      {"2022-03-03", "", wire.Days{}, true},
		"too many":       {"2020-01-01", "", wire.Days{}, true},
		"no day":         {"", "today", wire.Days{}, true},
	} {
		f := &officerFlags{from: c.from, to: c.to}
		got, err := f.days(now)
		if (err != nil) != c.wrong || err == nil && got != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestDaysWhoseKeysAreDestroyedAreToldAndTheOthersSearched(t *testing.T) {
	officer, err := sm.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	sealed := func(day string, part int, key byte) wire.DayKey {
		text := fmt.Sprintf("tongma/1 day-key\n%s\n%d\n%x", day, part, bytes.Repeat([]byte{key}, 32))
		box, err := officer.Public().Encrypt([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return wire.DayKey{Day: day, Part: part, Sealed: box}
	}
	days := wire.Days{From: "2022-03-01", To: "2022-03-03"}
	keys := []wire.DayKey{
		{Day: "2022-03-01"}, {Day: "2022-03-01", Part: 1}, sealed("2022-03-02", 0, 1), sealed("2022-03-02", 1, 2), sealed("2022-03-03", 0, 3),
	}
	who := wanted{system: "suishen", subject: "s-1"}
	f, err := pseudonyms(days, keys, officer, who)
	if err != nil {
		t.Fatal(err)
	}
	of := func(key byte) []byte {
		p := who.on(proof.NewDay((*[32]byte)(bytes.Repeat([]byte{key}, 32))))
		return p[:]
	}
	want := []wire.WantedOn{{Day: "2022-03-02", Pseudonyms: [][]byte{of(1), of(2)}}, {Day: "2022-03-03", Pseudonyms: [][]byte{of(3)}}}
	if diff := cmp.Diff(want, f.wanted); diff != "" || len(f.Closed) != 1 || f.Closed[0] != "2022-03-01" {
		t.Errorf("closed %v, wanted %s", f.Closed, diff)
	}
	keys[4].Day = "2022-03-04" // a gateway that passes one day's key off as another's
	if _, err := pseudonyms(days, keys, officer, who); err == nil {
		t.Error("a key passes for that of another day")
	}
}

func TestAQuestionThatIsEndedIsNoMisuse(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for name, ask := range map[string]func(asker) error{
		"a case":   func(a asker) error { return a.line("--case", "", "", new(string)) },
		"a person": func(a asker) error { _, err := a.person(""); return err },
	} {
		silent, typist := io.Pipe()
		defer typist.Close()
		if err := ask(asker{ctx, bufio.NewReader(silent), io.Discard, true, "en"}); err != errStopped {
			t.Errorf("%s: %v", name, err)
		}
	}
}
