package descriptor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

func TestATraceTellsEveryStepOfARunInItsOrder(t *testing.T) {
	d, fixtures := ownSystem(t, "suishen")
	fx := fixtures[0]
	now, err := time.Parse(time.RFC3339Nano, fx.Now)
	if err != nil {
		t.Fatal(err)
	}
	host := &player{now: now, credentials: fx.Cred, replies: []*adapters.Reply{
		ok(`{"access_token":"fresh"}`),
		ok(`{"code":"GATEWAY0006","message":"","data":null}`),
		ok(`{"access_token":"fresher"}`),
		ok(fx.Calls[0].Reply.Body),
	}}
	var told []string
	a := d.OpenTraced(host, func(e Event) {
		if e.Line == 0 && (e.Kind == EventName || e.Kind == EventClause || e.Kind == EventWhen) {
			t.Errorf("no line in %+v", e)
		}
		switch e.Kind {
		case EventClause:
			told = append(told, fmt.Sprintf("clause %s %t", e.Is, e.Held))
		case EventToken, EventFetched:
			told = append(told, fmt.Sprintf("%s %s %v", e.Kind, e.Name, e.Value))
		case EventCall:
			path, _, _ := strings.Cut(e.Call.Target, "?")
			told = append(told, fmt.Sprintf("call %s %s", e.Call.Method, path))
		case EventReply:
			told = append(told, fmt.Sprintf("reply %d", e.Reply.Status))
		case EventStep:
			told = append(told, fmt.Sprintf("step %d", e.Step))
		default:
			told = append(told, fmt.Sprintf("%s %s", e.Kind, e.Name))
		}
	})
	q := &adapters.Query{Place: adapters.PlaceOf(standard.Place{Region: "310000"}, nil)}
	if !fx.recognise(d, a, &q.Ticket) {
		t.Fatal("not recognised")
	}
	if res, err := a.Verify(context.Background(), q); err != nil || res.Outcome != standard.Verified {
		t.Fatal(res, err)
	}
	want := []string{
		"step 1", "when ",
		"fetch access", "call GET /gateway/auth/accesstoken/create", "reply 200", "fetched access fresh", "token access fresh",
		"call POST /gateway/interface-sj-jkmjk/getInfo", "reply 200",
		"fetch access", "call GET /gateway/auth/accesstoken/create", "reply 200", "fetched access fresher", "token access fresher",
		"call POST /gateway/interface-sj-jkmjk/getInfo", "reply 200",
	}
	calls := slices.DeleteFunc(slices.Clone(told), func(s string) bool {
		return strings.HasPrefix(s, "clause ") || strings.HasPrefix(s, "name ")
	})
	if !slices.Equal(calls, want) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(calls, "\n"), strings.Join(want, "\n"))
	}
	for _, must := range []string{"clause renew true", "clause verified true", "name scanned", "name person"} {
		if !slices.Contains(told, must) {
			t.Errorf("nothing told of %q in\n%s", must, strings.Join(told, "\n"))
		}
	}
}

func TestATraceTellsWhatWentWrong(t *testing.T) {
	d, fixtures := ownSystem(t, "suishen")
	fx := fixtures[0]
	now, _ := time.Parse(time.RFC3339Nano, fx.Now)
	host := &player{now: now, credentials: fx.Cred, replies: []*adapters.Reply{ok(`{"access_token":"fresh"}`), ok(`{"code":`)}}
	var wrong []string
	a := d.OpenTraced(host, func(e Event) {
		if e.Err != nil {
			wrong = append(wrong, string(e.Kind)+" "+e.Name)
		}
	})
	q := &adapters.Query{Place: adapters.PlaceOf(standard.Place{Region: "310000"}, nil)}
	fx.recognise(d, a, &q.Ticket)
	if _, err := a.Verify(context.Background(), q); err == nil {
		t.Fatal("half a reply was understood")
	}
	if !slices.Contains(wrong, "name scanned") {
		t.Errorf("told %q", wrong)
	}
}
