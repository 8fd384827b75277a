package sandbox

import (
	"cmp"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// region is a system whose own protocol is not public. Its platform speaks the national interface, Tongma profile 1.
type region struct {
	id, name string
	code     string // GB/T 2260
	own      colour // a colour of its own, which has no national status
	running  bool   // its codes hold the time at which they are shown
	document string // the type of its holders' documents, "" for identity cards
}

// regions are all of them, in the order of GB/T 2260.
var regions = []region{
	{id: "jinxinban", name: "津心办健康码", code: "120000"},
	{id: "sanjin", name: "三晋健康码", code: "140000"},
	{id: "mengjiankangbao", name: "蒙健康宝", code: "150000"},
	{id: "liaoshitong", name: "辽事通健康码", code: "210000"},
	{id: "longjiang", name: "龙江健康码", code: "230000"},
	{id: "gantongma", name: "赣通码", code: "360000"},
	{id: "shandong", name: "山东健康码", code: "370000"},
	{id: "henan", name: "豫康码", code: "410000"},
	{id: "hubei", name: "湖北健康码", code: "420000", own: grey},
	{id: "hunan", name: "湖南居民健康码", code: "430000"},
	{id: "guangxi", name: "广西健康码", code: "450000"},
	{id: "hainan", name: "海南健康码", code: "460000"},
	{id: "guizhou", name: "贵州健康码", code: "520000"},
	{id: "yunnan", name: "云南健康码", code: "530000"},
	{id: "xizang", name: "西藏健康码", code: "540000"},
	{id: "shaanxi", name: "陕西一码通", code: "610000"},
	{id: "gansu", name: "甘肃健康出行码", code: "620000"},
	{id: "xinkang", name: "青海信康码", code: "630000"},
	{id: "ningxia", name: "我的宁夏健康码", code: "640000"},
	{id: "xinjiang", name: "新疆健康码", code: "650000"},
	{id: "bingtuan", name: "新疆生产建设兵团健康码", code: "650000"},
	{id: "gangkang", name: "港康码", code: "810000", document: "06"},
	{id: "aomen", name: "澳門健康碼", code: "820000", document: "06"},
	{id: "international", name: "防疫健康码国际版", code: "110000", document: "03"},
	{id: "nanhai", name: "南海电子通行证", code: "440605", own: blue, running: true},
}

// regionIDs gives the ids of regions.
func regionIDs() []string {
	ids := make([]string, 0, len(regions))
	for _, r := range regions {
		ids = append(ids, r.id)
	}
	return ids
}

// regionOf finds a region by its id.
func regionOf(id string) (region, bool) {
	for _, r := range regions {
		if r.id == id {
			return r, true
		}
	}
	return region{}, false
}

// Distinct lists systems of which no two speak the same dialect: what is to be shown of every dialect is shown of these. Of the regions that
// speak the national interface it has the first.
func (s *Sandbox) Distinct() []string {
	shared := len(regions) - 1
	return append([]string(nil), systems[:len(systems)-shared]...)
}

// The keys of the platforms and of who asks them. They are made up, and worth nothing anywhere else.
const (
	nationalKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgC9/7ONBwLymhldkv
LuAU44u91kdmu8jz1BUEQ4+mOPyhRANCAASmG7aUw0D09tTDT+jvNgZBqxxq84kq
VFd4GgoZ2TokCrFtpFmXcZKT4yMFAV7+3esae8BPUf6dRn5AQhvSOf1z
-----END PRIVATE KEY-----`
	nationalCallerKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgjbnc0BDS7WbniW3q
bW0PE+dripmsHjLm7ru2wq9vjr+hRANCAAQwrivOzRcAm+yTkaZjW6RfaEJwZe2e
yAWGaRpQb+j5jazlQTu01yNuamxJxZgrMCN4eBsEmY4XhgJDYhRvvMpy
-----END PRIVATE KEY-----`
)

// The ids of who asks a platform, and of a platform's key.
const (
	nationalRid       = "demo-gateway"
	nationalRidKey    = "demo-gateway-1"
	nationalKeyID     = "platform-1"
	nationalRequestID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
)

// nationalKeys are the keys of the platforms and of who asks them.
var nationalKeys = sync.OnceValues(func() (platform, caller *sm.PrivateKey) {
	platform, err := sm.ParsePrivateKeyPEM([]byte(nationalKey+"\n"), nil)
	if err != nil {
		panic(err) // it is a constant
	}
	caller, err = sm.ParsePrivateKeyPEM([]byte(nationalCallerKey+"\n"), nil)
	if err != nil {
		panic(err)
	}
	return platform, caller
})

// nationalCredentials are what a gateway is configured with for a region's platform.
func nationalCredentials(id string) map[string]string {
	platform, _ := nationalKeys()
	public, err := platform.Public().MarshalPEM()
	if err != nil {
		panic(err) // it is a key
	}
	return map[string]string{
		"gateway": nationalGateway(id), "rid": nationalRid, "key": nationalRidKey,
		"privateKey": nationalCallerKey, "gatewayKey": string(public),
	}
}

// nationalGateway is the id that a platform signs as.
func nationalGateway(id string) string { return "sandbox-" + id }

// nationalCast are the people of a region.
func nationalCast(r region) []trait {
	cast := []trait{
		{note: "green code", codes: one(green)},
		{note: "yellow code", codes: one(yellow)},
		{note: "red code", codes: one(red)},
		{note: "a colour that is in no table", codes: one(odd)},
		{note: "an old code", codes: one(green), fate: lapsed},
		{note: "a code that looks fresh and has been replaced", codes: one(green), fate: replaced},
		{note: "a code whose holder is no longer on file", codes: one(green), fate: gone},
		{note: "a holder about whom the system does not answer", codes: one(green), fate: declined},
		{note: "the platform does not reach its own backend", codes: one(green), fate: degraded},
		{note: "a code that only looks like one of the system's", codes: one(green), fate: alien},
		{note: "by document, red", codes: one(red), via: viaDocument},
		{note: "by document with a wrong name", codes: one(green), via: viaWrongName},
		{note: "by document that the system does not know", codes: one(green), via: viaDocument, fate: gone},
	}
	if r.own != "" {
		cast = append(cast, trait{note: string(r.own) + " code, which is no status", codes: one(r.own)})
	}
	return cast
}

// papers gives the people of a region that goes by other documents than identity cards theirs, and where these are foreign, names in Latin
// letters. None of the numbers has been issued.
func (r region) papers(people []*person) {
	for _, p := range people {
		switch r.document {
		case "03":
			p.number = "E" + pad(p.no)
			p.name = "JANE PLACEHOLDER " + strings.ToUpper(strconv.FormatInt(int64(p.no), 26)) + "X"
		case "06":
			p.number = "H" + pad(p.no)
		}
	}
}

func pad(no int) string { return "0000" + strconv.Itoa(1000+no) }

// docked is the platform of one region.
type docked struct {
	*backend
	region region

	mu     sync.Mutex
	nonces map[string]time.Time // until when each is remembered
}

func newNational(b *backend, r region) *docked {
	r.papers(b.people)
	clear(b.known)
	for _, p := range b.people {
		if p.fate != gone {
			b.known[p.number] = p
		}
	}
	b.idType = cmp.Or(r.document, idCard)
	return &docked{backend: b, region: r, nonces: map[string]time.Time{}}
}

// nationalCodeLife is how long a code holds that says when it was shown, and nationalSlack what the difference of clocks may be. Both are ours.
const (
	nationalCodeLife = 60 * time.Second
	nationalSlack    = 5 * time.Second
)

func nationalPrefix(id string) string { return "SYNTHETIC-" + strings.ToUpper(id) + ":" }

func (d *docked) scan(p *person, now time.Time, serial uint32) string {
	if !d.region.running {
		return nationalPrefix(d.id) + d.dayCode(p, now, serial)
	}
	if p.fate == lapsed {
		now = now.Add(-5 * time.Minute)
	}
	return nationalPrefix(d.id) + d.issuer(p).seal(p.no, dayOf(now), serial) + strconv.FormatInt(now.UnixMilli(), 10)
}

// busy is what a proxy in front of the platform says: it signs nothing.
func (d *docked) busy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "2")
	writeJSON(w, wire.CodeSourceRate.Status, envelopeOf(wire.Refuse(wire.CodeSourceRate, "")))
}

func envelopeOf(r *wire.Refusal) wire.Envelope {
	return wire.Envelope{Code: r.Code.Code, Message: r.Message(), Data: r.Data, RequestID: nationalRequestID}
}

func (d *docked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxBody))
	if err != nil {
		d.refuse(w, nil, wire.Refuse(wire.CodeTooLarge, ""))
		return
	}
	head, err := wire.ParseHead(r.Header)
	if err != nil {
		refusal, _ := err.(*wire.Refusal)
		d.refuse(w, nil, refusal)
		return
	}
	request := wire.AppendRequestText(nil, nationalGateway(d.id), r.Method, r.RequestURI, &head, sm.Sum(body))
	if refusal := d.admit(&head, request); refusal != nil {
		d.refuse(w, nil, refusal)
		return
	}
	var ask standard.Request
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/v1/verifications":
		d.refuse(w, request, wire.Refuse(wire.CodeRoute, ""))
	case !d.fresh(head.Nonce):
		d.refuse(w, request, wire.Refuse(wire.CodeReplay, ""))
	case mediaType(r) != jsonType:
		d.refuse(w, request, wire.Refuse(wire.CodeMedia, ""))
	case json.Unmarshal(body, &ask, json.RejectUnknownMembers(true)) != nil:
		d.refuse(w, request, wire.Refuse(wire.CodeSyntax, ""))
	case ask.System != "" && ask.System != d.id:
		d.refuse(w, request, wire.Refuse(wire.CodeSystem, ""))
	case (ask.Scan == "") == (ask.Document == nil):
		d.refuse(w, request, wire.Refuse(wire.CodeSubject, ""))
	default:
		d.sign(w, request, http.StatusOK, wire.Envelope{Code: wire.CodeOK.Code, Message: wire.CodeOK.Zh, Data: d.verify(&ask), RequestID: nationalRequestID})
	}
}

// admit says why a request is not the one known caller's, in time and signed.
func (d *docked) admit(h *wire.Head, request []byte) *wire.Refusal {
	_, caller := nationalKeys()
	now := d.now()
	switch {
	case h.Rid != nationalRid || h.Key != nationalRidKey:
		return wire.Refuse(wire.CodeCaller, "")
	case h.Time.Sub(now).Abs() > wire.Skew:
		return &wire.Refusal{Code: wire.CodeTime, Data: &wire.Clock{ServerTime: now.UnixMilli()}}
	case h.SignType != wire.SM2:
		return wire.Refuse(wire.CodeSignType, "")
	case !caller.Public().Verify(request, h.Sign):
		return wire.Refuse(wire.CodeSignature, "")
	}
	return nil
}

// maxNonces bounds what a platform remembers. A toy may forget early.
const maxNonces = 1 << 16

// fresh says whether a nonce has not been seen, and remembers it.
func (d *docked) fresh(nonce string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if until, seen := d.nonces[nonce]; seen && now.Before(until) {
		return false
	}
	if len(d.nonces) >= maxNonces {
		clear(d.nonces)
	}
	d.nonces[nonce] = now.Add(wire.NonceLife)
	return true
}

// refuse answers with a refusal: signed, if the request's text is known to be the caller's.
func (d *docked) refuse(w http.ResponseWriter, request []byte, r *wire.Refusal) {
	if request == nil {
		writeJSON(w, r.Code.Status, envelopeOf(r))
		return
	}
	d.sign(w, request, r.Code.Status, envelopeOf(r))
}

// sign answers and signs the answer over the request.
func (d *docked) sign(w http.ResponseWriter, request []byte, status int, e wire.Envelope) {
	body, err := json.Marshal(e)
	if err != nil {
		panic(err) // the answers are ours
	}
	platform, _ := nationalKeys()
	head := wire.AnswerHead{Rtime: wire.Rtime(d.now()), Key: nationalKeyID, SignType: wire.SM2}
	head.Sign, err = platform.Sign(wire.AppendAnswerText(nil, nationalGateway(d.id), status, sm.Sum(request), head.Rtime, sm.Sum(body)))
	if err != nil {
		panic(err) // it is a key
	}
	head.Put(w.Header())
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	w.Write(body)
}

// nationalAnswer is the data of an answer, as far as it goes to an officer.
type nationalAnswer struct {
	Outcome   standard.Outcome  `json:"outcome"`
	Reason    map[string]any    `json:"reason,omitempty"`
	Status    standard.Status   `json:"status,omitempty"`
	Colour    standard.Colour   `json:"colour,omitempty"`
	System    map[string]string `json:"system"`
	Holder    map[string]string `json:"holder,omitempty"`
	Health    map[string]any    `json:"health,omitempty"`
	Freshness map[string]any    `json:"freshness,omitempty"`
}

// verify says what becomes of a request.
func (d *docked) verify(ask *standard.Request) nationalAnswer {
	answer := nationalAnswer{System: map[string]string{"id": d.id, "name": d.region.name, "region": d.region.code, "provenance": "synthetic"}}
	p, outcome := d.find(ask)
	if answer.Outcome = outcome; outcome != standard.Verified {
		answer.Reason = map[string]any{"code": "synthetic", "zh": "虚构", "en": "synthetic"}
		return answer
	}
	c := d.paint(p.codes[0].colour)
	answer.Status = statuses[c]
	answer.Colour = answer.Status.Colour()
	answer.System["colour"] = string(c)
	if c == odd {
		answer.System["colour"] = "violet"
	}
	now := d.now()
	answer.Holder = map[string]string{"name": standard.MaskName(p.name), "idType": d.idType, "idNumber": standard.MaskIDNumber(p.number)}
	answer.Health = map[string]any{"nucleic": map[string]any{"result": "negative", "sampledAt": now.Add(-20 * time.Hour).Format(time.RFC3339)}}
	answer.Freshness = map[string]any{"from": "live", "observedAt": now.Format(time.RFC3339Nano), "ageMs": 0}
	return answer
}

// find gives the person who is asked about, or what becomes of the question.
func (d *docked) find(ask *standard.Request) (*person, standard.Outcome) {
	if doc := ask.Document; doc != nil {
		p := d.known[doc.Number]
		if p == nil || p.name != doc.Name || doc.Type != d.idType {
			return nil, standard.NotFound
		}
		return p, outcomes[p.fate]
	}
	p, refusal := d.open(ask.Scan)
	switch refusal {
	case "":
		return p, outcomes[p.fate]
	case codeExpired:
		return nil, standard.Expired
	}
	return nil, standard.Unrecognised
}

// open gives the holder of a scan, or the synthetic code of the refusal.
func (d *docked) open(scan string) (*person, string) {
	code, ok := strings.CutPrefix(scan, nationalPrefix(d.id))
	if !ok {
		return nil, codeForeign
	}
	if !d.region.running {
		return d.checkDayCode(code)
	}
	const digits = 32
	if len(code) != digits+13 {
		return nil, codeForeign
	}
	ms, err := strconv.ParseInt(code[digits:], 10, 64)
	if err != nil {
		return nil, codeForeign
	}
	p, refusal := d.checkDayCode(code[:digits])
	if age := d.now().Sub(time.UnixMilli(ms)); refusal == "" && (age > nationalCodeLife+nationalSlack || age < -nationalSlack) {
		return nil, codeExpired
	}
	return p, refusal
}
