package wire_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"tongma/standard/wire"
)

func TestTheTableOfReturnCodes(t *testing.T) {
	names := map[string]bool{}
	last := 0
	for _, c := range wire.Codes {
		n, err := strconv.Atoi(c.Code)
		if err != nil || n <= last && c != wire.CodeOK {
			t.Errorf("%s: codes are numbers in ascending order", c.Code)
		}
		last = n
		if c != wire.CodeOK && (len(c.Code) != 5 || n/100 != c.Status) {
			t.Errorf("%s: the class does not agree with the HTTP status %d", c.Code, c.Status)
		}
		if http.StatusText(c.Status) == "" || c.Zh == "" || c.En == "" || c.Todo == "" || c.Name == "" || names[c.Name] {
			t.Errorf("%s: the row has gaps or its name is taken: %+v", c.Code, *c)
		}
		names[c.Name] = true
	}
	if wire.CodeOK.Code != "0" || wire.CodeOK.Status != 200 {
		t.Error("answered is not 0 and 200")
	}
}

func TestEveryReturnCodeIsInTheTable(t *testing.T) {
	source, err := os.ReadFile("code.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), "= &Code{"); n != len(wire.Codes) {
		t.Errorf("%d codes are declared, the table has %d", n, len(wire.Codes))
	}
}

func TestARefusalSaysWhatItIs(t *testing.T) {
	var err error = wire.Refuse(wire.CodeField, "waitMs: must be 50 to 10000 milliseconds, or absent")
	var r *wire.Refusal
	if !errors.As(err, &r) || r.Code != wire.CodeField {
		t.Fatal(err)
	}
	if got := r.Error(); got != "a member is out of its bounds: waitMs: must be 50 to 10000 milliseconds, or absent" {
		t.Error(got)
	}
	if got := r.Message(); got != "成员取值超出范围 (a member is out of its bounds: waitMs: must be 50 to 10000 milliseconds, or absent)" {
		t.Error(got)
	}
	if got := wire.Refuse(wire.CodeReplay, "").Message(); got != "随机数已被使用 (the nonce was used before)" {
		t.Error(got)
	}
}

func TestTheEnvelope(t *testing.T) {
	for _, c := range []struct {
		envelope wire.Envelope
		want     string
	}{
		{wire.Envelope{Code: "0", Message: "ok", Data: []int{1}, RequestID: "r"}, `{"code":"0","message":"ok","data":[1],"requestId":"r"}`},
		{wire.Envelope{Code: "40105", Message: "m", RequestID: "r"}, `{"code":"40105","message":"m","requestId":"r"}`},
		{wire.Envelope{Code: "40103", Message: "m", Data: &wire.Clock{ServerTime: 1}, RequestID: "r"}, `{"code":"40103","message":"m","data":{"serverTime":1},"requestId":"r"}`},
		{wire.Envelope{Code: "40103", Message: "m", Data: &wire.Clock{ServerTime: 1, NotBefore: 2}, RequestID: "r"}, `{"code":"40103","message":"m","data":{"serverTime":1,"notBefore":2},"requestId":"r"}`},
	} {
		got, err := json.Marshal(c.envelope)
		if err != nil || string(got) != c.want {
			t.Errorf("%s, %v; want %s", got, err, c.want)
		}
	}
	var clock wire.Clock
	reply := wire.Envelope{Data: &clock}
	if err := json.Unmarshal([]byte(`{"code":"40103","data":{"serverTime":5}}`), &reply); err != nil || clock.ServerTime != 5 {
		t.Errorf("%+v, %v", clock, err)
	}
}
