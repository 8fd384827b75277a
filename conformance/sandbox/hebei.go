package sandbox

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// hebei is 河北健康码 (facts/dialects.md 4.3 and 5.2, standard.md 3.3): one opaque value goes back to the system, JSON inside a string
// comes out, and it may take its time.
type hebei struct {
	*backend
	mux *http.ServeMux
}

// hebeiStates: anything but 00 and 01 is high risk in the original. That high risk is written 10 is read from other systems.
var hebeiStates = map[colour]string{green: "00", yellow: "01", red: "10", odd: "20"}

// What goes with a colour in the answers to the declaration: the symptoms, the risk of the place and contact with a patient. Which
// goes with which is ours.
var (
	hebeiSymptoms = map[colour]string{green: "1", yellow: "2^5", red: "2^3^7", odd: "1"}
	hebeiRisks    = map[colour]string{green: "1", yellow: "2", red: "3", odd: "1"}
	hebeiContacts = map[colour]string{green: "2", yellow: "3", red: "1", odd: "2"}
)

// slowPause is how long the answer for a slow person takes; the real client waits 200 s.
const slowPause = 1500 * time.Millisecond

func newHebei(b *backend) *hebei {
	d := &hebei{backend: b, mux: http.NewServeMux()}
	d.mux.HandleFunc("POST /hbjkm/userHealth/validateInfo", d.validate)
	return d
}

func (d *hebei) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

func (d *hebei) scan(p *person, now time.Time, serial uint32) string {
	return "https://sjzhe.tgovcloud.com/qrcode/traffic/?QR=" + url.QueryEscape(bizExtData(d.dayCode(p, now, serial)))
}

// bizExtData is a day code in base64: what really stands in it is not public.
func bizExtData(code string) string {
	raw, err := hex.DecodeString(code)
	if err != nil {
		panic(err) // codes are hex
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// hebeiCode is the reverse of bizExtData, "" if there is none.
func hebeiCode(data string) string {
	raw, err := base64.StdEncoding.Strict().DecodeString(data)
	if err != nil || strings.ContainsAny(data, "\r\n") { // which the decoder passes over
		return ""
	}
	return hex.EncodeToString(raw)
}

// hebeiBusy is the answer of a system that is asked too much; its client says so for every code but 0. The number is ours.
var hebeiBusy = hebeiReply{ErrCode: 1, ErrMsg: "当前用户过多"}

func (d *hebei) busy(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, hebeiBusy) }

// hebeiReply is the envelope. Its message is ours.
type hebeiReply struct {
	ErrCode any    `json:"errcode"`
	ErrMsg  string `json:"errmsg"`
	Data    any    `json:"data,omitempty"`
}

func (d *hebei) refuse(w http.ResponseWriter, code string) {
	writeJSON(w, http.StatusOK, hebeiReply{ErrCode: code, ErrMsg: codeTexts[code]})
}

func (d *hebei) bad(w http.ResponseWriter) { d.refuse(w, codeBad) }

func (d *hebei) validate(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		BizExtData string `json:"bizExtData"`
	}
	if !readJSON(w, r, &ask, d.bad) {
		return
	}
	if ask.BizExtData == "" {
		d.bad(w)
		return
	}
	p, refusal := d.checkDayCode(hebeiCode(ask.BizExtData))
	switch {
	case refusal != "":
		d.refuse(w, refusal)
	case p.fate == degraded:
		d.busy(w, r)
	default:
		if p.has(slow) {
			pause(r, slowPause)
		}
		writeJSON(w, http.StatusOK, hebeiReply{0, "", d.told(p)})
	}
}

// pause waits, unless the client goes first.
func pause(r *http.Request, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// hebeiTold is what is told of a holder: what the national service says, as JSON inside a string, and what the province adds.
type hebeiTold struct {
	Content     string         `json:"content"`
	HSJC        hebeiNucleic   `json:"hsjc"`
	KTJC        *hebeiAntibody `json:"ktjc,omitempty"`
	XCGJAllList []hebeiTrip    `json:"xcgjAllList"`
	HasWarm     string         `json:"hasWarm"`
	WarnType    string         `json:"warnType"`
	IsRJRY      bool           `json:"isrjry"` // has entered the country
	RJMJ        hebeiCase      `json:"rjmj"`
	WarmMsgs    []string       `json:"warmMsgs"`
	PerProvince []string       `json:"allHealthyReportPerProvinceOne"`
}

type hebeiNucleic struct {
	HSJCJG   string `json:"hsjcjg"`
	HSJCJGMC string `json:"hsjcjgmc"`
	HSJCSJ   string `json:"hsjcsj"`
}

type hebeiAntibody struct {
	KTJCJG   string `json:"ktjcjg"`
	KTJCJGMC string `json:"ktjcjgmc"`
	KTJCSJ   string `json:"ktjcsj"`
}

type hebeiTrip struct {
	Date string `json:"date"`
}

type hebeiCase struct {
	BingLi string `json:"bingli"`
}

// hebeiContent is what stands in the string.
type hebeiContent struct {
	Data hebeiNational `json:"data"`
}

// hebeiNational is the national answer.
type hebeiNational struct {
	Person        hebeiPerson        `json:"person"`
	HealthyReport []hebeiReport      `json:"healthyReport"`
	YQReports     []hebeiDeclaration `json:"yqReports"`
}

type hebeiPerson struct {
	DesensitizeName   string `json:"desensitizeName"`
	DesensitizeCardID string `json:"desensitizeCardId"`
}

type hebeiReport struct {
	HealthyStaus string `json:"healthyStaus"` // the real spelling
}

// hebeiDeclaration is what the holder has declared. All of it is text.
type hebeiDeclaration struct {
	Date               string `json:"date"`
	City               string `json:"city"`
	Phone              string `json:"phone"`
	Temperature        string `json:"temperature"`
	XZQHFXDJ           string `json:"xzqhfxdj"`
	IsGoHubeiWH        string `json:"isGoHubeiWH"`
	IsEpidemicAreaRisk string `json:"isEpidemicAreaRisk"`
	IsContactPatient   string `json:"isContactPatient"`
	Symptom            string `json:"symptom"` // several are joined by ^
}

func (d *hebei) told(p *person) hebeiTold {
	now := d.now()
	t := hebeiTold{
		Content: text(hebeiContent{d.national(p)}),
		HSJC:    hebeiNucleic{p.nucleicResult(), laboratory, sometime(now, 1)},
		HasWarm: "未见异常", IsRJRY: p.has(arrived),
		XCGJAllList: []hebeiTrip{}, WarmMsgs: []string{}, PerProvince: []string{},
	}
	if p.warned() {
		t.HasWarm = "SYNTHETIC 有异常"
	}
	if p.no%2 == 0 {
		t.KTJC = &hebeiAntibody{"阴性", laboratory, sometime(now, 5)}
	}
	for n := range p.no % 3 {
		t.XCGJAllList = append(t.XCGJAllList, hebeiTrip{now.AddDate(0, 0, -2-n).Format(time.DateOnly)})
	}
	return t
}

func (d *hebei) national(p *person) hebeiNational {
	c := p.codes[0]
	return hebeiNational{
		hebeiPerson{maskAfterFirst(p.name), maskMiddle(p.number, 6, 4)},
		[]hebeiReport{{hebeiStates[d.paint(c.colour)]}},
		[]hebeiDeclaration{{
			Date: someday(d.now(), c.daysAgo).Format(time.DateOnly), City: "石家庄市", Phone: p.phone, Temperature: "36.5",
			XZQHFXDJ: hebeiRisks[c.colour], IsGoHubeiWH: "2", IsEpidemicAreaRisk: "2", IsContactPatient: hebeiContacts[c.colour], Symptom: hebeiSymptoms[c.colour],
		}},
	}
}

// maskAfterFirst stars all but the first character of a name.
func maskAfterFirst(name string) string {
	runes := []rune(name)
	return string(runes[:1]) + strings.Repeat("*", len(runes)-1)
}
