package sandbox

import (
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// sukang is 苏康码 of Jiangsu (facts/dialects.md 3.3): a form with the whole scan and who verifies it, and an envelope whose
// code and content each have two forms.
type sukang struct {
	*backend
	mux *http.ServeMux
}

// The codes of the envelope. Which of 116 and 118 is for what is ours.
const (
	sukangOK         = "0"
	sukangOther      = "1"
	sukangExpired    = "111"
	sukangForeign    = "112"
	sukangToken      = "116" // no permission: the token is wrong
	sukangSource     = "118" // no permission: the source is wrong
	sukangIncomplete = "119" // the holder must bring their particulars up to date first
)

var sukangTexts = map[string]string{
	sukangOK:         "OK",
	sukangOther:      codeTexts[codeBad],
	sukangExpired:    "二维码已过期",
	sukangForeign:    "非苏康码",
	sukangToken:      "无权限",
	sukangSource:     "无权限",
	sukangIncomplete: "请先更新个人信息",
}

// sukangLevels is ours.
var sukangLevels = map[colour]string{green: "绿码", yellow: "黄码", red: "红码", odd: "蓝码"}

func newSukang(b *backend) *sukang {
	d := &sukang{backend: b, mux: http.NewServeMux()}
	d.mux.HandleFunc("POST /jkm/thirdparty/parse", d.parse)
	return d
}

func (d *sukang) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

func (d *sukang) scan(p *person, now time.Time, serial uint32) string {
	query := "qrCode=" + d.dayCode(p, now, serial)
	if p.has(moreParams) {
		query = "cityNo=320100&" + query + "&v=2"
	}
	return "https://" + sukangHost + sukangPage + "?" + query
}

// Where a scan points to.
const (
	sukangHost = "jsstm.jszwfw.gov.cn"
	sukangPage = "/jkmIndex.html"
)

func (d *sukang) busy(w http.ResponseWriter, _ *http.Request) {
	tooMany(w, sukangReply{sukangOther, "", codeTexts[codeDegraded]})
}

// sukangReply is the envelope. The code is text or a number, the content an object or its JSON text.
type sukangReply struct {
	ResCode    any    `json:"resCode"`
	Res        any    `json:"res"`
	ResMessage string `json:"resMessage"`
}

// refuse answers with a code, as a number if it stands in one for p. p is nil if the holder is not known.
func (d *sukang) refuse(w http.ResponseWriter, p *person, code string) {
	writeJSON(w, http.StatusOK, sukangReply{p.resCode(code), "", sukangTexts[code]})
}

func (p *person) resCode(code string) any {
	if p == nil || !p.has(intCode) {
		return code
	}
	n, err := strconv.Atoi(code)
	if err != nil {
		panic(err) // the codes of this envelope are digits
	}
	return n
}

const formType = "application/x-www-form-urlencoded"

func (d *sukang) parse(w http.ResponseWriter, r *http.Request) {
	if mediaType(r) != formType {
		http.Error(w, "the content type must be "+formType, http.StatusUnsupportedMediaType)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form is too large or malformed", http.StatusBadRequest)
		return
	}
	if code := d.checkCaller(r.PostForm); code != sukangOK {
		d.refuse(w, nil, code)
		return
	}
	d.answer(w, r.PostForm.Get("url"))
}

// checkCaller says what the system thinks of who calls and who verifies.
func (d *sukang) checkCaller(form url.Values) string {
	want := credentials[Sukang]
	switch {
	case !same(form.Get("token"), want["token"]):
		return sukangToken
	case !same(form.Get("source"), want["source"]):
		return sukangSource
	}
	for _, name := range []string{"url", "position", "verifierDept", "verifierName", "verifierPhone"} {
		if form.Get(name) == "" {
			return sukangOther
		}
	}
	return sukangOK
}

func (d *sukang) answer(w http.ResponseWriter, scan string) {
	code := sukangCode(scan)
	shown, _ := d.holder(code)
	p, refusal := d.checkDayCode(code)
	switch {
	case refusal == codeForeign:
		d.refuse(w, nil, sukangForeign)
	case refusal == codeExpired:
		d.refuse(w, shown, sukangExpired)
	case p.fate == declined:
		d.refuse(w, p, sukangIncomplete)
	default:
		writeJSON(w, http.StatusOK, sukangReply{p.resCode(sukangOK), d.told(p), sukangTexts[sukangOK]})
	}
}

// sukangCode takes the code out of a scan, "" if it is none of this system's. What stands beside it does not matter.
func sukangCode(scan string) string {
	u, err := url.Parse(scan)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Host != sukangHost || u.Path != sukangPage {
		return ""
	}
	codes := u.Query()["qrCode"]
	if len(codes) != 1 {
		return ""
	}
	return codes[0]
}

// sukangHolder is what is told of a holder. The tests are there for every other person.
type sukangHolder struct {
	Name        string      `json:"name"`
	Phone       string      `json:"phone"`
	IDCardNo    string      `json:"idcardNo"`
	Level       string      `json:"level"`
	CurrentTime string      `json:"currentTime,omitempty"`
	KT          *sukangPart `json:"kt,omitempty"` // antibodies
	HS          *sukangPart `json:"hs,omitempty"` // nucleic acid
}

// sukangPart wraps what another service says.
type sukangPart struct {
	Msg    string `json:"msg"`
	Data   any    `json:"data"`
	Status string `json:"status"`
}

// sukangTest is a nucleic-acid test.
type sukangTest struct {
	HSJCSJ   string `json:"hsjcsj"`
	HSJCJGMC string `json:"hsjcjgmc"`
	HSJCJG   string `json:"hsjcjg"`
}

// told is what is told of p: JSON inside a string, unless p's answers are odd.
func (d *sukang) told(p *person) any {
	h := sukangHolder{Name: p.name, Phone: p.phone, IDCardNo: p.number, Level: sukangLevels[d.paint(p.codes[0].colour)]}
	if p.no%2 == 0 {
		h.CurrentTime = d.now().Format(time.DateTime)
		h.KT = &sukangPart{"SYNTHETIC 查无记录", nil, "1"}
		h.HS = &sukangPart{"查询成功", sukangTest{sometime(d.now(), 1), laboratory, p.nucleicResult()}, "0"}
	}
	if p.has(bareDatas) {
		return h
	}
	return text(h)
}
