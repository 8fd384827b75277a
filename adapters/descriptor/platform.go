package descriptor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"tongma/adapters"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// platform is the other side of the dialect national in fixtures: a platform that checks how it is asked, and signs what it
// answers. It is made of package wire, so that the dialect is held against what gateways do and not against itself.
type platform struct {
	fx     *fixture
	info   *adapters.Info
	now    time.Time
	differ func(field, want, got string)
}

// The ids of fixtures.
const (
	platformID  = "fixture-platform"
	platformKey = "fixture-platform-1"
)

// fixtureScalar is a private key by the last of its 32 bytes: anybody may know it.
func fixtureScalar(last byte) string { return strings.Repeat("00", 31) + fmt.Sprintf("%02x", last) }

// platformKeys are the caller's and the platform's own.
var platformKeys = sync.OnceValues(func() (caller, own *sm.PrivateKey) {
	caller, _ = sm2Private(fixtureScalar(5)) // both are keys
	own, _ = sm2Private(fixtureScalar(7))
	return caller, own
})

// platformCredential is what a fixture of the dialect has for a credential, unless it says so itself.
func platformCredential(name string) (string, bool) {
	switch name {
	case "gateway":
		return platformID, true
	case "rid":
		return "fixture-gateway", true
	case "key":
		return "fixture-gateway-1", true
	case "privateKey":
		return fixtureScalar(5), true
	case "gatewayKey":
		_, own := platformKeys()
		text, err := own.Public().MarshalPEM()
		return string(text), err == nil
	}
	return "", false
}

// answer answers a call with what the fixture says, signed; what it says nothing of is as in an ordinary answer.
func (p *platform) answer(c *adapters.Call) *adapters.Reply {
	request := p.check(c)
	data := map[string]any{"outcome": "verified"}
	system := map[string]any{"id": p.info.System, "name": p.info.Name.Zh, "region": p.info.Region, "provenance": "synthetic"}
	if data["outcome"] = cmp.Or[any](p.fx.Answer["outcome"], "verified"); data["outcome"] == "verified" {
		data["freshness"] = map[string]any{"from": "live", "observedAt": p.now.Format(time.RFC3339Nano), "ageMs": 0}
	}
	maps.Copy(data, p.fx.Answer)
	if said, ok := p.fx.Answer["system"].(map[string]any); ok {
		maps.Copy(system, said)
	}
	data["system"] = system
	body, err := json.Marshal(wire.Envelope{Code: wire.CodeOK.Code, Message: wire.CodeOK.Zh, Data: data, RequestID: "01ARZ3NDEKTSV4RRFFQ69G5FAV"})
	if err != nil {
		p.differ("answer", "what JSON can say", err.Error())
	}
	return p.sign(request, http.StatusOK, body)
}

// sign makes a signed reply of a body.
func (p *platform) sign(request []byte, status int, body []byte) *adapters.Reply {
	_, own := platformKeys()
	head := wire.AnswerHead{Rtime: wire.Rtime(p.now), Key: platformKey, SignType: wire.SM2}
	sign, err := own.Sign(wire.AppendAnswerText(nil, platformID, status, sm.Sum(request), head.Rtime, sm.Sum(body)))
	if err != nil {
		p.differ("answer", "a signature", err.Error())
	}
	head.Sign = sign
	reply := &adapters.Reply{Status: status, Header: http.Header{}, Body: body}
	head.Put(reply.Header)
	return reply
}

// check tells where a call is not as the interface wants it, and gives the text that it should have signed.
func (p *platform) check(c *adapters.Call) []byte {
	header := http.Header{}
	for _, h := range c.Header {
		header.Add(h.Name, h.Value)
	}
	if got := c.Method + " " + c.Target; got != "POST /v1/verifications" {
		p.differ("call", "POST /v1/verifications", got)
	}
	if got := header.Get("Content-Type"); got != "application/json" {
		p.differ("call", "the media type application/json", got)
	}
	head, err := wire.ParseHead(header)
	if err != nil {
		p.differ("call", "the headers of the national interface", err.Error())
		return nil
	}
	if head.Rtime != wire.Rtime(p.now) {
		p.differ("call", "the time "+wire.Rtime(p.now), head.Rtime)
	}
	caller, _ := platformKeys()
	text := wire.AppendRequestText(nil, platformID, c.Method, c.Target, &head, sm.Sum(c.Body))
	if !caller.Public().Verify(text, head.Sign) {
		p.differ("call", "a signature over the request text", "another one")
	}
	p.checkBody(c.Body)
	return text
}

// checkBody tells where what is asked is not what was scanned.
func (p *platform) checkBody(body []byte) {
	want := map[string]any{"system": p.info.System, "place": map[string]any{"region": cmp.Or(p.fx.Place.Region, "110000")}, "waitMs": 2000}
	if d := p.fx.Document; d != nil {
		want["document"] = map[string]any{"type": d.Type, "number": d.Number, "name": d.Name}
	} else {
		want["scan"] = p.fx.Scan
	}
	text, err := json.Marshal(want)
	if err != nil || string(text) != string(body) { // both have their keys in order
		p.differ("call", string(text), string(body))
	}
}
