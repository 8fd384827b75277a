package sandbox

import (
	"net/http"
	"time"
)

// suikang is 穗康码 of Guangzhou (facts/dialects.md 2.1, 2.2): the TIF gateway in front, a call for the colour and another for
// the holder.
type suikang struct {
	*backend
	mux *http.ServeMux
}

var suikangColours = map[colour]string{green: "green", yellow: "yellow", red: "red", odd: "blue"}

func newSuikang(b *backend) *suikang {
	d := &suikang{backend: b, mux: http.NewServeMux()}
	d.mux.HandleFunc("POST /ebus/wyj/healthy-thirdapi/qrc-code-status/{codeId}", d.behindTIF(d.status))
	const info = " /ebus/wyj/prominent-citizens/v1/api/thirtparty/qrccode/infobycode/{codeId}" // thirtparty: the real spelling
	d.mux.HandleFunc("GET"+info, d.behindTIF(d.info))
	d.mux.HandleFunc("POST"+info, d.behindTIF(d.info))
	return d
}

func (d *suikang) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

func (d *suikang) scan(p *person, now time.Time, serial uint32) string {
	return `{"codeId":"` + d.dayCode(p, now, serial) + `"}`
}

func (d *suikang) busy(w http.ResponseWriter, _ *http.Request) {
	tooMany(w, suikangReply{Code: codeDegraded, Msg: codeTexts[codeDegraded]})
}

// suikangReply is the envelope. That of the TIF filter is known, that of the service behind it is ours.
type suikangReply struct {
	Code any    `json:"code"`
	Msg  string `json:"msg"`
	Data any    `json:"data,omitempty"`
}

// suikangStatus is what is told of a code.
type suikangStatus struct {
	CodeID string `json:"codeId"`
	Color  string `json:"color,omitempty"`
}

// status gives the colour, if the caller asks for it.
func (d *suikang) status(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	p, refusal := d.find(r)
	if refusal != "" {
		writeJSON(w, http.StatusOK, suikangReply{Code: refusal, Msg: codeTexts[refusal]})
		return
	}
	data := suikangStatus{CodeID: r.PathValue("codeId")}
	if r.FormValue("color") == "true" {
		data.Color = suikangColours[d.paint(p.codes[0].colour)]
	}
	writeJSON(w, http.StatusOK, suikangReply{Code: 0, Msg: "成功", Data: data})
}

// suikangHolder is what is told of the holder; the colour is not part of it.
type suikangHolder struct {
	CodeID   string `json:"codeId"`
	Name     string `json:"name"`
	IDNumber string `json:"idNumber"`
	Phone    string `json:"phone"`
}

func (d *suikang) info(w http.ResponseWriter, r *http.Request) {
	p, refusal := d.find(r)
	if refusal != "" {
		writeJSON(w, http.StatusOK, suikangReply{Code: refusal, Msg: codeTexts[refusal]})
		return
	}
	writeJSON(w, http.StatusOK, suikangReply{Code: 0, Msg: "成功", Data: suikangHolder{r.PathValue("codeId"), p.name, p.number, p.phone}})
}

// find gives whose code the path names, or the code of the refusal.
func (d *suikang) find(r *http.Request) (*person, string) {
	p, refusal := d.checkDayCode(r.PathValue("codeId"))
	switch {
	case refusal != "":
		return nil, refusal
	case p.fate == gone:
		return nil, codeNoHolder
	case p.fate == declined:
		return nil, codeDeclined
	}
	return p, ""
}
