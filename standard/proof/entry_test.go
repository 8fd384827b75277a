package proof_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
)

// full has something in each member.
func full() *proof.Entry {
	e := usual(1)
	e.Kind, e.ID, e.Roles = proof.SubjectRequest, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", 0x7f
	e.Case, e.Found, e.Subject = "2022-17", 1<<32-1, proof.NewDay(&[32]byte{2}).Subject("suikang", "u-1")
	e.Outcome, e.Reason, e.Status = standard.Unavailable, standard.ReasonUnset, standard.Red
	e.Site = strings.Repeat("\U0001F6C2", 64)
	return e
}

func TestAnEntryComesBackAsItWas(t *testing.T) {
	for name, e := range map[string]*proof.Entry{
		"usual":   usual(7),
		"full":    full(),
		"minimal": {Kind: proof.Search, ID: strings.Repeat("0", 26), At: began},
	} {
		b, err := proof.AppendEntry([]byte("before"), e)
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := proof.ParseEntry(bytes.TrimPrefix(b, []byte("before")))
		if err != nil {
			t.Fatal(name, err)
		}
		if diff := cmp.Diff(*e, got); diff != "" {
			t.Error(name, diff)
		}
	}
}

func TestPseudonymsOfAnEntryThatIsCutShortAreNotMadeUp(t *testing.T) {
	b, err := proof.AppendEntry(nil, full())
	if err != nil {
		t.Fatal(err)
	}
	for n := range bytes.Index(b, []byte("gate")) - 1 { // the length of the party is behind the pseudonyms
		if _, _, _, err := proof.Pseudonyms(b[:n]); err == nil {
			t.Errorf("%d bytes are read", n)
		}
	}
}

func TestAnEntryLikeMostHasAtMost150Bytes(t *testing.T) {
	b, err := proof.AppendEntry(nil, usual(7))
	if err != nil || len(b) > 150 {
		t.Errorf("%d bytes: %v", len(b), err)
	}
}

func TestNoEntryIsLongerThanItsBound(t *testing.T) {
	e := full()
	longest := strings.Repeat("x", proof.MaxText)
	e.Party, e.Purpose, e.Site, e.Case, e.System, e.Rule = longest, longest, longest, longest, longest, longest
	b, err := proof.AppendEntry(nil, e)
	if err != nil || len(b) > proof.MaxEntry {
		t.Errorf("%d bytes: %v", len(b), err)
	}
}

func TestTimesAreCutToMilliseconds(t *testing.T) {
	e := usual(0)
	e.At = e.At.Add(999 * time.Microsecond)
	b, err := proof.AppendEntry(nil, e)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := proof.ParseEntry(b); err != nil || !got.At.Equal(began) || got.At.Location() != standard.Zone {
		t.Error(got.At, err)
	}
}

func TestWhatIsNoEntryIsNotEncoded(t *testing.T) {
	for want, change := range map[string]func(*proof.Entry){
		"kind":       func(e *proof.Entry) { e.Kind = 4 },
		"id is":      func(e *proof.Entry) { e.ID = "01fs1z60000000000000000000" },
		"id":         func(e *proof.Entry) { e.ID = "8ZZZZZZZZZZZZZZZZZZZZZZZZZ" },
		"ULID":       func(e *proof.Entry) { e.ID = "01FS1Z6000000000000000000" },
		"roles":      func(e *proof.Entry) { e.Roles = 0x80 },
		"at is":      func(e *proof.Entry) { e.At = time.Time{} },
		"at":         func(e *proof.Entry) { e.At = time.Unix(0, 0) },
		"observedAt": func(e *proof.Entry) { e.ObservedAt = time.Unix(-1, 0) },
		"outcome":    func(e *proof.Entry) { e.Outcome = "passed" },
		"reason":     func(e *proof.Entry) { e.Reason = "mood" },
		"status":     func(e *proof.Entry) { e.Status = "11" },
		"action":     func(e *proof.Entry) { e.Action = "wave" },
		"from":       func(e *proof.Entry) { e.From = "hearsay" },
		"region":     func(e *proof.Entry) { e.Region = "44010" },
		"region m":   func(e *proof.Entry) { e.Region = "000000" },
		"six":        func(e *proof.Entry) { e.Region = "4401000" },
		"digits":     func(e *proof.Entry) { e.Region = "44010x" },
		"site has":   func(e *proof.Entry) { e.Site = strings.Repeat("x", 257) },
		"party":      func(e *proof.Entry) { e.Party = "a\n" },
		"rule":       func(e *proof.Entry) { e.Rule = "a\x7f" },
		"UTF-8":      func(e *proof.Entry) { e.Case = "\xff" },
	} {
		e := usual(0)
		change(e)
		if b, err := proof.AppendEntry([]byte("x"), e); err == nil || !strings.Contains(err.Error(), want) || string(b) != "x" {
			t.Errorf("%s: %q %v", want, b, err)
		}
	}
}

// TestEveryReasonHasANumber: a reason that has none could not be kept, and then nothing could be answered.
func TestEveryReasonHasANumber(t *testing.T) {
	for _, r := range standard.Reasons {
		e := usual(0)
		e.Outcome, e.Reason = r.Outcome, r.Code
		b, err := proof.AppendEntry(nil, e)
		if err != nil {
			t.Error(err)
		}
		if got, err := proof.ParseEntry(b); err != nil || got.Reason != r.Code || got.Outcome != r.Outcome {
			t.Error(r.Code, got.Reason, err)
		}
	}
}

func TestWhatIsNoEntryIsNotRead(t *testing.T) {
	good, err := proof.AppendEntry(nil, usual(0))
	if err != nil {
		t.Fatal(err)
	}
	const fixed = 1 + 16 + 6 + 1 + 5 + 3 + 6 + 32
	for name, change := range map[string]func([]byte) []byte{
		"another kind":            func(b []byte) []byte { b[0] = 4; return b },
		"no time":                 func(b []byte) []byte { copy(b[17:23], make([]byte, 6)); return b },
		"another role":            func(b []byte) []byte { b[23] = 0x80; return b },
		"another outcome":         func(b []byte) []byte { b[24] = 7; return b },
		"another reason":          func(b []byte) []byte { b[25] = 16; return b },
		"another status":          func(b []byte) []byte { b[26] = 4; return b },
		"another action":          func(b []byte) []byte { b[27] = 4; return b },
		"another origin":          func(b []byte) []byte { b[28] = 4; return b },
		"a region of seven":       func(b []byte) []byte { b[29] = 0xff; return b },
		"a long form of a number": func(b []byte) []byte { return append(append(bytes.Clone(b[:fixed]), 0x80), b[fixed:]...) },
		"a number of 33 bits": func(b []byte) []byte {
			return slices.Concat(b[:fixed], []byte{0x80, 0x80, 0x80, 0x80, 0x10}, b[fixed+1:])
		},
		"a holder of 15":       func(b []byte) []byte { b[fixed+1] = 15; return append(b[:fixed+2], b[fixed+3:]...) },
		"a holder of zeros":    func(b []byte) []byte { copy(b[fixed+2:], make([]byte, 16)); return b },
		"a byte behind":        func(b []byte) []byte { return append(b, 0) },
		"a line end in a text": func(b []byte) []byte { b[len(b)-1] = '\n'; return b },
	} {
		if e, err := proof.ParseEntry(change(bytes.Clone(good))); err == nil {
			t.Errorf("%s: %v", name, e)
		}
	}
	for n := range good {
		if _, err := proof.ParseEntry(good[:n]); err == nil {
			t.Errorf("the first %d bytes of %d are read as an entry", n, len(good))
		}
	}
}

// TestPseudonymsAreWhatTheManualSays, step by step.
func TestPseudonymsAreWhatTheManualSays(t *testing.T) {
	key := [32]byte{1, 2, 3}
	day := proof.NewDay(&key)
	for text, got := range map[string]proof.Pseudonym{
		"tongma/1 pseudonym\ndocument\n01\n46010819600506998X": day.Holder("01", "46010819600506998X"),
		"tongma/1 pseudonym\nsubject\nsuikang\nu\n1":           day.Subject("suikang", "u\n1"),
	} {
		if want := sm.HMAC(key[:], []byte(text)); !bytes.Equal(want[:16], got[:]) {
			t.Errorf("%q: %x, want %x", text, got, want[:16])
		}
	}
}

func FuzzParseEntry(f *testing.F) {
	for _, e := range []*proof.Entry{usual(0), full()} {
		b, err := proof.AppendEntry(nil, e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := proof.ParseEntry(b)
		if err != nil {
			return
		}
		if again, err := proof.AppendEntry(nil, &e); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is read, and written as %x: %v", b, again, err)
		}
		if at, holder, subject, err := proof.Pseudonyms(b); err != nil || !at.Equal(e.At) || holder != e.Holder || subject != e.Subject {
			t.Errorf("of %x are read %v, %x, %x: %v", b, at, holder, subject, err)
		}
	})
}
