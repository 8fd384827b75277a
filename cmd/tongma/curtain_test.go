package main

import (
	"strings"
	"testing"
	"time"

	"tongma/standard"
)

func TestTheCurtainHidesWhatTheDescriptorDoesNotSay(t *testing.T) {
	const source = `
system: sample
credentials: {key: secret}
verify:
  - post: /gateway/info/{ticket.code}
    headers: {kind: "A7"}
    outcome:
      - {when: '=reply.code == "GATEWAY0006"', is: verified}
`
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct{ got, want string }{
		"a literal":                         {hidden(source, now).text("A7"), "A7"},
		"a text of an expression":           {hidden(source, now).text("GATEWAY0006"), "GATEWAY0006"},
		"a short number":                    {hidden(source, now).text("1234"), "1234"},
		"a time of today":                   {hidden(source, now).text("1772366400123"), "1772366400123"},
		"a phone number":                    {hidden(source, now).text("13000000000"), "‹1: 11 characters›"},
		"a name":                            {hidden(source, now).text("张某某"), "‹1: 3 characters›"},
		"a secret that is short":            {hidden(source, now, "1234").text("1234"), "‹1: 4 characters›"},
		"a secret that the descriptor says": {hidden(source, now, "A7").text("A7"), "‹1: 2 characters›"},
		"JSON":                              {hidden(source, now).body([]byte(`{"code":"0","xm":"张某某","n":[13000000000,true,null],"data":"{\"xm\":\"张某某\"}"}`)), `{"code":"0","xm":"‹1: 3 characters›","n":["‹2: 11 characters›",true,null],"data":"{\"xm\":\"‹1: 3 characters›\"}"}`},
		"names of members":                  {hidden(source, now).body([]byte(`{"000000199001010010":1,"张某某":2,"idNumber2":3}`)), `{"‹1: 18 characters›":1,"‹2: 3 characters›":2,"idNumber2":3}`},
		"half of JSON":                      {hidden(source, now).body([]byte(`{"xm":"张某某`)), "‹1: 10 characters›"},
		"two JSON values":                   {hidden(source, now).body([]byte(`{"a":1}{"xm":"张某某"}`)), "‹1: 19 characters›"},
		"deep JSON":                         {hidden(source, now).body([]byte(strings.Repeat("[", 70) + strings.Repeat("]", 70))), "‹1: 140 characters›"},
		"bytes":                             {hidden(source, now).body([]byte{0xff, 1}), "‹2 bytes that are not UTF-8›"},
		"a path and a query":                {hidden(source, now).target("/gateway/info/abcdef?name=%E5%BC%A0&on=true"), "/gateway/info/‹1: 6 characters›?name=‹2: 1 characters›&on=true"},
		"a header":                          {hidden(source, now).header("X-Sign", "abcdef"), "‹1: 6 characters›"},
		"a technical header":                {hidden(source, now).header("Content-Type", "text/html"), "text/html"},
		"a time of birth":                   {hidden(source, now).value(now.AddDate(-30, 0, 0)), "‹1: 20 characters›"},
	} {
		if c.got != c.want {
			t.Errorf("%s: shown as %s, want %s", name, c.got, c.want)
		}
	}
}

func hidden(source string, now time.Time, private ...string) *curtain {
	c := newCurtain([]byte(source), false, now)
	for _, p := range private {
		c.private[p] = true
	}
	return c
}

func TestAnOpenCurtainShowsEverything(t *testing.T) {
	c := newCurtain(nil, true, time.Now())
	for _, s := range []string{"张某某", `{"xm":"张某某"}`} {
		if c.value(s) != s || c.text(s) != s {
			t.Errorf("%s is shown as %s", s, c.value(s))
		}
	}
	if got := c.target("/a/b?c=d"); got != "/a/b?c=d" {
		t.Error(got)
	}
}

func TestOfAValueThatHasMoreThanAnyMemoryTheBeginningIsShown(t *testing.T) {
	var lists any = []any{"张某某", 1, true, nil}
	var maps any = lists
	text := strings.Repeat("y", 1<<20)
	var texts any = []any{text, text}
	for range 40 {
		lists = []any{lists, lists, lists, lists, lists, lists, lists, lists}
		maps = map[string]any{"left": maps, "right": maps}
		texts = []any{texts, texts}
	}
	var deep any = "x"
	for range 1 << 20 {
		deep = []any{deep}
	}
	for name, huge := range map[string]any{"lists": lists, "maps": maps, "texts": texts, "deep": deep} {
		for _, open := range []bool{false, true} {
			shown := newCurtain(nil, open, time.Now()).value(huge)
			if len(shown) > 2<<20 || !strings.Contains(shown, cutMark) || !open && strings.Contains(shown, "张某某") {
				t.Errorf("%s: %d bytes are shown: %.80s", name, len(shown), shown)
			}
		}
	}
}

func TestARecordThatIsTooBigIsNotShown(t *testing.T) {
	rec := &standard.Record{}
	text := strings.Repeat("y", 1<<20)
	for range 1 << 20 { // a terabyte
		rec.Holder.History = append(rec.Holder.History, text)
	}
	for _, open := range []bool{false, true} {
		if got := newCurtain(nil, open, time.Now()).value(rec); got != "‹more than 4 MiB›" {
			t.Errorf("%.80s", got)
		}
	}
}

func TestAListIsShownWholeAsJSONHasIt(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	value := map[string]any{
		"b": []any{"1", 2, true, nil, 13000000000, []int{1, 2}, []any{}}, "a": map[string]any{"000000199001010010": "张某某"},
		"c": `{"xm":"张某某"}`, "d": []byte("abc"), "e": time.Minute,
	}
	want := `{"a":{"‹1: 18 characters›":"‹2: 3 characters›"},"b":["1",2,true,null,"‹3: 11 characters›",[1,2],[]],` +
		`"c":"{\"xm\":\"‹2: 3 characters›\"}","d":"‹4: 4 characters›","e":"‹5: 11 characters›"}`
	if got := hidden("", now).value(value); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	want = `{"a":{"000000199001010010":"张某某"},"b":["1",2,true,null,13000000000,[1,2],[]],"c":"{\"xm\":\"张某某\"}","d":"YWJj","e":60000000000}`
	if got := newCurtain(nil, true, now).value(value); got != want {
		t.Errorf("open: got  %s\nwant %s", got, want)
	}
}
