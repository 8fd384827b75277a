package policy

import (
	"testing"
	"time"

	"tongma/standard"
)

func BenchmarkDecide(b *testing.B) {
	v := &standard.Verification{Outcome: standard.Verified, Status: standard.Green, Freshness: &standard.Freshness{From: standard.Live}, System: &standard.System{ID: "suishen", Region: "310000"}}
	c := &Case{Verification: v, Record: &standard.Record{}, Place: standard.Place{Region: "440106"}, At: time.Now()}
	s := National()
	b.ReportAllocs()
	for b.Loop() {
		if s.Decide(c).Action != standard.Pass {
			b.Fatal("no pass")
		}
	}
}

// shippedFiles reads what is shipped.
func shippedFiles(t *testing.T) []*File {
	t.Helper()
	var files []*File
	for _, name := range Shipped() {
		src, _ := Source(name)
		f, err := Parse(name+".yaml", src)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

func TestWhatIsShippedHoldsAloneAndTogether(t *testing.T) {
	files := shippedFiles(t)
	if len(files) < 3 {
		t.Fatalf("%d files are shipped", len(files))
	}
	if _, err := Load(files...); err != nil {
		t.Error(err)
	}
	for _, f := range files {
		if _, err := Load(f); err != nil {
			t.Error(err)
		}
	}
}
