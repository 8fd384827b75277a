package sandbox

import (
	"crypto/aes"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Jilin is 吉祥码.
const Jilin = "jilin"

// jilin is 吉祥码 (facts/dialects.md 5.3): a body under a cipher, headers that name the call, four colours.
type jilin struct {
	*backend
	mux *http.ServeMux
}

// jilinPrefix begins a code: what really stands in it is not public.
const jilinPrefix = "SYNTHETIC-JXM:"

// orange is the colour between yellow and red.
const orange colour = "orange"

// The words of the four colours are ours.
var jilinColours = map[colour]string{green: "green", yellow: "yellow", orange: "orange", red: "red", odd: "blue"}

var jilinCast = []trait{
	{note: "green code", codes: one(green)},
	{note: "yellow code", codes: one(yellow)},
	{note: "orange code, which no other system has: no status", codes: one(orange)},
	{note: "red code", codes: one(red)},
	{note: "a colour that is in no table", codes: one(odd)},
	{note: "a code two days old", codes: one(green), fate: lapsed},
	{note: "a code that looks fresh and has been replaced", codes: one(green), fate: replaced},
	{note: "a code whose holder is no longer on file", codes: one(green), fate: gone},
	{note: "a code that only looks like one of the system's", codes: one(green), fate: alien},
}

func newJilin(b *backend) *jilin {
	d := &jilin{backend: b, mux: http.NewServeMux()}
	d.mux.HandleFunc("POST /api/v2/qr-color-search", d.search)
	return d
}

func (d *jilin) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

func (d *jilin) scan(p *person, now time.Time, serial uint32) string {
	return jilinPrefix + d.dayCode(p, now, serial)
}

// jilinReply is the envelope.
type jilinReply struct {
	Code string `json:"code"`
	Msg  string `json:"msg"`
	Data any    `json:"data,omitempty"`
}

func (d *jilin) refuse(w http.ResponseWriter, code string) {
	writeJSON(w, http.StatusOK, jilinReply{Code: code, Msg: codeTexts[code]})
}

func (d *jilin) bad(w http.ResponseWriter) { d.refuse(w, codeBad) }

func (d *jilin) busy(w http.ResponseWriter, _ *http.Request) {
	tooMany(w, jilinReply{Code: codeDegraded, Msg: codeTexts[codeDegraded]})
}

// jilinTold is what is told of a code. The colour and the name are ours.
type jilinTold struct {
	ExpireTime       string `json:"expireTime"`
	ExpireTimeNumber int    `json:"expireTimeNumber"` // seconds
	QRCode           string `json:"qrCode"`
	CertType         string `json:"certType"`
	Color            string `json:"color"`
	Name             string `json:"name"`
}

// jilinAnswerLife is how long an answer says that it holds. It is ours.
const jilinAnswerLife = 10 * time.Minute

func (d *jilin) search(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Encrypt string `json:"encrypt"`
	}
	if !readJSON(w, r, &ask, d.bad) {
		return
	}
	if !d.named(r) {
		d.refuse(w, codeToken)
		return
	}
	scan, ok := jilinOpen(ask.Encrypt)
	if !ok {
		d.bad(w)
		return
	}
	code, ok := strings.CutPrefix(scan, jilinPrefix)
	p, refusal := d.checkDayCode(code)
	switch {
	case !ok:
		d.refuse(w, codeForeign)
	case refusal != "":
		d.refuse(w, refusal)
	case p.fate == gone:
		d.refuse(w, codeNoHolder)
	default:
		writeJSON(w, http.StatusOK, jilinReply{"000000", "成功", jilinTold{
			ExpireTime: d.now().Add(jilinAnswerLife).Format(time.DateTime), ExpireTimeNumber: int(jilinAnswerLife / time.Second),
			QRCode: scan, CertType: "01", Color: jilinColours[d.paint(p.codes[0].colour)], Name: maskAfterFirst(p.name),
		}})
	}
}

// named says whether the headers are those of this call: who asks, and at a time that is near.
func (d *jilin) named(r *http.Request) bool {
	want, h := credentials[Jilin], r.Header
	seconds, err := strconv.ParseInt(h.Get("timestamp"), 10, 64)
	now, window := d.now().Unix(), int64(tifWindow/time.Second)
	return err == nil && now-window <= seconds && seconds <= now+window &&
		same(h.Get("Service-Id"), want["serviceId"]) && same(h.Get("client_source"), want["clientSource"]) &&
		h.Get("interface_id") == "FourColorQRAPP" && h.Get("trace_id") != "" && h.Get("nonce") != ""
}

// jilinOpen gives the code in a body: base64 of AES-ECB with PKCS #7 over {"qrCode":…}. The cipher is ours.
func jilinOpen(encrypt string) (string, bool) {
	raw, err := base64.StdEncoding.Strict().DecodeString(encrypt)
	if err != nil || len(raw) == 0 || len(raw)%aes.BlockSize != 0 {
		return "", false
	}
	block, err := aes.NewCipher([]byte(credentials[Jilin]["key"]))
	if err != nil {
		panic(err) // our own key is one
	}
	for i := 0; i < len(raw); i += aes.BlockSize {
		block.Decrypt(raw[i:], raw[i:])
	}
	pad := int(raw[len(raw)-1])
	if pad == 0 || pad > aes.BlockSize {
		return "", false
	}
	var ask struct {
		QRCode string `json:"qrCode"`
	}
	if json.Unmarshal(raw[:len(raw)-pad], &ask) != nil || ask.QRCode == "" {
		return "", false
	}
	return ask.QRCode, true
}
