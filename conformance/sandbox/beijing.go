package sandbox

import (
	"net/http"
	"strings"
	"time"
)

// Beijing is 北京健康宝.
const Beijing = "beijing"

// jiankangbao is 北京健康宝 (facts/dialects.md 4.1), whose consumer side alone is public: the TIF gateway, whose clock its client must follow,
// a session that somebody is logged in with, and more states than colours.
type jiankangbao struct {
	*backend
	mux *http.ServeMux
}

// clockAhead is how far the gateway's clock is ahead of everybody's: more than its window, so that who does not ask for it is refused.
const clockAhead = 5 * time.Minute

// jkbPrefix begins a code: the real one is opaque.
const jkbPrefix = "SYNTHETIC-JKB:"

// The states that no other system has.
const (
	games     colour = "games"     // the green of the Winter Olympics
	abnormal  colour = "abnormal"  // the particulars are in disorder
	crossing  colour = "crossing"  // 进京路口
	entering  colour = "entering"  // to be verified, within 14 days of entering Beijing
	entering2 colour = "entering2" // so, in another way
	entering3 colour = "entering3" // so, in a third
	fallback  colour = "fallback"  // the client is to look into a static file
)

var jkbStates = map[colour]string{
	green: "0", yellow: "1", red: "2", odd: "9", games: "30",
	abnormal: "-3", crossing: "4", entering: "-7", entering2: "51", entering3: "41", fallback: "-1",
}

// jkbNumbers are the same as numbers: both are seen.
var jkbNumbers = map[colour]int{
	green: 0, yellow: 1, red: 2, odd: 9, games: 30,
	abnormal: -3, crossing: 4, entering: -7, entering2: 51, entering3: 41, fallback: -1,
}

var beijingCast = []trait{
	{note: "green code", codes: one(green)},
	{note: "yellow code", codes: one(yellow)},
	{note: "red code", codes: one(red)},
	{note: "a status value that is in no table", codes: one(odd)},
	{note: "green code, status as a number", codes: one(green), quirks: intCode},
	{note: "red code, status as a number", codes: one(red), quirks: intCode},
	{note: "the green of the Winter Olympics", codes: one(games)},
	{note: "particulars in disorder (-3)", codes: one(abnormal)},
	{note: "on the way into Beijing (4)", codes: one(crossing)},
	{note: "to be verified after entering Beijing (-7)", codes: one(entering)},
	{note: "to be verified after entering Beijing (51), as a number", codes: one(entering2), quirks: intCode},
	{note: "to be verified after entering Beijing (41)", codes: one(entering3)},
	{note: "the state stands in a static file (-1)", codes: one(fallback)},
	{note: "a code two days old", codes: one(green), fate: lapsed},
	{note: "a code that looks fresh and has been replaced", codes: one(green), fate: replaced},
	{note: "a code whose holder is no longer on file", codes: one(green), fate: gone},
	{note: "the system wants to see a face first", codes: one(green), fate: declined},
	{note: "the system is in trouble", codes: one(green), fate: degraded},
	{note: "a code that only looks like one of the system's", codes: one(green), fate: alien},
}

func newBeijing(b *backend) *jiankangbao {
	d := &jiankangbao{backend: b, mux: http.NewServeMux()}
	d.mux.HandleFunc("GET /auth-server/system/timestamp/", d.timestamp)
	d.mux.HandleFunc("GET /jingxinju/jkb/businessTravel/getHealthCode", d.healthCode)
	return d
}

func (d *jiankangbao) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

func (d *jiankangbao) scan(p *person, now time.Time, serial uint32) string {
	return jkbPrefix + d.dayCode(p, now, serial)
}

// The codes of the envelope.
const (
	jkbGood      = "BIS:10200"
	jkbTrouble   = "BIS:10500"
	jkbNoSession = "BIF:10401" // nobody is logged in
	jkbNoFace    = "BIF:10403" // the face must be shown again
	jkbClock     = "AGW.1433"  // the client's clock is off
	jkbUnsigned  = "AGW.1401"  // ours: headers that are missing or wrong
)

var jkbTexts = map[string]string{
	jkbTrouble:   "服务异常",
	jkbNoSession: "未登录",
	jkbNoFace:    "请重新进行人脸认证",
	jkbClock:     "时间戳超出允许范围",
	jkbUnsigned:  "SYNTHETIC 鉴权失败",
}

// jkbReply is the envelope. Its errmsg is ours.
type jkbReply struct {
	ErrCode string `json:"errcode"`
	ErrMsg  string `json:"errmsg"`
	Data    any    `json:"data,omitempty"`
}

func (d *jiankangbao) refuse(w http.ResponseWriter, code string) {
	msg, known := jkbTexts[code]
	if !known {
		msg = codeTexts[code]
	}
	writeJSON(w, http.StatusOK, jkbReply{ErrCode: code, ErrMsg: msg})
}

func (d *jiankangbao) busy(w http.ResponseWriter, _ *http.Request) {
	tooMany(w, jkbReply{ErrCode: codeDegraded, ErrMsg: codeTexts[codeDegraded]})
}

// clock is what the gateway takes for the time.
func (d *jiankangbao) clock() time.Time { return d.now().Add(clockAhead) }

// timestamp tells the gateway's time, to anybody.
func (d *jiankangbao) timestamp(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, jkbReply{ErrCode: jkbGood, Data: d.clock().UnixMilli()})
}

// jkbHealth is what is told of a code; only encourage, which is the code itself, is a name that is known.
type jkbHealth struct {
	Encourage string `json:"encourage"`
	Status    any    `json:"status"`
	Name      string `json:"name"`
	IDNumber  string `json:"idNumber"`
}

func (d *jiankangbao) healthCode(w http.ResponseWriter, r *http.Request) {
	if code := d.unsigned(r); code != "" {
		d.refuse(w, code)
		return
	}
	code := r.URL.Query().Get("encourage")
	if code == "" {
		d.refuse(w, codeBad)
		return
	}
	p, refusal := d.find(code)
	if refusal != "" {
		d.refuse(w, refusal)
		return
	}
	c := d.paint(p.codes[0].colour)
	told := jkbHealth{code, jkbStates[c], maskAfterFirst(p.name), maskMiddle(p.number, 3, 4)}
	if p.has(intCode) {
		told.Status = jkbNumbers[c]
	}
	writeJSON(w, http.StatusOK, jkbReply{ErrCode: jkbGood, Data: told})
}

// unsigned gives the code of the refusal of a call whose headers are not in order, "" if they are.
func (d *jiankangbao) unsigned(r *http.Request) string {
	want := credentials[Beijing]
	switch checkTIF(r, Beijing, d.clock()) {
	case tifUntimely:
		return jkbClock
	case tifIncomplete, tifWrong:
		return jkbUnsigned
	}
	if !same(r.Header.Get("x-tif-did"), want["did"]) || !same(r.Header.Get("sid"), want["sid"]) {
		return jkbNoSession
	}
	return ""
}

// find gives whose code it is, or the code of the refusal.
func (d *jiankangbao) find(code string) (*person, string) {
	sealed, ok := strings.CutPrefix(code, jkbPrefix)
	if !ok {
		return nil, codeForeign
	}
	p, refusal := d.checkDayCode(sealed)
	switch {
	case refusal != "":
		return nil, refusal
	case p.fate == gone:
		return nil, codeNoHolder
	case p.fate == declined:
		return nil, jkbNoFace
	case p.fate == degraded:
		return nil, jkbTrouble
	}
	return p, ""
}
