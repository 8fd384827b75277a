package sandbox

import (
	"crypto/aes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Gjgxjhpt is 国家数据共享交换平台, the national platform for sharing data.
const Gjgxjhpt = "gjgxjhpt"

// gjgxjhpt is the platform's signing, which is known, before a health call, which is ours (facts/dialects.md 1.2): a secret that comes
// wrapped under the app key, one address for all services, a header that names the service.
type gjgxjhpt struct {
	*backend
	mux  *http.ServeMux
	seed string

	mu     sync.Mutex
	issued int
	secret string
	end    time.Time
}

// gjgxjhptLife is how long a secret lives. It is ours: the platform tells when it ends, and how long that is is not public.
const gjgxjhptLife = time.Hour

// gjgxjhptPrefix begins a code.
const gjgxjhptPrefix = "SYNTHETIC-GJPT:"

// The words of the national schema: whether the platform has them is not known.
var gjgxjhptStates = map[colour]string{green: "00", yellow: "01", red: "10", odd: "11"}

var gjgxjhptCast = []trait{
	{note: "green code", codes: one(green)},
	{note: "yellow code", codes: one(yellow)},
	{note: "red code", codes: one(red)},
	{note: "a status value that is in no table", codes: one(odd)},
	{note: "green code, reply with a number for its code", codes: one(green), quirks: intCode},
	{note: "a code two days old", codes: one(green), fate: lapsed},
	{note: "a code that looks fresh and has been replaced", codes: one(green), fate: replaced},
	{note: "a code whose holder is no longer on file", codes: one(green), fate: gone},
	{note: "the call of the service behind fails (-1)", codes: one(green), fate: degraded},
	{note: "a code that only looks like one of the system's", codes: one(green), fate: alien},
	{note: "by document, green", codes: one(green), via: viaDocument},
	{note: "by document whose number ends in X, yellow", codes: one(yellow), via: viaDocument, check: "X"},
	{note: "by document, red", codes: one(red), via: viaDocument},
	{note: "by document with a wrong name", codes: one(green), via: viaWrongName},
	{note: "by document that the system does not know", codes: one(green), via: viaDocument, fate: gone},
}

func newGjgxjhpt(b *backend, seed string) *gjgxjhpt {
	d := &gjgxjhpt{backend: b, mux: http.NewServeMux(), seed: seed}
	d.mux.HandleFunc("POST /sysapi/auth/refreshappsecret", d.refresh)
	d.mux.HandleFunc("POST /httpproxy", d.proxy)
	return d
}

func (d *gjgxjhpt) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

func (d *gjgxjhpt) scan(p *person, now time.Time, serial uint32) string {
	return gjgxjhptPrefix + d.dayCode(p, now, serial)
}

// The codes of the platform.
const (
	gjgxjhptFailed   = "-1"
	gjgxjhptUnlisted = "E-106"
)

// gjgxjhptReply is the envelope.
type gjgxjhptReply struct {
	Code    any    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (d *gjgxjhpt) refuse(w http.ResponseWriter, code string) {
	message := codeTexts[code]
	switch code {
	case gjgxjhptFailed:
		message = "接口调用失败"
	case gjgxjhptUnlisted:
		message = "请求方不在授权列表中"
	}
	writeJSON(w, http.StatusOK, gjgxjhptReply{Code: code, Message: message})
}

func (d *gjgxjhpt) bad(w http.ResponseWriter) { d.refuse(w, codeBad) }

func (d *gjgxjhpt) busy(w http.ResponseWriter, _ *http.Request) {
	tooMany(w, gjgxjhptReply{Code: codeDegraded, Message: codeTexts[codeDegraded]})
}

// gjgxjhptSign is the platform's signature: base64 of HMAC-SHA256 over service, requester and time.
func gjgxjhptSign(secret, sid, rid, rtime string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(sid + rid + rtime))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// unsigned gives the code of the refusal of a call to a service whose headers are not in order under a secret, "" if they are.
func (d *gjgxjhpt) unsigned(r *http.Request, secret string) string {
	want, h := credentials[Gjgxjhpt], r.Header
	sid, rid, rtime := h.Get("gjgxjhpt_sid"), h.Get("gjgxjhpt_rid"), h.Get("gjgxjhpt_rtime")
	if !same(rid, want["rid"]) || !same(sid, want["sid"]) {
		return gjgxjhptUnlisted
	}
	ms, err := strconv.ParseInt(rtime, 10, 64)
	now, skew := d.now().UnixMilli(), requestSkew.Milliseconds()
	if err != nil || len(rtime) != 13 || ms < now-skew || ms > now+skew || !same(h.Get("gjgxjhpt_sign"), gjgxjhptSign(secret, sid, rid, rtime)) {
		return codeToken
	}
	return ""
}

// refresh gives a new secret, wrapped under the app key, to who signs with that key. It ends the one before.
func (d *gjgxjhpt) refresh(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		RID   string `json:"gjgxjhpt_rid"`
		SID   string `json:"gjgxjhpt_sid"`
		RTime string `json:"gjgxjhpt_rtime"`
		Sign  string `json:"gjgxjhpt_sign"`
	}
	if !readJSON(w, r, &ask, d.bad) {
		return
	}
	h := r.Header
	if ask.RID != h.Get("gjgxjhpt_rid") || ask.SID != h.Get("gjgxjhpt_sid") || ask.RTime != h.Get("gjgxjhpt_rtime") || ask.Sign != h.Get("gjgxjhpt_sign") {
		d.bad(w)
		return
	}
	appKey := credentials[Gjgxjhpt]["appKey"]
	if code := d.unsigned(r, appKey); code != "" {
		d.refuse(w, code)
		return
	}
	secret, end := d.issue()
	writeJSON(w, http.StatusOK, gjgxjhptReply{"0", "成功", map[string]any{"secret": wrapped(appKey, secret), "secretEndTime": strconv.FormatInt(end.UnixMilli(), 10)}})
}

func (d *gjgxjhpt) issue() (string, time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.issued++
	sum := sha256.Sum256(fmt.Appendf(nil, "gjgxjhpt secret\n%s\n%d\n%d", d.seed, d.issued, d.now().UnixNano()))
	d.secret, d.end = hex.EncodeToString(sum[:16]), d.now().Add(gjgxjhptLife)
	return d.secret, d.end
}

// wrapped is a secret under AES-ECB with PKCS #7 in base64: that it is AES and the app key is known, the rest is ours.
func wrapped(appKey, secret string) string {
	block, err := aes.NewCipher([]byte(appKey))
	if err != nil {
		panic(err) // our own key is one
	}
	pad := aes.BlockSize - len(secret)%aes.BlockSize
	raw := []byte(secret + strings.Repeat(string(rune(pad)), pad))
	for i := 0; i < len(raw); i += aes.BlockSize {
		block.Encrypt(raw[i:], raw[i:])
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// current is the secret that is good at this moment, "" if there is none.
func (d *gjgxjhpt) current() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.now().Before(d.end) {
		return ""
	}
	return d.secret
}

// gjgxjhptTold is what is told of a holder. All of it is ours.
type gjgxjhptTold struct {
	QRCode   string `json:"qrCode,omitempty"` // by code: the one that was asked about
	Status   string `json:"status"`
	Name     string `json:"name"`
	IDNumber string `json:"idNumber"`
}

// proxy is the one address of all services. The only one here is ours.
func (d *gjgxjhpt) proxy(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		QRCode   string `json:"qrCode"`
		Name     string `json:"name"`
		IDNumber string `json:"idNumber"`
	}
	if !readJSON(w, r, &ask, d.bad) {
		return
	}
	secret := d.current()
	if secret == "" {
		d.refuse(w, codeToken)
		return
	}
	if code := d.unsigned(r, secret); code != "" {
		d.refuse(w, code)
		return
	}
	p, refusal := d.find(ask.QRCode, ask.Name, ask.IDNumber)
	if refusal != "" {
		d.refuse(w, refusal)
		return
	}
	reply := gjgxjhptReply{"0", "成功", gjgxjhptTold{ask.QRCode, gjgxjhptStates[d.paint(p.codes[0].colour)], p.name, p.number}}
	if p.has(intCode) {
		reply.Code = 0
	}
	writeJSON(w, http.StatusOK, reply)
}

// find gives who is asked about, by code or else by document, or the code of the refusal.
func (d *gjgxjhpt) find(scan, name, number string) (*person, string) {
	if scan == "" {
		p := d.known[number]
		if p == nil || p.name != name {
			return nil, codeNoHolder
		}
		return p, ""
	}
	code, ok := strings.CutPrefix(scan, gjgxjhptPrefix)
	if !ok {
		return nil, codeForeign
	}
	p, refusal := d.checkDayCode(code)
	switch {
	case refusal != "":
		return nil, refusal
	case p.fate == gone:
		return nil, codeNoHolder
	case p.fate == degraded:
		return nil, gjgxjhptFailed
	}
	return p, ""
}
