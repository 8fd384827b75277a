package descriptor

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestXMLIsReadAsMapsListsAndText(t *testing.T) {
	type m = map[string]any
	gbk, _ := hex.DecodeString("3c613ebda1bfb53c2f613e") // <a>健康</a>, by Python
	declared := append([]byte(`<?xml version="1.0" encoding="GBK"?>`), gbk...)
	for _, test := range []struct{ x, want any }{
		{"<a/>", m{"a": ""}},
		{"<a> b </a>\n", m{"a": " b "}},
		{`<?xml version="1.0" encoding="UTF-8"?><!-- c --><r><code>0</code><data><name>张三</name></data></r>`, m{"r": m{"code": "0", "data": m{"name": "张三"}}}},
		{"<r>\n <i>1</i><i>2</i>\n <i/><one>3</one></r>", m{"r": m{"i": []any{"1", "2", ""}, "one": "3"}}},
		{`<s:E xmlns:s="urn:x" xmlns="y"><s:B id="7">t</s:B></s:E>`, m{"E": m{"B": m{"@id": "7", "#": "t"}}}},
		{"<a>&lt;&amp;&#20581;<![CDATA[<b>]]></a>", m{"a": "<&健<b>"}},
		{[]byte("<a>健</a>"), m{"a": "健"}},
		{declared, m{"a": "健康"}},
		{`<?xml version="1.0" encoding="GBK"?><a>健康</a>`, m{"a": "健康"}}, // decoded before
	} {
		if got, err := evaluate("xml(x)", m{"x": test.x}); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v, %v, want %v", test.x, got, err, test.want)
		}
	}
}

func TestXMLThatIsNotPlainIsRefused(t *testing.T) {
	const not = "xml: the text is not XML of elements, attributes and text alone"
	for _, test := range []struct {
		x    any
		want string
	}{
		{"", not}, {"x", not}, {"<a>", not}, {"<a></b>", not}, {"<a/><b/>", not}, {"<a/>x", not}, {"x<a/>", not}, {"\ufeff<a/>", not},
		{"<a>text<b/></a>", not}, {`<a b="1" b="2"/>`, not}, {"<a>\xff</a>", not}, {"<a>&e;</a>", not}, {`<a b=c/>`, not},
		{`<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>`, not}, {`<a><!DOCTYPE b></a>`, not}, {`<a><?php x?></a>`, not},
		{`<?xml version="1.0" encoding="latin1"?><a/>`, not}, {[]byte("<?xml version=\"1.0\" encoding=\"GBK\"?><a>\xff</a>"), not},
		{nil, "xml: text or bytes is needed, and this is nil"}, {1, "xml: text or bytes is needed"},
		{strings.Repeat("<a>", 100000), "xml: more than 50000 elements, or nested more than 64 deep"},
		{"<a>" + strings.Repeat("<b/>", 1001) + "</a>", "xml: a list has more than 1000 elements"},
		{"<a>" + strings.Repeat("<b>"+strings.Repeat("<c/>", 999)+"</b>", 60) + "</a>", "xml: more than 50000 elements"},
		{strings.Repeat(" ", maxText+1), "xml: the text has more than 1 MiB"},
		{"<kanarienvogel", not},
	} {
		got, err := evaluate("xml(x)", map[string]any{"x": test.x})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.40v: %v, %v, want %q", test.x, got, err, test.want)
		}
	}
}

func TestListsAndGBK(t *testing.T) {
	names := map[string]any{"none": nil, "one": map[string]any{"a": "1"}, "many": []any{"a", "b"}, "bad": []byte{0xff}, "cut": []byte{0xbd}, "name": "𠮷野家", "code": "健康码"}
	for src, want := range map[string]any{
		"len(listOf(none))": 0, "len(listOf(one))": 1, "len(listOf(many))": 2, `first(listOf(one)).a`: "1", `listOf("x")[0]`: "x",
		"hex(gbk(code))": "bda1bfb5c2eb", "hex(gbk(name))": "9534b235d2b0bcd2", "ungbk(gbk(name))": "𠮷野家", `ungbk(unhex("61"))`: "a", `ungbk(bytes(""))`: "", // by Python
	} {
		if got, err := evaluate(src, names); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s = %v, %v, want %v", src, got, err, want)
		}
	}
	for src, want := range map[string]string{
		"ungbk(bad)": "ungbk: the bytes are not GBK", "ungbk(cut)": "ungbk: the bytes are not GBK", "ungbk(code)": "ungbk: bytes is needed, and this is text", "ungbk(none)": "ungbk: bytes is needed", "gbk(none)": "gbk: text is needed",
	} {
		if _, err := evaluate(src, names); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
	}
}

// FuzzXML: whatever is read holds text, maps and lists alone, and nothing makes it panic.
func FuzzXML(f *testing.F) {
	for _, seed := range []string{"<a/>", "<a b='1'>x</a>", "<a><b/><b/></a>", "<?xml version='1.0' encoding='gbk'?><a>\xbd\xa1</a>", "<a><![CDATA[x]]></a>"} {
		f.Add([]byte(seed))
	}
	var check func(t *testing.T, v any)
	check = func(t *testing.T, v any) {
		switch v := v.(type) {
		case string:
		case []any:
			for _, item := range v {
				check(t, item)
			}
		case map[string]any:
			for _, item := range v {
				check(t, item)
			}
		default:
			t.Fatalf("%T", v)
		}
	}
	f.Fuzz(func(t *testing.T, x []byte) {
		if v, err := fromXML(x); err == nil {
			check(t, v)
		}
	})
}
