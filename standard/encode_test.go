package standard_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"tongma/standard"
)

// anyVerification fills every member of an answer there is, so that a new one cannot be forgotten.
func anyVerification() *rapid.Generator[standard.Verification] {
	odd := rapid.SampledFrom([]string{"", "\"", "\\", "\x00\x1f\x7f", "<&>", "\u2028", "\xff\xfe", "张某某", "\U0001f600", "é\xc3"})
	text := rapid.OneOf(odd, rapid.String())
	zones := []*time.Location{time.UTC, standard.Zone, time.FixedZone("", -3*3600-1800)}
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "zero") {
			return time.Time{}
		}
		return time.Unix(rapid.Int64Range(0, 1<<36).Draw(t, "s"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns")).In(rapid.SampledFrom(zones).Draw(t, "zone"))
	})
	return rapid.MakeCustom[standard.Verification](rapid.MakeConfig{
		Kinds: map[reflect.Kind]*rapid.Generator[any]{reflect.String: text.AsAny()},
		Types: map[reflect.Type]*rapid.Generator[any]{reflect.TypeFor[time.Time](): moment.AsAny()},
	})
}

func writtenAsEncodingJSONDoes(t *rapid.T) {
	v := anyVerification().Draw(t, "verification")
	got, err := v.AppendJSON([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	got, ok := bytes.CutPrefix(got, []byte("before"))
	want, err := json.Marshal(&v)
	if err != nil {
		t.Fatal(err)
	}
	if !ok || !bytes.Equal(canonical(t, got), canonical(t, want)) {
		t.Errorf("wrote\n%s\nencoding/json writes\n%s", got, want)
	}
}

func TestAVerificationIsWrittenAsEncodingJSONDoes(t *testing.T) {
	rapid.Check(t, writtenAsEncodingJSONDoes)
}

func FuzzAVerificationIsWrittenAsEncodingJSONDoes(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(writtenAsEncodingJSONDoes))
}

// canonical is one way to write what text says. It refuses what is not strictly JSON.
func canonical(t *rapid.T, text []byte) []byte {
	v := jsontext.Value(bytes.Clone(text))
	if err := v.Canonicalize(); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func TestWhatHasNoTimeIsAnError(t *testing.T) {
	late := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, v := range map[string]standard.Verification{
		"a time":                    {Freshness: &standard.Freshness{ObservedAt: late}},
		"a time among what is rare": {Health: &standard.Health{Nucleic: &standard.Test{SampledAt: late}}},
	} {
		if _, err := v.AppendJSON(nil); err == nil {
			t.Errorf("%s beyond the year 9999 was written", name)
		}
	}
}
