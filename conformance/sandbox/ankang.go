package sandbox

import (
	"net/http"
	"regexp"
	"strings"
	"time"
)

// ankang is 安康码 of Anhui (facts/dialects.md 3.4): parameters in the fragment of a URL, two envelopes, a time that is eight hours
// ahead, and codes that come from the national service behind it. How the real call is signed is not public: ours is not.
type ankang struct {
	*backend
	mux *http.ServeMux
}

// ankangLevels are known but for what is outside of the table.
var ankangLevels = map[colour]string{green: "1", yellow: "2", red: "3", odd: "9"}

// The messages of the inner envelope. Grey and 未申领 are known to appear as messages; the words are ours.
const (
	ankangExpired   = "二维码已过期"
	ankangUnclaimed = "未申领"
	ankangGrey      = "灰码"
)

// ankangPrefix begins a code, inside the scan.
const ankangPrefix = "akm:qrcode:"

func newAnkang(b *backend) *ankang {
	d := &ankang{backend: b, mux: http.NewServeMux()}
	d.mux.HandleFunc("POST /akm-sj-mgr/gate/check", d.check)
	return d
}

func (d *ankang) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

func (d *ankang) scan(p *person, now time.Time, serial uint32) string {
	return "https://akm.ahzwfw.gov.cn/akm-sj-mgr/index.html#/myAkm?isScan=1&id=" + ankangPrefix + d.dayCode(p, now, serial) + "&cityNo=340000000000"
}

func (d *ankang) busy(w http.ResponseWriter, _ *http.Request) {
	tooMany(w, ankangReply{ErrMsg: codeTexts[codeDegraded]})
}

// ankangReply is the outer envelope. Its message is ours.
type ankangReply struct {
	Flag   bool         `json:"flag"`
	ErrMsg string       `json:"errMsg,omitempty"`
	Data   *ankangInner `json:"data"`
}

// ankangInner is the inner one.
type ankangInner struct {
	Flag   bool          `json:"flag"`
	ErrMsg string        `json:"errMsg"`
	Data   *ankangHolder `json:"data"`
}

// trouble answers that the service cannot say anything.
func (d *ankang) trouble(w http.ResponseWriter, code string) {
	writeJSON(w, http.StatusOK, ankangReply{ErrMsg: codeTexts[code]})
}

func (d *ankang) bad(w http.ResponseWriter) { d.trouble(w, codeBad) }

// refuse answers that there is nothing to tell of a code.
func (d *ankang) refuse(w http.ResponseWriter, message string) {
	writeJSON(w, http.StatusOK, ankangReply{Flag: true, Data: &ankangInner{ErrMsg: message}})
}

var ankangCity = regexp.MustCompile(`^34[0-9]{10}$`)

func (d *ankang) check(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		QRCode       string `json:"qrCode"`
		CityNo       string `json:"cityNo"`
		SiteID       string `json:"siteId"`
		CheckUsrName string `json:"checkUsrName"`
	}
	if !readJSON(w, r, &ask, d.bad) {
		return
	}
	if !same(ask.SiteID, credentials[Ankang]["siteId"]) || !ankangCity.MatchString(ask.CityNo) || ask.CheckUsrName == "" {
		d.bad(w)
		return
	}
	d.answer(w, ask.QRCode)
}

func (d *ankang) answer(w http.ResponseWriter, qrCode string) {
	code, ok := strings.CutPrefix(qrCode, ankangPrefix)
	if !ok {
		d.refuse(w, codeTexts[codeForeign])
		return
	}
	p, refusal := d.checkDayCode(code)
	switch {
	case refusal == codeExpired:
		d.refuse(w, ankangExpired)
	case refusal != "":
		d.refuse(w, codeTexts[refusal])
	case p.fate == gone:
		d.refuse(w, ankangUnclaimed)
	case p.fate == declined:
		d.refuse(w, ankangGrey)
	case p.fate == degraded:
		d.trouble(w, codeDegraded)
	default:
		writeJSON(w, http.StatusOK, ankangReply{Flag: true, Data: &ankangInner{Flag: true, Data: d.told(p)}})
	}
}

// ankangHolder is what is told of a holder. That the reason and the time of the last change stand here is ours: they are known
// of another call.
type ankangHolder struct {
	IDCardNo     string `json:"idCardNo"`
	UserPhone    string `json:"userPhone"`
	HealthLevel  string `json:"healthLevel"`
	Name         string `json:"name"`
	AuthField    string `json:"authField"`
	DataSource   int    `json:"dataSource"`
	ColourReason string `json:"colourReason"`
	ChangeTime   string `json:"changeTime"`
}

// Where the code comes from.
const (
	sourceAnhui    = 1
	sourceNational = 2
)

// ankangAhead is how far the times of this system are ahead of Beijing: its clients take eight hours off.
const ankangAhead = 8 * time.Hour

func (d *ankang) told(p *person) *ankangHolder {
	shown := d.paint(p.codes[0].colour)
	h := &ankangHolder{
		IDCardNo: p.number, UserPhone: p.phone, HealthLevel: ankangLevels[shown], Name: p.name,
		AuthField: "name,idCardNo,userPhone", DataSource: sourceAnhui, ChangeTime: d.changeTime(p),
	}
	if p.has(national) {
		h.DataSource = sourceNational
	}
	if shown == yellow || shown == red {
		h.ColourReason = "SYNTHETIC 虚构原因"
	}
	return h
}

func (d *ankang) changeTime(p *person) string {
	return someday(d.now(), p.codes[0].daysAgo).Add(ankangAhead).Format("20060102150405")
}
