package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// suishen is 随申码 of Shanghai (facts/dialects.md 3.2): an access token for a day, headers, JSON inside strings.
type suishen struct {
	*backend
	mux      *http.ServeMux
	tokenKey []byte
}

// Lifetimes in milliseconds.
const (
	suishenCodeLife  = 60_000              // of a code, after the time that stands in it
	suishenSlack     = 5_000               // of the clocks, either way
	suishenTokenLife = 24 * 60 * 60 * 1000 // of an access token
)

var suishenTypes = map[colour]string{green: "00", yellow: "01", red: "10", odd: "20"}

func newSuishen(b *backend, seed string) *suishen {
	key := sha256.Sum256([]byte("suishen access token\n" + seed))
	d := &suishen{backend: b, mux: http.NewServeMux(), tokenKey: key[:]}
	d.mux.HandleFunc("GET /gateway/auth/accesstoken/create", d.createToken)
	d.mux.HandleFunc("POST /gateway/interface-sj-jkmjk/getInfo", d.behindToken(d.byScan))
	d.mux.HandleFunc("POST /gateway/interface-sj-ssmjm/getInfo", d.behindToken(d.byIdentity))
	d.mux.HandleFunc("POST /gateway/interface-gj-xgfy-hsjcsjfwjk/getInfo", d.behindToken(d.nucleic))
	return d
}

func (d *suishen) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

func (d *suishen) scan(p *person, now time.Time, serial uint32) string {
	if p.fate == lapsed {
		now = now.Add(-5 * time.Minute)
	}
	ms := now.UnixMilli()
	return fmt.Sprintf("https://s.sh.gov.cn/%s%013d", d.issuer(p).seal(p.no, floorDiv(ms, suishenCodeLife), serial), ms)
}

func (d *suishen) busy(w http.ResponseWriter, _ *http.Request) { tooMany(w, degradedReply()) }

// suishenReply is the envelope. The code is text in one call and a number in another.
type suishenReply struct {
	Code    any    `json:"code"`
	Data    any    `json:"data"`
	Message string `json:"message"`
}

// suishenDegraded is what stands in its place when the service is degraded.
type suishenDegraded struct {
	ErrCode string `json:"errCode"`
	ErrMsg  string `json:"errMsg"`
}

func degradedReply() suishenDegraded { return suishenDegraded{codeDegraded, codeTexts[codeDegraded]} }

func suishenBad(w http.ResponseWriter) {
	writeJSON(w, http.StatusOK, suishenReply{Code: codeBad, Message: codeTexts[codeBad]})
}

// An access token is its time of issue and a MAC, in hex. Any number of them live side by side.
func (d *suishen) createToken(w http.ResponseWriter, r *http.Request) {
	q, want := r.URL.Query(), credentials[Suishen]
	if !same(q.Get("appId"), want["appId"]) || !same(q.Get("appSecret"), want["appSecret"]) {
		suishenBad(w)
		return
	}
	issued := fmt.Sprintf("%016x", d.now().UnixMilli())
	writeJSON(w, http.StatusOK, map[string]string{"access_token": issued + d.tokenMAC(issued)})
}

func (d *suishen) tokenMAC(issued string) string {
	mac := hmac.New(sha256.New, d.tokenKey)
	mac.Write([]byte(issued))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

func (d *suishen) tokenHolds(token string) bool {
	if len(token) != 48 || !same(token[16:], d.tokenMAC(token[:16])) {
		return false
	}
	issued, err := strconv.ParseInt(token[:16], 16, 64)
	return err == nil && d.now().UnixMilli()-issued < suishenTokenLife
}

// behindToken lets a call through that has a token that lives and the two headers of the gateway.
func (d *suishen) behindToken(call http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !d.tokenHolds(r.Header.Get("access_token")):
			writeJSON(w, http.StatusOK, suishenReply{Code: "GATEWAY0006", Message: "access_token已过期"})
		case r.Header.Get("authoritytype") != "2", r.Header.Get("elementsVersion") != "1.00":
			suishenBad(w)
		default:
			call(w, r)
		}
	}
}

var suishenURL = regexp.MustCompile(`^https://s\.sh\.gov\.cn/([0-9a-f]{32})([0-9]{13})$`)

// suishenPerson is what a scan tells of its holder.
type suishenPerson struct {
	XM    string `json:"xm"`
	Phone string `json:"phone"`
	Type  string `json:"type"`
	ZJHM  string `json:"zjhm"`
	DZZZ  string `json:"dzzz"`
	UUID  string `json:"uuid"`
}

func (d *suishen) byScan(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Data string `json:"data"`
	}
	if !readJSON(w, r, &ask, suishenBad) {
		return
	}
	token, ms, ok := parseSuishen(ask.Data)
	p, minute := d.holder(token)
	if !ok || p == nil || minute != floorDiv(ms, suishenCodeLife) {
		writeJSON(w, http.StatusOK, nil) // not a code of ours: the body is null
		return
	}
	age := d.now().UnixMilli() - ms
	switch {
	case age > suishenCodeLife+suishenSlack, age < -suishenSlack, p.fate == replaced:
		writeJSON(w, http.StatusOK, suishenReply{Code: "1", Data: "", Message: codeTexts[codeExpired]})
	case p.fate == degraded:
		writeJSON(w, http.StatusOK, degradedReply())
	default:
		told := suishenPerson{p.name, maskMiddle(p.phone, 3, 4), suishenTypes[d.paint(p.codes[0].colour)], maskMiddle(p.number, 6, 4), "1", token}
		writeJSON(w, http.StatusOK, suishenReply{Code: p.suishenOK(), Data: text(told)})
	}
}

// parseSuishen takes a scan apart into its token and its time.
func parseSuishen(scan string) (token string, ms int64, ok bool) {
	m := suishenURL.FindStringSubmatch(scan)
	if m == nil {
		return "", 0, false
	}
	ms, err := strconv.ParseInt(m[2], 10, 64)
	return m[1], ms, err == nil
}

func (p *person) suishenOK() any {
	if p.has(intCode) {
		return 0
	}
	return "0"
}

// byIdentity answers for a number and a name. An unknown number and a wrong name have the same answer: nothing.
func (d *suishen) byIdentity(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		XM   string `json:"XM"` // upper case, other than in every other call
		ZJHM string `json:"ZJHM"`
	}
	if !readJSON(w, r, &ask, suishenBad) {
		return
	}
	if ask.XM == "" || ask.ZJHM == "" {
		suishenBad(w)
		return
	}
	type told struct {
		Type string `json:"type"`
	}
	data := []told{}
	p := d.known[ask.ZJHM]
	if p == nil || p.name != ask.XM {
		writeJSON(w, http.StatusOK, suishenReply{Code: "0", Data: data})
		return
	}
	data = append(data, told{suishenTypes[d.paint(p.codes[0].colour)]})
	writeJSON(w, http.StatusOK, suishenReply{Code: p.suishenOK(), Data: data})
}

// suishenTest is a nucleic-acid test of the national service behind this gateway.
type suishenTest struct {
	XM       string `json:"xm"`
	ZJHM     string `json:"zjhm"`
	HSJCJG   string `json:"hsjcjg"`
	HSJCSJ   string `json:"hsjcsj"`
	HSJCJGMC string `json:"hsjcjgmc"`
}

// nucleic passes on the national service: its code is a number outside and text inside.
func (d *suishen) nucleic(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		XM   string `json:"xm"`
		ZJHM string `json:"zjhm"`
	}
	if !readJSON(w, r, &ask, suishenBad) {
		return
	}
	if ask.XM == "" || ask.ZJHM == "" {
		suishenBad(w)
		return
	}
	inner := suishenReply{Code: codeNoHolder, Message: codeTexts[codeNoHolder]}
	if p := d.known[ask.ZJHM]; p != nil && p.name == ask.XM {
		inner = suishenReply{"200", suishenTest{p.name, p.number, p.nucleicResult(), sometime(d.now(), 1), laboratory}, "查询成功！"}
	}
	writeJSON(w, http.StatusOK, suishenReply{Code: 200, Data: text(inner)})
}

// maskMiddle stars all but the first and last characters of an ASCII text.
func maskMiddle(s string, first, last int) string {
	return s[:first] + strings.Repeat("*", len(s)-first-last) + s[len(s)-last:]
}

// same compares secrets.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// laboratory is where everybody's tests were made.
const laboratory = "合成检测机构"

// someday is a moment some days ago, in Beijing.
func someday(now time.Time, daysAgo int) time.Time {
	y, m, d := now.AddDate(0, 0, -daysAgo).Date()
	return time.Date(y, m, d, 16, 17, 41, 0, beijing)
}

// sometime is someday as the dialects write it: no zone.
func sometime(now time.Time, daysAgo int) string { return someday(now, daysAgo).Format(time.DateTime) }
