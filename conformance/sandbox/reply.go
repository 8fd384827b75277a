package sandbox

import (
	"io"
	"mime"
	"net/http"

	"github.com/go-json-experiment/json"
)

// The codes with which a backend says what is not public how it would say. They look like nothing real, on purpose.
const (
	codeExpired  = "S1" // the code has expired
	codeForeign  = "S2" // not a code of this system
	codeNoHolder = "S3" // no such holder on file
	codeDeclined = "S4" // the system does not answer about this holder
	codeToken    = "S5" // the token is no longer good
	codeDegraded = "S8" // degraded service, or too busy
	codeBad      = "S9" // a request that the interface does not take
)

var codeTexts = map[string]string{
	codeExpired:  "SYNTHETIC 二维码已过期",
	codeForeign:  "SYNTHETIC 非本系统二维码",
	codeNoHolder: "SYNTHETIC 查无此人",
	codeDeclined: "SYNTHETIC 不予答复",
	codeToken:    "SYNTHETIC 令牌已失效",
	codeDegraded: "SYNTHETIC 服务降级",
	codeBad:      "SYNTHETIC 请求参数有误",
}

// maxBody bounds what a backend reads of a request.
const maxBody = 64 << 10

const jsonType = "application/json"

// writeJSON writes v with a status. All known backends write JSON in UTF-8.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // the replies are ours and hold only text and numbers
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	w.Write(body)
}

// text is v as JSON text, for the dialects that put JSON inside a string.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// readJSON reads a JSON object into v; member names are taken as they are spelled. If it cannot, it has answered: in plain HTTP, or
// with bad, the dialect's word for a request that it does not understand.
func readJSON(w http.ResponseWriter, r *http.Request, v any, bad func(http.ResponseWriter)) bool {
	if mediaType(r) != jsonType {
		http.Error(w, "the content type must be application/json", http.StatusUnsupportedMediaType)
		return false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the request is too large or incomplete", http.StatusRequestEntityTooLarge)
		return false
	}
	if json.Unmarshal(body, v) != nil {
		bad(w)
		return false
	}
	return true
}

func mediaType(r *http.Request) string {
	t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return t
}

// tooMany is the busy answer of the dialects that have none of their own.
func tooMany(w http.ResponseWriter, body any) {
	w.Header().Set("Retry-After", "2")
	writeJSON(w, http.StatusTooManyRequests, body)
}
