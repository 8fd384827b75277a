package descriptor

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"tongma/adapters"
	"tongma/standard"
	"tongma/standard/sm"
)

func FuzzLoad(f *testing.F) {
	for _, system := range systems {
		src, err := adapters.Builtin.ReadFile(system + "/" + File)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	names, _ := filepath.Glob("testdata/findings/*.yaml")
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		began := time.Now()
		d, err := Parse(File, src)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
		var findings Findings
		if (d == nil) != (err != nil) || err != nil && (!errors.As(err, &findings) || len(findings) == 0) {
			t.Fatalf("got %v, %v", d, err)
		}
		for _, finding := range findings {
			if finding.Line < 1 || finding.Column < 1 || finding.What == "" || finding.File != File {
				t.Errorf("a finding without a place: %+v", finding)
			}
		}
	})
}

// Whatever a backend sends: no panic, and no green unless the reply has the very word that stands for green.
func FuzzReply(f *testing.F) {
	type part struct {
		d  *Descriptor
		fx fixture
	}
	var parts []part
	for _, system := range systems {
		d, fixtures := ownSystem(f, system)
		for _, fx := range fixtures {
			for i := range fx.Calls {
				f.Add(uint(len(parts)), uint(i), uint(fx.Calls[i].Reply.Status), []byte(fx.Calls[i].Reply.Body))
			}
			parts = append(parts, part{d, fx})
		}
	}
	f.Fuzz(func(t *testing.T, which, call, status uint, body []byte) {
		p := parts[which%uint(len(parts))]
		if len(p.fx.Calls) == 0 || len(body) > maxText {
			return
		}
		i := int(call % uint(len(p.fx.Calls)))
		fx := p.fx.with(i, string(body))
		fx.Calls[i].Reply.Status = int(status % 1000)
		synctest.Test(t, func(t *testing.T) {
			got := fx.play(t, p.d)
			if got["outcome"] == "" || got["outcome"] == nil {
				t.Errorf("no outcome: %v", got)
			}
			if got["status"] != string(standard.Green) {
				return
			}
			said := ""
			for _, c := range fx.Calls {
				said += c.Reply.Body + opened(fx.Cred["sm4Key"], c.Reply.Body)
			}
			if !strings.Contains(said, `\u`) && !saysGreen(p.d, said) { // in JSON a character may be written as \uXXXX
				t.Errorf("green out of %q", body)
			}
		})
	})
}

// saysGreen says whether replies have a word that stands for green, or all parts of one that the descriptor joins with /.
func saysGreen(d *Descriptor, said string) bool {
	for key, row := range d.statuses {
		lacks := func(part string) bool { return !strings.Contains(said, part) }
		if row.status == standard.Green && !slices.ContainsFunc(strings.Split(key, "/"), lacks) {
			return true
		}
	}
	return false
}

// opened gives what a reply of yukang holds under its key, "" if it holds nothing.
func opened(key, body string) string {
	var reply struct{ CipherText string }
	_ = json.Unmarshal([]byte(body), &reply)
	secret, _ := hex.DecodeString(key)
	raw, _ := hex.DecodeString(reply.CipherText)
	text, _ := sm.DecryptECB(secret, raw, sm.PKCS7)
	return string(text)
}

// json accepts what jsontext accepts within its bounds and nothing else, and says what encoding/json says but for numbers, which stay
// as they are written.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-0.5e3,"x",true,false,null],"b":{"c":"\u5065\ud83d\ude42"}}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `"\ud800"`, "\"\xff\"", "\ufeff{}", `[1,]`, `{} {}`,
		"", " ", "nul", `{"a"`, `[[[[[[[[]]]]]]]]`, "01", "1e999", "-", `"a` + "\x00" + `"`, "'a'", "// a\n1", "NaN", "\t[ ]\r\n", "1\x00", "{\x00}", "-01", "1.", "1.e1", "1e+", "0E-0", `"\`, `"\x"`, `["a" "b"]`, `{"a" 1}`, `{"a":1,}`, `{,}`, `[,1]`, `truefalse`, `"a` + "\n" + `"`, "[1}", `{1:2}`, "\v1",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		got, err := fromJSON(src)
		tooMuch := err != nil && strings.Contains(err.Error(), "more than")
		if valid := len(src) == 0 || jsontext.Value(src).IsValid(); (err == nil) != valid && !tooMuch {
			t.Fatalf("%q gives %v; jsontext takes it: %t", src, err, valid)
		}
		if err != nil {
			if text := err.Error(); len(src) > 40 && utf8.Valid(src) && strings.Contains(text, string(src)) {
				t.Errorf("the error holds the text: %s", text)
			}
			return
		}
		if len(src) == 0 {
			return
		}
		dec := json.NewDecoder(bytes.NewReader(src))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("%q: encoding/json refuses it: %v", src, err)
		}
		if !reflect.DeepEqual(got, plainNumbers(want)) {
			t.Errorf("%q: got %#v, encoding/json %#v", src, got, want)
		}
		if got == nil {
			return
		}
		text, err := appendJSON(nil, got)
		if err != nil {
			t.Fatalf("%q cannot be written again: %v", src, err)
		}
		if again, err := fromJSON(text); err != nil || !reflect.DeepEqual(got, again) {
			if s, isText := got.(string); !isText || s != "" {
				t.Errorf("%q became %q: %v", src, text, err)
			}
		}
	})
}

func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return v.String()
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	}
	return v
}

// A layout that is accepted writes what it reads, for a time without what the layout leaves out.
func FuzzTimeLayout(f *testing.F) {
	for _, layout := range []string{"yyyy-MM-dd HH:mm:ss", "yyyyMMddHHmmss", "yyyy/MM/dd", "yyyy-MM-ddTHH:mm:ss.SSSZ", "HH:mm", "yyyy年MM月dd日 HH时mm分ss秒", "", "MMM", "yyyy-MM-dd HH:mm:ss.S", "ssssss", ".SSSS", "ddyyyy", "ZZ"} {
		f.Add(layout, "2022-01-23 20:44:40", int64(1642941880))
	}
	f.Fuzz(func(t *testing.T, layout, text string, unix int64) {
		names := map[string]any{"layout": layout, "text": text, "unix": int(unix)}
		if v, err := evaluate(`time(text, layout)`, names); err == nil {
			if _, ok := v.(time.Time); !ok {
				t.Errorf("time gave %T", v)
			}
		}
		written, err := evaluate(`format(fromSeconds(unix), layout)`, names)
		if err != nil {
			return
		}
		again, err := evaluate(`format(time(written, layout), layout)`, map[string]any{"written": written, "layout": layout})
		if err != nil || again != written {
			t.Errorf("%q wrote %q and reads it as %v, %v", layout, written, again, err)
		}
	})
}
