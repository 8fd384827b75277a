package sandbox

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"tongma/standard/sm"
)

// yukang is 渝康码 of Chongqing (facts/dialects.md 5.1): a scan that says itself until when it holds, bodies under SM4, and the
// electronic health card as a second scan, which tells its holder but no colour.
type yukang struct {
	*backend
	mux   *http.ServeMux
	cards sealer // makes the ids of health cards
	key   []byte // of SM4
}

// How long a code holds after the time that stands in it, and how far clocks may be off, either way, in seconds. Both are ours.
const (
	yukangCodeLife = 5 * 60
	yukangSlack    = 5
)

// Beside the three colours there are grey, of a report that is out of order, and a pop-up in the colour's place. The words are ours.
var yukangColours = map[colour]string{green: "green", yellow: "yellow", red: "red", odd: "purple", grey: "grey", popup: "popup"}

func newYukang(b *backend, seed string) *yukang {
	key, err := hex.DecodeString(credentials[Yukang]["sm4Key"])
	if err != nil || len(key) != sm.CipherKeySize {
		panic("sandbox: the key of yukang is no SM4 key")
	}
	d := &yukang{backend: b, mux: http.NewServeMux(), cards: newSealer(seed, b.id+" health card"), key: key}
	d.mux.HandleFunc("POST /check-health-by-code-id", d.byCode)
	d.mux.HandleFunc("POST /check-health-by-card-no-v1", d.byNumber)
	d.mux.HandleFunc("GET /appointment-do/getHealthCardInfo/ykm", d.byCard)
	return d
}

func (d *yukang) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

func (d *yukang) scan(p *person, now time.Time, serial uint32) string {
	if p.via == viaCard {
		return fmt.Sprintf("%s:5000A0003%010d", d.cardOf(p), p.no)
	}
	if p.fate == lapsed {
		now = now.Add(-2 * yukangCodeLife * time.Second)
	}
	return text(yukangScan{
		d.issuer(p).seal(p.no, now.Unix(), serial), now.Format(time.DateTime), now.Add(yukangCodeLife * time.Second).Format(time.DateTime), "500000",
	})
}

// yukangScan is the JSON in the code.
type yukangScan struct {
	CodeID         string `json:"codeId"`
	LastReportTime string `json:"lastReportTime"`
	OutTime        string `json:"outTime"`
	Zoning         string `json:"zoning"`
}

// cardOf is the id of p's health card, which never changes.
func (d *yukang) cardOf(p *person) string {
	if p.fate == alien {
		return d.foreign.seal(p.no, 0, 0)
	}
	return d.cards.seal(p.no, 0, 0)
}

func (d *yukang) busy(w http.ResponseWriter, _ *http.Request) {
	tooMany(w, d.encrypted(yukangRefusal{codeDegraded, codeTexts[codeDegraded]}))
}

// yukangBody is the body of every request and every reply.
type yukangBody struct {
	CipherText string `json:"CipherText"`
}

// yukangRefusal is what is encrypted where there is nothing to tell. It is ours.
type yukangRefusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (d *yukang) refuse(w http.ResponseWriter, code string) {
	d.reply(w, yukangRefusal{code, codeTexts[code]})
}

func (d *yukang) bad(w http.ResponseWriter) { d.refuse(w, codeBad) }

func (d *yukang) reply(w http.ResponseWriter, v any) { writeJSON(w, http.StatusOK, d.encrypted(v)) }

func (d *yukang) encrypted(v any) yukangBody { return yukangBody{sm4Text(d.key, text(v))} }

// sm4Text is upper-case hex of plain under SM4-ECB with the padding of PKCS #7.
func sm4Text(key []byte, plain string) string {
	sealed, err := sm.EncryptECB(key, []byte(plain), sm.PKCS7)
	if err != nil {
		panic(err) // the key was measured, and text of any length can be padded
	}
	return strings.ToUpper(hex.EncodeToString(sealed))
}

// sm4Plain is the reverse of sm4Text. It takes upper case only.
func sm4Plain(key []byte, cipherText string) ([]byte, bool) {
	sealed, err := hex.DecodeString(cipherText)
	if err != nil || strings.ToUpper(cipherText) != cipherText {
		return nil, false
	}
	plain, err := sm.DecryptECB(key, sealed, sm.PKCS7)
	return plain, err == nil
}

// decrypt reads JSON from a cipher text into v.
func (d *yukang) decrypt(cipherText string, v any) bool {
	plain, ok := sm4Plain(d.key, cipherText)
	return ok && json.Unmarshal(plain, v) == nil
}

// readBody reads an encrypted body into v. If it cannot, it has answered.
func (d *yukang) readBody(w http.ResponseWriter, r *http.Request, v any) bool {
	var body yukangBody
	if !readJSON(w, r, &body, d.bad) {
		return false
	}
	if !d.decrypt(body.CipherText, v) {
		d.bad(w)
		return false
	}
	return true
}

// byCode gives the colour of who shows a code.
func (d *yukang) byCode(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		CodeID string `json:"codeId"`
	}
	if !d.readBody(w, r, &ask) {
		return
	}
	p, refusal := d.checkCode(ask.CodeID)
	d.tell(w, p, ask.CodeID, refusal)
}

// checkCode gives the holder of a code, or the code of the refusal.
func (d *yukang) checkCode(codeID string) (*person, string) {
	p, made := d.holder(codeID)
	age := d.now().Unix() - made
	switch {
	case p == nil, age < -yukangSlack:
		return nil, codeForeign
	case age > yukangCodeLife+yukangSlack, p.fate == replaced:
		return nil, codeExpired
	case p.fate == gone:
		return nil, codeNoHolder
	}
	return p, ""
}

// byNumber gives the colour of who has a document number.
func (d *yukang) byNumber(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		CardNo string `json:"cardNo"`
	}
	if !d.readBody(w, r, &ask) {
		return
	}
	if ask.CardNo == "" {
		d.bad(w)
		return
	}
	p := d.known[ask.CardNo]
	if p == nil {
		d.refuse(w, codeNoHolder)
		return
	}
	d.tell(w, p, "", "")
}

// yukangHealth is the colour of a holder. That the call which gives the name gives the colour too is ours, and that it repeats the
// code that was asked about.
type yukangHealth struct {
	Code     string `json:"code"`
	CodeID   string `json:"codeId,omitempty"`
	CardNo   string `json:"card_no"`
	Name     string `json:"name"`
	CardType string `json:"card_type"`
	Color    string `json:"color"`
}

// tell answers about p, by the code that they showed if they showed one.
func (d *yukang) tell(w http.ResponseWriter, p *person, codeID, refusal string) {
	if refusal != "" {
		d.refuse(w, refusal)
		return
	}
	d.reply(w, yukangHealth{"0", codeID, p.number, p.name, "1", yukangColours[d.paint(p.codes[0].colour)]})
}

// yukangHolder is what a health card tells.
type yukangHolder struct {
	Name     string `json:"aac003"`
	Sex      string `json:"aac004"`
	Number   string `json:"zjhm"`
	Birthday string `json:"birthday"`
	Phone    string `json:"lxdh"`
	Address  string `json:"dz"`
}

// byCard tells who holds a health card, and no colour.
func (d *yukang) byCard(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		HealthCardID string `json:"healthCardId"`
	}
	if !d.decrypt(r.URL.Query().Get("ciphertext"), &ask) {
		d.bad(w)
		return
	}
	p, _ := d.opened(d.cards, ask.HealthCardID)
	switch {
	case p == nil:
		d.refuse(w, codeForeign)
	case p.fate == gone:
		d.refuse(w, codeNoHolder)
	default:
		n := p.number
		d.reply(w, yukangHolder{p.name, p.sex(), n, n[6:10] + "-" + n[10:12] + "-" + n[12:14], p.phone, "SYNTHETIC 虚构路 1 号"})
	}
}
