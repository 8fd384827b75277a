package sandbox

import (
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Guokang is 国康码, the national code, as a reseller's module at a gate asks about it.
const Guokang = "guokang"

// guokang is the gate interface of a reseller for 防疫健康信息码 (facts/dialects.md 1.2, reseller A): one call, JSON inside a string, and
// numbers for all that can go wrong.
type guokang struct {
	*backend
	mux *http.ServeMux

	mu     sync.Mutex
	putOff map[int]bool // holders for whom the last answer was to ask again
}

// guokangPrefix begins a code: what really stands in it is not public.
const guokangPrefix = "SYNTHETIC-GKM:"

// red1 is red in its other spelling.
const red1 colour = "red1"

var (
	guokangTypes   = map[colour]string{green: "0", red: "10", red1: "1", odd: "2"}
	guokangNumbers = map[colour]int{green: 0, red: 10, red1: 1, odd: 2}
)

var guokangCast = []trait{
	{note: "green code", codes: one(green)},
	{note: "red code, written 10", codes: one(red)},
	{note: "red code, written 1", codes: one(red1)},
	{note: "a type that is in no table", codes: one(odd)},
	{note: "green code, the type is a number", codes: one(green), quirks: intCode},
	{note: "green code, the first reply says: try again", codes: one(green), quirks: emptyOnce},
	{note: "a code two days old", codes: one(green), fate: lapsed},
	{note: "a code that looks fresh and has been replaced", codes: one(green), fate: replaced},
	{note: "the platform behind is busy", codes: one(green), fate: degraded},
	{note: "the platform behind is under maintenance", codes: one(red), fate: degraded},
	{note: "the answer of the platform behind cannot be read", codes: one(odd), fate: degraded},
	{note: "a code that only looks like one of the system's", codes: one(green), fate: alien},
}

func newGuokang(b *backend) *guokang {
	d := &guokang{backend: b, mux: http.NewServeMux(), putOff: map[int]bool{}}
	d.mux.HandleFunc("POST /healthCode/verification", d.verify)
	return d
}

func (d *guokang) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

func (d *guokang) scan(p *person, now time.Time, serial uint32) string {
	return guokangPrefix + d.dayCode(p, now, serial)
}

// The codes of the envelope.
const (
	guokangGood        = 10000
	guokangSign        = 10006
	guokangDevice      = 40000
	guokangAuth        = 40001
	guokangBusy        = 40006
	guokangExpired     = 40007 // expired, or invalid
	guokangUnread      = 40008
	guokangAgain       = 40017
	guokangMaintenance = 40019
)

var guokangTexts = map[int]string{
	guokangGood:        "ok",
	guokangSign:        "签名错误",
	guokangDevice:      "设备未授权",
	guokangAuth:        "授权码错误",
	guokangBusy:        "第三方繁忙",
	guokangExpired:     "二维码已过期或无效",
	guokangUnread:      "结果解析失败",
	guokangAgain:       "请重试",
	guokangMaintenance: "系统维护中",
}

// guokangTroubles says what the platform behind does for those for whom it is in trouble.
var guokangTroubles = map[colour]int{green: guokangBusy, red: guokangMaintenance, odd: guokangUnread}

// guokangReply is the envelope. Data is JSON inside a string.
type guokangReply struct {
	Code any    `json:"code"`
	Msg  string `json:"msg"`
	Data string `json:"data"`
}

func (d *guokang) refuse(w http.ResponseWriter, code int) {
	writeJSON(w, http.StatusOK, guokangReply{Code: code, Msg: guokangTexts[code]})
}

// refuseOurs refuses with a code that is ours.
func (d *guokang) refuseOurs(w http.ResponseWriter, code string) {
	writeJSON(w, http.StatusOK, guokangReply{Code: code, Msg: codeTexts[code]})
}

func (d *guokang) bad(w http.ResponseWriter) { d.refuseOurs(w, codeBad) }

func (d *guokang) busy(w http.ResponseWriter, _ *http.Request) { d.refuse(w, guokangBusy) }

// guokangAsk is what a device sends. All of it is text.
type guokangAsk struct {
	DevValue          string `json:"devValue"`
	DevSign           string `json:"devSign"`
	SN                string `json:"sn"`
	CurrentBodyTemp   string `json:"currentBodyTemp"`
	AuthorizationCode string `json:"authorizationCode"`
	StrCompanyAddress string `json:"strCompanyAddress"`
	Nonce             string `json:"nonce"`
	Sign              string `json:"sign"`
	Source            string `json:"source"`
}

// sign is ours: how a device signs is not public.
func (a guokangAsk) sign() string {
	sum := md5.Sum([]byte(a.DevValue + a.SN + a.AuthorizationCode + a.Nonce))
	return hex.EncodeToString(sum[:])
}

// guokangTold is what stands in the string.
type guokangTold struct {
	QRCodeType any    `json:"qrCodeType"`
	Name       string `json:"name"`
	IDCard     string `json:"idCard"`
}

func (d *guokang) verify(w http.ResponseWriter, r *http.Request) {
	var ask guokangAsk
	if !readJSON(w, r, &ask, d.bad) {
		return
	}
	want := credentials[Guokang]
	switch {
	case ask.DevValue == "" || ask.DevSign != "1" || ask.Nonce == "" || ask.Source != "1":
		d.bad(w)
	case !same(ask.SN, want["sn"]):
		d.refuse(w, guokangDevice)
	case !same(ask.AuthorizationCode, want["authorizationCode"]):
		d.refuse(w, guokangAuth)
	case !same(ask.Sign, ask.sign()):
		d.refuse(w, guokangSign)
	default:
		d.tell(w, ask.DevValue)
	}
}

func (d *guokang) tell(w http.ResponseWriter, scan string) {
	code, ok := strings.CutPrefix(scan, guokangPrefix)
	p, refusal := d.checkDayCode(code)
	switch {
	case !ok, refusal == codeForeign:
		d.refuseOurs(w, codeForeign)
		return
	case refusal != "":
		d.refuse(w, guokangExpired)
		return
	case p.fate == degraded:
		d.refuse(w, guokangTroubles[p.codes[0].colour])
		return
	case d.again(p):
		d.refuse(w, guokangAgain)
		return
	}
	c := d.paint(p.codes[0].colour)
	told := guokangTold{guokangTypes[c], maskAfterFirst(p.name), maskMiddle(p.number, 1, 1)}
	if p.has(intCode) {
		told.QRCodeType = guokangNumbers[c]
	}
	writeJSON(w, http.StatusOK, guokangReply{guokangGood, guokangTexts[guokangGood], text(told)})
}

// again says whether p's answer is one of those to ask again, which alternate with good ones.
func (d *guokang) again(p *person) bool {
	if !p.has(emptyOnce) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.putOff[p.no] = !d.putOff[p.no]
	return d.putOff[p.no]
}
