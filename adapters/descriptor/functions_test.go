package descriptor

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"tongma/standard"
)

// evaluate compiles an expression over names of which only the values are known, as those of a reply are, and runs it.
func evaluate(src string, names map[string]any) (any, error) {
	e, err := compileOver(src, names)
	if err != nil {
		return nil, err
	}
	return e.run(&vm.VM{}, names)
}

func compileOver(src string, names map[string]any) (*expression, error) {
	c := newCompiler(collector{file: "test"}, &spec{zone: standard.Zone})
	sc := &scope{names: types.Map{}, bindings: map[string]*binding{}}
	for name := range names {
		sc.names[name] = types.Any
	}
	e := c.compile(sc, scalar{text: src, isExpr: true, at: position{1, 1}})
	return e, c.err()
}

// sample holds a value of each type that an expression can meet.
var sample = map[string]any{
	"code":   "健康码",
	"raw":    []byte("\xe5\x81\xa5\xe5\xba\xb7"),
	"broken": []byte("\xff\xfe"),
	"none":   nil,
	"yes":    true,
	"at":     time.Date(2022, 1, 23, 20, 44, 40, 123e6, standard.Zone),
	"list":   []any{"b", "a", "c"},
	"people": []any{
		map[string]any{"name": "张三", "at": "2022-01-02", "ok": true},
		map[string]any{"name": "李四", "at": "2022-01-03", "ok": false},
	},
	"pairs": map[string]any{"b": "2", "a": "1 +", "A": "健"},
}

// The digests are Python's (hashlib, hmac) and OpenSSL's, the other values Python's or plain to see.
func TestFunctionsGiveWhatOtherMakersOfThemGive(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, test := range []struct {
		src  string
		want any
	}{
		{`md5("")`, "d41d8cd98f00b204e9800998ecf8427e"},
		{`md5("abc")`, "900150983cd24fb0d6963f7d28e17f72"},
		{`md5(code)`, "9c4894349efc764d678f66afc4bdd809"},
		{`sha1("abc")`, "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{`sha1(code)`, "1770aaadcb4b68116c8a4c2d1435462efe7ab157"},
		{`sha256("abc")`, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{`sha256(bytes(code))`, "23396f8b34018187197105f45aaad2c5d3ca01ecfde1beacb8dde7d584045e9c"},
		{`sm3("")`, "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"},
		{`sm3("abc")`, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"},
		{`sm3(code)`, "ce0f1aa470747abd156cf2a55edf189988479e94c69518132b0dc3870427ce38"},
		{`hex(hmac("md5", "密", "abc"))`, "0ecbd6a9d5b874519dc27d25123da427"},
		{`hex(hmac("sha1", "密", "abc"))`, "e15513d65a51e823688830b932b221849d0934b8"},
		{`hex(hmac("sha256", bytes("密"), bytes("abc")))`, "7d982f3578835ad8ec5fce7509aba74d626ac3315c259187002046df9ddc9a4b"},
		{`hex(hmac("sm3", "密", "abc"))`, "dfc29b56e60aa1532593f145eedd65fd714bbcc10c6fbd305a6b687f5723bcf2"},

		{`hex(raw)`, "e581a5e5bab7"},
		{`hex("健康")`, "e581a5e5bab7"},
		{`text(unhex("E581a5e5bab7"))`, "健康"},
		{`base64(code + "?>")`, "5YGl5bq356CBPz4="},
		{`text(unbase64("5YGl5bq356CBPz4="))`, "健康码?>"},
		{`urlencode("a b+c&d=e/健~")`, "a%20b%2Bc%26d%3De%2F%E5%81%A5~"},
		{`upper("aé健")`, "AÉ健"}, {`lower("AÉ健")`, "aé健"}, {`trim(" \n a b\t")`, "a b"},
		{`slice(code, 0, 2)`, "健康"}, {`slice(code, 3, 3)`, ""}, {`hex(slice(raw, 1, 3))`, "81a5"},
		{`pad("7", 3, "0")`, "007"}, {`pad("健", 3, "码")`, "码码健"}, {`pad("1234", 3, "0")`, "1234"}, {`pad("1", 0, "0")`, "1"},
		{`split("a,b,,c", ",")`, []any{"a", "b", "", "c"}}, {`split("", ",")`, []any{""}}, {`join(list, "-")`, "b-a-c"}, {`join([], "-")`, ""},
		{`text(raw)`, "健康"}, {`text(12)`, "12"}, {`text(yes)`, "true"}, {`text(code)`, "健康码"}, {`text(seconds(at))`, "1642941880"},
		{`bytes("a")`, []byte("a")}, {`int("007")`, 7}, {`int("-7")`, -7}, {`int(7)`, 7},
		{`form(pairs)`, "A=%E5%81%A5&a=1+%2B&b=2"},
		{`sorted(pairs, "k=v", "&")`, "A=健&a=1 +&b=2"}, {`sorted(pairs, "kv", "")`, "A健a1 +b2"}, {`sorted({}, "k=v", "&")`, ""},
		{`maskMatch("张三丰", "张*丰")`, true}, {`maskMatch("张三丰", "张**")`, true}, {`maskMatch("张三", "张三")`, true},
		{`maskMatch("张三丰", "李**")`, false}, {`maskMatch("张三丰", "张*")`, false}, {`maskMatch("张三", "**")`, false}, {`maskMatch("", "")`, false},

		{`json("{\"a\":0,\"b\":\"0\",\"c\":[1.50,1e400,true,null],\"d\":-0}")`, map[string]any{"a": "0", "b": "0", "c": []any{"1.50", "1e400", true, nil}, "d": "-0"}},
		{`json("")`, nil}, {`json(raw[:0] ?? "")`, findingExpected}, {`json("null")`, nil}, {`json(" 7 \r\n")`, "7"}, {`json("\"\\u5065\"")`, "健"},
		{`json(pairs).b`, "2"}, {`json(json("\"{}\""))`, map[string]any{}},
		{`tojson(pairs)`, `{"A":"健","a":"1 +","b":"2"}`}, {`tojson({"a": [1, "1", yes, none]})`, `{"a":[1,"1",true,null]}`}, {`tojson("a\"\n<")`, `"a\"\n<"`},

		{`seconds(at)`, 1642941880}, {`millis(at)`, 1642941880123},
		{`fromSeconds("1642941880")`, at("2022-01-23T20:44:40+08:00")}, {`fromMillis(1642941880123)`, at("2022-01-23T20:44:40.123+08:00")},
		{`time("2022-01-23 20:44:40", "yyyy-MM-dd HH:mm:ss")`, at("2022-01-23T12:44:40Z")},
		{`time("2022-01-23 20:44:40.0", "yyyy-MM-dd HH:mm:ss")`, at("2022-01-23T12:44:40Z")}, // as Sichuan has it
		{`time("20220123204440", "yyyyMMddHHmmss")`, at("2022-01-23T12:44:40Z")},
		{`time("2022年01月23日", "yyyy年MM月dd日")`, at("2022-01-22T16:00:00Z")},
		{`time("2022-01-23T20:44:40.123Z", "yyyy-MM-ddTHH:mm:ss.SSSZ")`, at("2022-01-23T20:44:40.123Z")},
		{`time("2022-01-23T20:44:40+01:00", "yyyy-MM-ddTHH:mm:ssZ")`, at("2022-01-23T19:44:40Z")},
		{`format(fromSeconds("1642941880"), "yyyy-MM-dd HH:mm:ss")`, "2022-01-23 20:44:40"},
		{`format(at, "yyyyMMddHHmmss.SSS")`, "20220123204440.123"},
		{`dayEnd(fromSeconds("1642941880"))`, at("2022-01-23T16:00:00Z")},
		{`duration("90s")`, 90 * time.Second}, {`at + duration("60s")`, at("2022-01-23T12:45:40.123Z")}, {`at - duration("60s") < at`, true},

		{`none == nil`, true}, {`code == nil`, false}, {`none ?? "x"`, "x"}, {`none?.a`, nil}, {`none?.a.b`, nil}, {`pairs.missing?.a.b`, nil}, {`pairs?.b`, "2"}, {`{"a": pairs}.a.b`, "2"}, {`pairs["b"]`, "2"}, {`pairs.missing`, nil}, {`code == "健康码"`, true}, {`code != "健康码"`, false},
		{`none == pairs.missing`, true}, {`yes == true`, true}, {`at == at`, true}, {`code in ["a", "健康码"]`, true}, {`code in ["a"]`, false}, {`"b" in list`, true}, {`"a" in pairs`, true}, {`code in pairs`, false}, {`not (code in list)`, true}, {`code not in list`, true}, {`1 in [1, 2]`, true}, {`not yes`, false}, {`yes && !yes`, false},
		{`"a" + code`, "a健康码"}, {`1 + 2`, 3}, {`code contains "康"`, true}, {`code startsWith "健"`, true}, {`code endsWith "健"`, false},
		{`yes ? "a" : "b"`, "a"}, {`len(code)`, 3}, {`len(list)`, 3}, {`list[0]`, "b"}, {`list[-1]`, "c"},
		{`map(people, .name)`, []any{"张三", "李四"}}, {`first(filter(people, .ok)).name`, "张三"}, {`last(sortBy(people, .at)).name`, "李四"}, {`first(filter(people, .name == "王五"))`, nil},
		{`any(people, .ok)`, true}, {`all(people, .ok)`, false}, {`count(people, .ok)`, 1},
	} {
		got, err := evaluate(test.src, sample)
		if test.want == findingExpected {
			if _, ok := err.(Findings); !ok {
				t.Errorf("%s gave %v, %v, want a finding", test.src, got, err)
			}
			continue
		}
		if w, ok := test.want.(time.Time); ok {
			if g, ok := got.(time.Time); !ok || !g.Equal(w) {
				t.Errorf("%s = %v, %v, want %v", test.src, got, err, w)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s = %#v, %v, want %#v", test.src, got, err, test.want)
		}
	}
}

// findingExpected stands for an expression that is refused when it is loaded.
const findingExpected = "a finding"

func TestFunctionsRefuseWhatTheyWouldHaveToGuess(t *testing.T) {
	for _, test := range []struct{ src, want string }{
		{`text(broken)`, "text: the bytes are not UTF-8"},
		{`text(none)`, "text: bytes or a whole number is needed, and this is nil"},
		{`text(1 / 2 + int(code))`, "int: the text is not a whole number"},
		{`bytes(none)`, "bytes: text or bytes is needed, and this is nil"},
		{`int("1.5")`, "int: the text is not a whole number"}, {`int("")`, "int: the text is not a whole number"}, {`int("99999999999999999999")`, "int: the text is not a whole number"},
		{`upper(none)`, "upper: text is needed, and this is nil"}, {`trim(list)`, "trim: text is needed, and this is a list"}, {`lower(raw)`, "lower: text is needed, and this is bytes"},
		{`slice(code, 0, 4)`, "slice: the text is shorter than that"}, {`slice(code, 2, 1)`, "slice: the text is shorter than that"}, {`slice(code, -1, 1)`, "slice: the text is shorter than that"},
		{`slice(raw, 0, 7)`, "slice: there are fewer bytes than that"}, {`slice(none, 0, 1)`, "slice: text or bytes is needed, and this is nil"}, {`slice(code, code, 1)`, "slice: a whole number is needed, and this is text"},
		{`pad(code, 9, "")`, "pad: it pads with one character"}, {`pad(code, -1, "0")`, "pad: it pads with one character"}, {`pad(code, 300000, "0")`, "pad: it pads with one character"}, {`pad(none, 1, "0")`, "pad: text is needed"},
		{`split(code, "")`, "split: the separator is empty"}, {`join([1], "")`, "join: a list of text is needed, and this is a whole number"}, {`join(none, "")`, "join: a list is needed, and this is nil"},
		{`unhex("0")`, "unhex: the text is not hex"}, {`unhex("zz")`, "unhex: the text is not hex"}, {`unbase64("a")`, "unbase64: the text is not base64"}, {`unbase64("aa=b")`, "unbase64: the text is not base64"}, {`unbase64("ab==")`, "unbase64: the text is not base64"},
		{`form(people)`, "form: a map is needed, and this is a list"}, {`form({"a": none})`, "form: text or a whole number is needed, and this is nil"}, {`sorted(pairs, "v=k", "&")`, "sorted: the pair needs a k and a v"}, {`sorted(pairs, "", "&")`, "sorted: the pair needs a k and a v"},
		{`hmac("md4", "k", "x")`, "hmac: the hash is md5, sha1, sha256 or sm3"}, {`hmac("md5", none, "x")`, "hmac: text or bytes is needed, and this is nil"}, {`hmac("md5", "k", list)`, "hmac: text or bytes is needed, and this is a list"},
		{`sm3(none)`, "sm3: text or bytes is needed, and this is nil"}, {`md5(1)`, "md5: text or bytes is needed, and this is a whole number"},
		{`json("{}x")`, "json: something stands behind the value"}, {`json("1 2")`, "json: something stands behind the value"}, {`json("{\"a\":1,\"a\":2}")`, "json: the text is not JSON, or has a key twice"},
		{`json("{\"a\":1,\"\\u0061\":2}")`, "json: the text is not JSON, or has a key twice"}, {`json("{\"a\":")`, "json: the text is not JSON"}, {`json(broken)`, "json: the text is not JSON"}, {`json("\ufeff{}")`, "json: the text is not JSON"},
		{`json(none)`, "json: text or bytes is needed, and this is nil"}, {`json(1)`, "json: text or bytes is needed"}, {`json(" ")`, "json: the text is not JSON"}, {`json("'a'")`, "json: the text is not JSON"}, {`json("\"\\ud800\"")`, "json: the text is not JSON"},
		{`tojson(none)`, "tojson: a value is needed, and this is nil"}, {`tojson(at)`, "tojson: text, a number, true, false, a list or a map is needed, and this is a time"}, {`tojson(text(none))`, "text: "},
		{`seconds(none)`, "seconds: a time is needed, and this is nil"}, {`fromSeconds("-1")`, "fromSeconds: the number is not a time"}, {`fromSeconds("9999999999999")`, "fromSeconds: the number is not a time"}, {`fromMillis("x")`, "fromMillis: the text is not a whole number"},
		{`time("2022-13-01", "yyyy-MM-dd")`, "time: the text is not of that layout"}, {`time("2022-02-30", "yyyy-MM-dd")`, "time: the text is not of that layout"}, {`time(code, "EEE")`, "a layout is made of"}, {`time(none, "yyyy")`, "time: text is needed, and this is nil"},
		{`format(none, "yyyy")`, "format: a time is needed, and this is nil"}, {`format(at, "y")`, "a layout is made of"}, {`duration("1d")`, `duration: write it like "60s"`}, {`dayEnd(code)`, "dayEnd: a time is needed, and this is text"},
		{`maskMatch(none, "*")`, "maskMatch: text is needed, and this is nil"},
		{`none == "0"`, "== compares nil with text"}, {`"0" == none`, "== compares text with nil"}, {`yes == "true"`, "== compares true or false with text"}, {`list == list`, "== compares a list with a list"}, {`none != code`, "== compares nil with text"},
		{`none + "a"`, "+ cannot join nil and text"}, {`code + list`, "+ cannot join text and a list"}, {`at + at`, ""},
		{`none.a`, ".a is asked of nil"}, {`code.a`, ".a is asked of text"}, {`pairs.missing.a`, ".a is asked of nil"}, {`people.name`, ".name is asked of a list"}, {`map(list, .a)`, ".a is asked of text"},
		{`none < "a"`, ""}, {`none contains "a"`, "contains needs text on both sides, and these are nil and text"}, {`"a" startsWith none`, "startsWith needs"}, {`list endsWith "a"`, "endsWith needs"},
		{`none in ["a"]`, "in looks for text"}, {`none in pairs`, "in looks for text"}, {`"a" in none`, "in looks into a list or a map, and this is nil"}, {`"a" in code`, "in looks into"}, {`list in [list]`, "in looks for"},
		{`!none`, ""}, {`none ? 1 : 2`, ""}, {`sortBy(people, .missing)`, ""}, {`filter(none, true)`, ""}, {`list[9]`, ""}, {`int(code) % 0`, ""},
	} {
		got, err := evaluate(test.src, sample)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s = %v, %v, want an error with %q", test.src, got, err, test.want)
		}
	}
}

// The vectors are made by Python and OpenSSL (see the description in the file).
func TestSignaturesOfRealBackendsAreOneExpression(t *testing.T) {
	src, err := os.ReadFile("testdata/backend_signing.json")
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]json.RawMessage
	if err := json.Unmarshal(src, &file); err != nil {
		t.Fatal(err)
	}
	for scheme, checks := range map[string]map[string]string{
		"tif":      {"signature_lower": `sha256(v.timestamp + v.token + v.nonce + v.timestamp)`, "signature_upper": `upper(sha256(v.timestamp + v.token + v.nonce + v.timestamp))`},
		"gjgxjhpt": {"sign": `base64(hmac("sha256", v.secret, v.sid + v.rid + v.rtime))`},
		"zhejiang": {"sign": `md5(v.appKey + v.secret + v.requestTime)`},
		"xian":     {"text": `sorted(v.fields, "k=v", "")`, "md5_slice": `slice(md5(sorted(v.fields, "k=v", "")), 3, 28)`, "signature": `sha1(slice(md5(sorted(v.fields, "k=v", "")), 3, 28))`},
		"jumdata":  {"sign": `sha256(v.appId + v.appSecret + v.timestamp)`},
	} {
		var vectors []map[string]any
		if err := json.Unmarshal(file[scheme], &vectors); err != nil || len(vectors) < 6 {
			t.Fatalf("%s: %d vectors, %v", scheme, len(vectors), err)
		}
		for _, v := range vectors {
			for member, src := range checks {
				got, err := evaluate(src, map[string]any{"v": v})
				if got != v[member] {
					t.Errorf("%s %s: %s = %v, %v, want %v", scheme, v["name"], src, got, err, v[member])
				}
			}
		}
	}
}

const canary = "kanarienvogel-110101199003077777"

// canaries are values of every type with a canary in them, and some that make operations fail.
var canaries = []any{
	canary, []byte(canary), map[string]any{canary: canary, "a": canary}, []any{canary, map[string]any{"a": canary}},
	nil, 1, true, time.Unix(1642941880, 0), `{"` + canary + `":1,"` + canary + `":2}`, `["` + canary + `"`, canary + "\xff",
}

func TestNoErrorOfAFunctionHoldsAValue(t *testing.T) {
	failed := 0
	var call func(f function, args []any)
	call = func(f function, args []any) {
		if len(args) < len(f.parameters()) {
			for _, v := range canaries {
				call(f, append(args[:len(args):len(args)], v))
			}
			return
		}
		if _, err := f.checked()(args...); err != nil {
			failed++
			if leaks(err) {
				t.Errorf("%s: %v", f.name, err)
			}
		}
	}
	for _, f := range functions(standard.Zone) {
		call(f, nil)
	}
	if failed < 1000 {
		t.Errorf("only %d calls failed", failed)
	}
}

func TestNoErrorOfAnOperatorHoldsAValue(t *testing.T) {
	failed := 0
	for _, src := range []string{
		"x == y", "x != y", "x < y", "x >= y", "x + y", "x - y", "x * y", "x / y", "x % y", "x in y", "x contains y", "x startsWith y", "x endsWith y",
		"x && y", "x || y", "!x", "-x", "x ? y : x", "x ?? y", "x[y]", "x?.a", "x.a.b", "x.a + y", "[x, y][x]", "{a: x}.a[y]", "x[0]", "x[y].a", "x(y)",
		"filter(x, # == y)", "map(x, # + y)", "sortBy(x, .a)", "sortBy(x, # == y)", "any(x, .a)", "all(x, y)", "count(x, #)", "first(x).a.b", "last(x).a.b", "len(x)",
		"json(x).a", "text(x) + y", "int(x) + int(y)", "tojson([x, y])", "form({a: x})", "sorted({a: x}, y, y)",
	} {
		for _, x := range canaries {
			for _, y := range canaries {
				_, err := evaluate(src, map[string]any{"x": x, "y": y})
				if _, refused := err.(Findings); refused {
					if src != "x(y)" {
						t.Fatalf("%s: %v", src, err)
					}
					continue
				}
				if err != nil {
					failed++
					if leaks(err) {
						t.Errorf("%s: %v", src, err)
					}
				}
			}
		}
	}
	if failed < 1000 {
		t.Errorf("only %d expressions failed", failed)
	}
}

// leaks says whether an error tells any part of the canary.
func leaks(err error) bool {
	return strings.Contains(err.Error(), "kanarien") || strings.Contains(err.Error(), "1101") || strings.Contains(fmt.Sprint(err), "7777")
}

func TestWhatAnExpressionMakesIsBounded(t *testing.T) {
	long := strings.Repeat("a", maxText)
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	doubled := any("a")
	for range 60 {
		doubled = []any{doubled, doubled}
	}
	names := map[string]any{
		"long": long, "deep": deep(100000), "wide": "[" + strings.Repeat("0,", maxList) + "0]", "many": "[" + strings.Repeat(deep(20)+",", 900) + "[]]",
		"huge": "[" + strings.Repeat("["+strings.Repeat("0,", 999)+"0],", 60) + "0]", "longer": long + `""`, "doubled": doubled, "parts": strings.Repeat(",", maxList),
		"list": []any{long, long}, "pairs": map[string]any{"a": long, "b": long}, "bom": "\ufeff{}", "inGBK": []byte("{\"a\":\"\xbd\xa1\"}"),
	}
	for src, want := range map[string]string{
		"long + long":               "+ would make a text of more than 1 MiB",
		`long + "a"`:                "+ would make a text of more than 1 MiB",
		"hex(long)":                 "hex: the result has more than 1 MiB",
		"base64(long)":              "base64: the result has more than 1 MiB",
		`urlencode(long + "")`:      "",
		`join(list, "")`:            "join: the result has more than 1 MiB",
		"form(pairs)":               "form: the result has more than 1 MiB",
		`sorted(pairs, "k=v", "&")`: "sorted: the result has more than 1 MiB",
		"tojson(doubled)":           "tojson: the text would have more than 1 MiB",
		"tojson(long)":              "tojson: the result has more than 1 MiB",
		`split(parts, ",")`:         "split: the separator is empty, or there are more than 1000 parts",
		"json(deep)":                "json: more than 50000 values, or nested more than 64 deep",
		"json(huge)":                "json: more than 50000 values, or nested more than 64 deep",
		"json(wide)":                "json: a list has more than 1000 elements",
		"json(longer)":              "json: the text has more than 1 MiB",
		"json(bom)":                 "json: the text is not JSON",
		"json(inGBK)":               "json: the text is not JSON, or has a key twice, or is not UTF-8",
		"len(json(many))":           "",
		`len(json("\"" + slice(long, 0, 1048574) + "\""))`: "",
	} {
		began := time.Now()
		_, err := evaluate(src, names)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s took %v", src, took)
		}
	}
}

// Each name doubles the one before: 60 of them would make 2^60 bytes.
func TestDoublingNamesEndAtTheBound(t *testing.T) {
	x := any("ab")
	var err error
	for i := 0; i < 60 && err == nil; i++ {
		x, err = evaluate("x + x", map[string]any{"x": x})
	}
	if err == nil || !strings.Contains(err.Error(), "1 MiB") {
		t.Error(err)
	}
	src := "x" + strings.Repeat(" + x", 148) // 297 nodes
	if _, err := evaluate(src, map[string]any{"x": strings.Repeat("a", maxText/2)}); err == nil || !strings.Contains(err.Error(), "1 MiB") {
		t.Error(err)
	}
}
