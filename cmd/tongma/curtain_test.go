package main

import (
	"strings"
	"testing"
	"time"
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
