package sandbox

import (
	"net/http"
	"strings"
	"time"
)

// Systems that are deployments of Tencent's health-code product.
const (
	Sichuan = "sichuan" // 天府健康通
	Fujian  = "fujian"  // 八闽健康码
)

// tencent is Tencent's health-code product (facts/dialects.md 2.6): one envelope, a health_info in snake case. Sichuan has it without a
// gateway in front, Fujian behind TIF.
type tencent struct {
	*backend
	mux    *http.ServeMux
	prefix string            // begins a code: what really stands in it is not public
	grades map[colour]string // risk_assessment_grade
}

// Only 00 is known. What stands for the others in Sichuan is in no table of anybody's; in Fujian it is ours.
var (
	sichuanGrades = map[colour]string{green: "00", odd: "SYNTHETIC-02"}
	fujianGrades  = map[colour]string{green: "00", yellow: "01", red: "10", odd: "SYNTHETIC-02"}
)

var sichuanCast = []trait{
	{note: "green code", codes: one(green)},
	{note: "a grade that is in no table: only 00 is known", codes: one(odd)},
	{note: "green code, reply with a number for its code", codes: one(green), quirks: intCode},
	{note: "green code, no nucleic-acid test", codes: one(green), quirks: untested},
	{note: "grade 00 and a declaration that has run out: no status", codes: one(stale)},
	{note: "grade 00 in isolation: no status", codes: one(isolated)},
	{note: "a code two days old", codes: one(green), fate: lapsed},
	{note: "a code that looks fresh and has been replaced", codes: one(green), fate: replaced},
	{note: "a code whose holder is no longer on file", codes: one(green), fate: gone},
	{note: "a code that only looks like one of the system's", codes: one(green), fate: alien},
}

var fujianCast = []trait{
	{note: "green code", codes: one(green)},
	{note: "yellow code", codes: one(yellow)},
	{note: "red code", codes: one(red)},
	{note: "a grade that is in no table", codes: one(odd)},
	{note: "green code, reply with a number for its code", codes: one(green), quirks: intCode},
	{note: "a code two days old", codes: one(green), fate: lapsed},
	{note: "a code that looks fresh and has been replaced", codes: one(green), fate: replaced},
	{note: "a code whose holder is no longer on file", codes: one(green), fate: gone},
	{note: "a code that only looks like one of the system's", codes: one(green), fate: alien},
}

// What takes a 00 its green.
const (
	stale    colour = "stale"    // the declaration has run out
	isolated colour = "isolated" // the holder is in isolation
)

func newSichuan(b *backend) *tencent {
	d := &tencent{backend: b, mux: http.NewServeMux(), prefix: "SYNTHETIC-TFT:", grades: sichuanGrades}
	d.mux.HandleFunc("POST /papi/t/tphealthqrcode", d.health)
	d.mux.HandleFunc("POST /papi/t/tpgethsjcfromsichuan", d.nucleic)
	return d
}

func newFujian(b *backend) *tencent {
	d := &tencent{backend: b, mux: http.NewServeMux(), prefix: "SYNTHETIC-BMM:", grades: fujianGrades}
	d.mux.HandleFunc("POST /ebus/jkm/healthcode-scanqr/healthcodescanqr/openapi/gatecheck/healthinfo", d.behindTIF(d.health))
	return d
}

func (d *tencent) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

func (d *tencent) scan(p *person, now time.Time, serial uint32) string {
	return d.prefix + d.dayCode(p, now, serial)
}

// tencentReply is the envelope.
type tencentReply struct {
	ErrCode   any    `json:"errcode"`
	ErrMsg    string `json:"errmsg"`
	RequestID any    `json:"requestId"` // a UUID, null or ""
	Data      any    `json:"data,omitzero"`
}

func (d *tencent) refuse(w http.ResponseWriter, code string) {
	writeJSON(w, http.StatusOK, tencentReply{ErrCode: code, ErrMsg: codeTexts[code]})
}

func (d *tencent) bad(w http.ResponseWriter) { d.refuse(w, codeBad) }

func (d *tencent) busy(w http.ResponseWriter, _ *http.Request) {
	tooMany(w, tencentReply{ErrCode: codeDegraded, ErrMsg: codeTexts[codeDegraded]})
}

// tell answers about p; for some the code is a number.
func (d *tencent) tell(w http.ResponseWriter, p *person, data any) {
	reply := tencentReply{ErrCode: "0", ErrMsg: "SUCCESS", RequestID: "", Data: data}
	if p.has(intCode) {
		reply.ErrCode, reply.RequestID = 0, nil
	}
	writeJSON(w, http.StatusOK, reply)
}

// holderOf gives whose code a call is about. If there is nobody it has answered.
func (d *tencent) holderOf(w http.ResponseWriter, r *http.Request) (*person, string) {
	var ask struct {
		QRCode string `json:"qr_code"`
	}
	if !readJSON(w, r, &ask, d.bad) {
		return nil, ""
	}
	code, ok := strings.CutPrefix(ask.QRCode, d.prefix)
	p, refusal := d.checkDayCode(code)
	switch {
	case !ok:
		d.refuse(w, codeForeign)
	case refusal != "":
		d.refuse(w, refusal)
	case p.fate == gone:
		d.refuse(w, codeNoHolder)
	default:
		return p, ask.QRCode
	}
	return nil, ""
}

// tencentHealth is what is told of a holder: the members that are known, and qr_code, which is ours.
type tencentHealth struct {
	QRCode              string   `json:"qr_code"`
	CIDType             string   `json:"cid_type"`
	CID                 string   `json:"cid"`
	Name                string   `json:"name"`
	Phone               string   `json:"phone"`
	Gender              string   `json:"gender"`
	RiskAssessmentGrade string   `json:"risk_assessment_grade"`
	Reason              string   `json:"reason"`
	ReportDate          string   `json:"report_date"`
	ReportExpired       bool     `json:"report_expired"`
	IsVisitedOverseas   string   `json:"is_visited_overseas"`
	IsContacted         string   `json:"is_contacted"`
	IsIsolation         string   `json:"is_isolation"`
	CurrentStatus       string   `json:"current_status"`
	CurrentSymptom      string   `json:"current_symptom"`
	HighRiskArea        []string `json:"high_risk_area"`
}

func (d *tencent) health(w http.ResponseWriter, r *http.Request) {
	p, code := d.holderOf(w, r)
	if p == nil {
		return
	}
	c := d.paint(p.codes[0].colour)
	told := tencentHealth{
		QRCode: code, CIDType: "10", CID: maskMiddle(p.number, 2, 2), Name: maskFirst(p.name), Phone: maskMiddle(p.phone, 3, 3),
		Gender: "0" + p.sex(), ReportDate: sometime(d.now(), 9), ReportExpired: c == stale,
		IsVisitedOverseas: "0", IsContacted: "0", IsIsolation: "0", CurrentStatus: "04", CurrentSymptom: "01", HighRiskArea: []string{},
	}
	switch c {
	case isolated:
		told.IsIsolation, c = "1", green
	case stale:
		c = green
	}
	told.RiskAssessmentGrade = d.grades[c]
	d.tell(w, p, map[string]any{"health_info": told})
}

// maskFirst stars the first character of a name.
func maskFirst(name string) string { return "*" + string([]rune(name)[1:]) }

// tencentTest is one test. The result stands there twice, once misspelt.
type tencentTest struct {
	HSCYSJ  string `json:"hscysj"`
	HSJCSJ  string `json:"hsjcsj"`
	HSJCJQ  string `json:"hsjcjq"`
	HSJCJG  string `json:"hsjcjg"`
	HSJCJGM string `json:"hsjcjgmc"`
	InDay7  bool   `json:"inDay7"`
	XM      string `json:"xm"`
	ZJHM    string `json:"zjhm"`
}

// nucleic gives the tests of a holder, the newest first. Those of every other person have a fraction of a second.
func (d *tencent) nucleic(w http.ResponseWriter, r *http.Request) {
	p, _ := d.holderOf(w, r)
	if p == nil {
		return
	}
	tests := []tencentTest{}
	fraction := map[bool]string{true: ".0"}[p.no%2 == 0]
	for _, ago := range []int{2, 9} {
		if p.has(untested) {
			break
		}
		at := sometime(d.now(), ago) + fraction
		tests = append(tests, tencentTest{at, at, p.nucleicResult(), p.nucleicResult(), laboratory, ago < 7, maskFirst(p.name), maskMiddle(p.number, 2, 2)})
	}
	d.tell(w, p, tests)
}
