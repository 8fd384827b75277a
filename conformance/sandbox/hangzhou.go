package sandbox

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// hangzhou is the health code of Hangzhou and all Zhejiang (facts/dialects.md 3.1): two secrets that roll, one address for all
// interfaces, a holder with codes of several cities.
type hangzhou struct {
	*backend
	mux      *http.ServeMux
	secrets  secrets
	requests atomic.Int64 // for requestId

	mu      sync.Mutex
	emptied map[int]bool // holders whose last answer was empty
}

var (
	hangzhouStates = map[colour]string{green: "绿码", yellow: "黄码", red: "红码", odd: "蓝码"}
	hangzhouLevels = map[colour]string{green: "green", yellow: "yellow", red: "red", odd: "blue"}
	hangzhouCities = map[string]string{"杭州市": "330100", "宁波市": "330200", "温州市": "330300", "绍兴市": "330600"}
)

func newHangzhou(b *backend, seed string) *hangzhou {
	d := &hangzhou{backend: b, mux: http.NewServeMux(), secrets: secrets{seed: seed}, emptied: map[int]bool{}}
	d.mux.HandleFunc("POST /gateway/app/refreshTokenByKey.htm", d.refreshByKey)
	d.mux.HandleFunc("POST /gateway/app/refreshTokenBySec.htm", d.refreshBySecret)
	d.mux.HandleFunc("POST /gateway/api/001003001/dataSharing/{interface}", d.dataSharing)
	return d
}

func (d *hangzhou) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

func (d *hangzhou) scan(p *person, now time.Time, serial uint32) string {
	return hangzhouPage("V2" + d.dayCode(p, now, serial))
}

func hangzhouPage(code string) string {
	return "https://h5.dingtalk.com/healthAct/index.html?qrCode=" + code + "#/result"
}

// busy answers that the quota of an interface is used up; secrets can still be renewed.
func (d *hangzhou) busy(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/gateway/app/") {
		d.ServeHTTP(w, r)
		return
	}
	d.refuse(w, overQuota)
}

// The codes of the envelope.
const (
	succeeded   = "00"
	superseded  = "03" // signed with a secret that a later refresh has replaced
	secretEnded = "11"
	signWrong   = "14" // also for an unknown appKey and a time far off
	overQuota   = "18"
)

var hangzhouTexts = map[string]string{
	succeeded:   "成功",
	superseded:  "签名密钥已被刷新",
	secretEnded: "请求密钥已过期",
	signWrong:   "签名错误",
	overQuota:   "超出调用配额",
}

// hangzhouReply is the envelope.
type hangzhouReply struct {
	Code           string `json:"code"`
	Msg            string `json:"msg"`
	Data           string `json:"data"`
	Datas          any    `json:"datas"`
	RequestID      string `json:"requestId"`
	DataCount      int    `json:"dataCount"`
	TotalDataCount int    `json:"totalDataCount"`
	TotalPage      int    `json:"totalPage"`
}

func (d *hangzhou) reply(w http.ResponseWriter, datas any, count int) {
	writeJSON(w, http.StatusOK, hangzhouReply{succeeded, hangzhouTexts[succeeded], "", datas, d.requestID(), count, count, 1})
}

func (d *hangzhou) refuse(w http.ResponseWriter, code string) {
	msg, known := hangzhouTexts[code]
	if !known {
		msg = codeTexts[code]
	}
	writeJSON(w, http.StatusOK, hangzhouReply{Code: code, Msg: msg, Datas: "", RequestID: d.requestID()})
}

func (d *hangzhou) requestID() string { return "r-" + strconv.FormatInt(d.requests.Add(1), 10) }

// hangzhouFields are the fields that any interface of ours takes.
type hangzhouFields struct {
	SFZH       string `json:"sfzh"`
	QRCode     string `json:"qrCode"`
	CityNo     string `json:"cityNo"`
	IDCardNo   string `json:"idcardNo"`
	IDCardType string `json:"idcardType"`
	Phone      string `json:"phone"`
}

// readFields takes the fields from a JSON body, or from a form, a multipart form or the query.
func (d *hangzhou) readFields(w http.ResponseWriter, r *http.Request) (f hangzhouFields, ok bool) {
	if mediaType(r) == jsonType {
		ok = readJSON(w, r, &f, func(w http.ResponseWriter) { d.refuse(w, codeBad) })
		return f, ok
	}
	return hangzhouFields{
		SFZH: r.FormValue("sfzh"), QRCode: r.FormValue("qrCode"), CityNo: r.FormValue("cityNo"),
		IDCardNo: r.FormValue("idcardNo"), IDCardType: r.FormValue("idcardType"), Phone: r.FormValue("phone"),
	}, true
}

// param is one of appKey, sign and requestTime: a header, or else a field.
func param(r *http.Request, name string) string {
	if v := r.Header.Get(name); v != "" || mediaType(r) == jsonType {
		return v
	}
	return r.FormValue(name)
}

// dataSharing is the one address of all interfaces.
func (d *hangzhou) dataSharing(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	want := credentials[Hangzhou]
	calls := map[string]func(http.ResponseWriter, hangzhouFields){
		want["interfaceById"] + ".htm":     d.byID,
		want["interfaceByQr"] + ".htm":     d.byQR,
		want["interfaceRealTime"] + ".htm": d.realTime,
	}
	call, ok := calls[r.PathValue("interface")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if code := d.checkSign(r, d.secrets.request); code != succeeded {
		d.refuse(w, code)
		return
	}
	if fields, ok := d.readFields(w, r); ok {
		call(w, fields)
	}
}

// hangzhouRecord is one code of a holder.
type hangzhouRecord struct {
	SFZH   string `json:"sfzh"`
	XM     string `json:"xm"`
	SJH    string `json:"sjh"`
	MZT    string `json:"mzt"`
	MFFD   string `json:"mffd"`
	ZJGXSJ string `json:"zjgxsj"`
	QRCode string `json:"qrCode,omitempty"` // by QR: the code that was asked about
}

// byID answers for a number, whoever it is: it does not ask for the name. The check character must be upper case.
func (d *hangzhou) byID(w http.ResponseWriter, f hangzhouFields) {
	if f.SFZH == "" || strings.HasSuffix(f.SFZH, "x") {
		d.refuse(w, codeBad)
		return
	}
	d.tell(w, d.known[f.SFZH], "")
}

// byQR is ours: no such interface is public.
func (d *hangzhou) byQR(w http.ResponseWriter, f hangzhouFields) {
	code, ok := strings.CutPrefix(f.QRCode, "V2")
	if !ok {
		d.refuse(w, codeForeign)
		return
	}
	p, refusal := d.checkDayCode(code)
	if refusal != "" {
		d.refuse(w, refusal)
		return
	}
	d.tell(w, p, f.QRCode)
}

// tell gives all codes of a holder, as JSON inside a string unless the holder's answers are odd. Asked about a displayed code it
// repeats that with each.
func (d *hangzhou) tell(w http.ResponseWriter, p *person, displayed string) {
	records := []hangzhouRecord{}
	if p == nil || p.fate == gone {
		d.reply(w, text(records), 0)
		return
	}
	if d.emptyNow(p) {
		d.reply(w, "", 0)
		return
	}
	for _, c := range p.codes {
		records = append(records, hangzhouRecord{p.number, p.name, p.phone, hangzhouStates[d.paint(c.colour)], c.city, sometime(d.now(), c.daysAgo), displayed})
	}
	if p.has(bareDatas) {
		d.reply(w, records, len(records))
		return
	}
	d.reply(w, text(records), len(records))
}

// emptyNow says whether this answer is one of the empty ones, which alternate with good ones.
func (d *hangzhou) emptyNow(p *person) bool {
	if !p.has(emptyOnce) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.emptied[p.no] = !d.emptied[p.no]
	return d.emptied[p.no]
}

// hangzhouLive is the answer of the real-time interface.
type hangzhouLive struct {
	CityNo      string         `json:"cityNo"`
	ExtInfo     struct{}       `json:"extInfo"`
	IDCardNo    string         `json:"idcardNo"`
	IDCardType  string         `json:"idcardType"`
	Level       string         `json:"level"`
	Name        string         `json:"name"`
	Phone       string         `json:"phone"`
	QRCode      string         `json:"qrCode"`
	QRCodeText  string         `json:"qrCodeText"`
	Temperature map[string]any `json:"temperature"`
	ZJGXSJ      string         `json:"zjgxsj"`
}

// hangzhouInner wraps it, inside the string.
type hangzhouInner struct {
	Success  bool   `json:"success"`
	Data     any    `json:"data"`
	ErrorMsg string `json:"errorMsg"`
}

// documentKind is the one type of document that the real-time interface takes.
const documentKind = "IDENTITY_CARD"

// realTime answers for a holder's code of one city.
func (d *hangzhou) realTime(w http.ResponseWriter, f hangzhouFields) {
	if f.IDCardType != documentKind || len(f.CityNo) != 6 || f.IDCardNo == "" || strings.HasSuffix(f.IDCardNo, "x") {
		d.refuse(w, codeBad)
		return
	}
	p := d.known[f.IDCardNo]
	if p != nil {
		for _, c := range p.codes {
			if hangzhouCities[c.city] == f.CityNo {
				d.reply(w, text(hangzhouInner{Success: true, Data: d.live(p, c)}), 1)
				return
			}
		}
	}
	d.reply(w, text(hangzhouInner{Data: "", ErrorMsg: codeTexts[codeNoHolder]}), 0)
}

func (d *hangzhou) live(p *person, c cityCode) hangzhouLive {
	code := "V2" + d.own.seal(p.no, dayOf(d.now()), 0)
	return hangzhouLive{
		CityNo: hangzhouCities[c.city], IDCardNo: p.number, IDCardType: documentKind, Level: hangzhouLevels[d.paint(c.colour)],
		Name: p.name, Phone: p.phone, QRCode: code, QRCodeText: hangzhouPage(code),
		Temperature: map[string]any{"currentHealth": []string{}}, ZJGXSJ: sometime(d.now(), c.daysAgo),
	}
}
