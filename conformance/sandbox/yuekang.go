package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// yuekang is 粤康码 of Guangdong, by the gate interface of a reseller (facts/dialects.md 2.1): a token for each device, and answers
// for codes of 深i您 as well.
type yuekang struct {
	*backend
	mux  *http.ServeMux
	seed string

	mu     sync.Mutex
	issued int
	tokens map[string]deviceToken // by device
}

// deviceToken is the one token of a device that is good.
type deviceToken struct {
	value string
	end   time.Time
}

// deviceTokenLife is ours: none is known.
const deviceTokenLife = 2 * time.Hour

// yuekangDevices are the serial numbers that the system knows; the first is the one that [Sandbox.PlaceIDs] tells.
var yuekangDevices = map[string]bool{"SYNTHETIC-SN-0001": true, "SYNTHETIC-SN-0002": true}

// yuekangPrefix begins a scan: what really stands in the code is not public.
const yuekangPrefix = "SYNTHETIC-YKM:"

// The codes of the envelope that are known. They are numbers.
const (
	yuekangUnknownDevice = 1012
	yuekangInvalid       = 2002
	yuekangExpired       = 2003
)

// yuekangColours are words, but for a number that some answers have: which number means what is not public.
var yuekangColours = map[colour]any{green: "green", yellow: "yellow", red: "red", odd: "blue", numbered: 1}

func newYuekang(b *backend, seed string) *yuekang {
	d := &yuekang{backend: b, mux: http.NewServeMux(), seed: seed, tokens: map[string]deviceToken{}}
	d.mux.HandleFunc("POST /api/hc/init", d.init)
	d.mux.HandleFunc("POST /api/hc/parseHealthyCode", d.parse)
	return d
}

func (d *yuekang) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

func (d *yuekang) scan(p *person, now time.Time, serial uint32) string {
	return yuekangPrefix + d.dayCode(p, now, serial)
}

func (d *yuekang) busy(w http.ResponseWriter, _ *http.Request) {
	tooMany(w, yuekangReply{Code: codeDegraded, Msg: codeTexts[codeDegraded]})
}

// yuekangReply is the envelope. Its msg is ours.
type yuekangReply struct {
	Code any    `json:"code"`
	Msg  string `json:"msg"`
	Data any    `json:"data,omitempty"`
}

// refuse answers with one of our codes.
func (d *yuekang) refuse(w http.ResponseWriter, code string) {
	writeJSON(w, http.StatusOK, yuekangReply{Code: code, Msg: codeTexts[code]})
}

func (d *yuekang) bad(w http.ResponseWriter) { d.refuse(w, codeBad) }

// init gives a device a token, which ends the one before.
func (d *yuekang) init(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		EtpID     string `json:"etp_id"`
		SecretKey string `json:"secret_key"`
		SN        string `json:"sn"`
	}
	if !readJSON(w, r, &ask, d.bad) {
		return
	}
	want := credentials[Yuekang]
	switch {
	case !same(ask.EtpID, want["etpId"]), !same(ask.SecretKey, want["secretKey"]):
		d.bad(w)
	case !yuekangDevices[ask.SN]:
		writeJSON(w, http.StatusOK, yuekangReply{Code: yuekangUnknownDevice, Msg: "设备序列号不存在"})
	default:
		writeJSON(w, http.StatusOK, yuekangReply{Code: 0, Msg: "成功", Data: map[string]string{"token": d.issue(ask.SN)}})
	}
}

func (d *yuekang) issue(sn string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	d.issued++
	sum := sha256.Sum256(fmt.Appendf(nil, "yuekang token\n%s\n%d\n%d", d.seed, d.issued, now.UnixNano()))
	t := deviceToken{hex.EncodeToString(sum[:16]), now.Add(deviceTokenLife)}
	d.tokens[sn] = t
	return t.value
}

// tokenHolds says whether token is any device's at this moment.
func (d *yuekang) tokenHolds(token string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	for _, t := range d.tokens {
		if same(t.value, token) {
			return now.Before(t.end)
		}
	}
	return false
}

// parse tells what a code says.
func (d *yuekang) parse(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Token  string `json:"token"`
		QRCode string `json:"qrcode"`
	}
	if !readJSON(w, r, &ask, d.bad) {
		return
	}
	if !d.tokenHolds(ask.Token) {
		d.refuse(w, codeToken)
		return
	}
	p, refusal := d.find(ask.QRCode)
	switch refusal {
	case "":
		writeJSON(w, http.StatusOK, yuekangReply{Code: 0, Msg: "成功", Data: d.told(p)})
	case codeExpired:
		writeJSON(w, http.StatusOK, yuekangReply{Code: yuekangExpired, Msg: "二维码已过期"})
	default:
		writeJSON(w, http.StatusOK, yuekangReply{Code: yuekangInvalid, Msg: "无效二维码"})
	}
}

func (d *yuekang) find(scan string) (*person, string) {
	code, ok := strings.CutPrefix(scan, yuekangPrefix)
	if !ok {
		return nil, codeForeign
	}
	return d.checkDayCode(code)
}

// yuekangTold is what a code says. What does not apply is empty.
type yuekangTold struct {
	Type        int    `json:"type"`
	Name        string `json:"name"`
	IDNumber    string `json:"idNumber"`
	HSDateTime  string `json:"hsDateTime"`
	HSResult    string `json:"hsResult"`
	HSDateFlag  string `json:"hsDateFlag"` // hours, as text
	Vaccine     string `json:"vaccine"`    // doses, as text
	VaccineDate string `json:"vaccineDate"`
	Color       any    `json:"color"`
	ShowTime    string `json:"showTime"`
}

// The types of a code: 2 is 粤康码, and anything else is 深i您.
const (
	typeSheni   = 1
	typeYuekang = 2
)

func (d *yuekang) told(p *person) yuekangTold {
	now := d.now()
	t := yuekangTold{
		Type: typeYuekang, Name: p.name, IDNumber: p.number,
		Color: yuekangColours[d.paint(p.codes[0].colour)], ShowTime: now.Format(time.DateTime),
	}
	if p.has(sheni) {
		t.Type = typeSheni
	}
	if !p.has(untested) {
		hours := 24 * (1 + p.no%3)
		t.HSDateTime = now.Add(-time.Duration(hours-12) * time.Hour).Format(time.DateTime)
		t.HSResult, t.HSDateFlag = p.nucleicResult(), strconv.Itoa(hours)
	}
	doses := 3 - p.no%4
	t.Vaccine = strconv.Itoa(doses)
	if doses > 0 {
		t.VaccineDate = now.AddDate(0, 0, -200).Format(time.DateOnly)
	}
	return t
}
