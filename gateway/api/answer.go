package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/oklog/ulid/v2"

	"tongma/gateway"
	"tongma/gateway/events"
	"tongma/standard"
	"tongma/standard/wire"
)

// envelope writes the body of a reply: code, message, data if there is any, and the request's id.
type envelope struct {
	bytes.Buffer
	data *json.Encoder // writes into the buffer
}

func newEnvelope() *envelope {
	e := &envelope{}
	e.data = json.NewEncoder(&e.Buffer)
	e.data.SetEscapeHTML(false)
	return e
}

func (e *envelope) write(code, message string, data any, id string) error {
	e.Reset()
	b := append(e.AvailableBuffer(), `{"code":"`...)
	b = append(b, code...)
	b = append(b, `","message":`...)
	b, err := jsontext.AppendQuote(b, message)
	if err != nil {
		return err
	}
	e.Write(b)
	if data != nil {
		e.WriteString(`,"data":`)
		if err := e.writeData(data); err != nil {
			return err
		}
	}
	e.WriteString(`,"requestId":"`)
	e.WriteString(id)
	e.WriteString(`"}`)
	return nil
}

func (e *envelope) writeData(data any) error {
	if v, ok := data.(*standard.Verification); ok {
		b, err := v.AppendJSON(e.AvailableBuffer())
		e.Write(b)
		return err
	}
	if err := e.data.Encode(data); err != nil {
		return err
	}
	e.Truncate(e.Len() - 1) // the line end that Encode adds
	return nil
}

// okMessage is the message of every answer that is no refusal.
var okMessage = wire.Refuse(wire.CodeOK, "").Message()

// answer writes the reply to a call and gives its return code. It is signed if the caller has proved who it is.
func (x *call) answer(data any, err error) *wire.Code {
	code := wire.CodeOK
	if err == nil {
		err = x.out.write(code.Code, okMessage, data, x.id)
	}
	if err != nil {
		r := x.s.refusal(x.id, err)
		code = r.Code
		x.s.writeRefusal(x.out, r, x.id)
	}
	h := x.w.Header()
	if o, ok := errors.AsType[*gateway.Overload](err); ok {
		h["Retry-After"] = []string{strconv.FormatFloat(math.Ceil(max(o.RetryAfter, time.Second).Seconds()), 'f', 0, 64)}
	}
	if x.proved {
		if err := x.sign(h, code.Status); err != nil {
			// Never send unsigned what should be signed: an unsigned reply is worth no more than its code.
			code = x.s.refusal(x.id, err).Code
			x.s.writeRefusal(x.out, wire.Refuse(code, ""), x.id)
		}
	}
	send(x.w, code, jsonType, x.out.Bytes())
	return code
}

// writeRefusal cannot fail: a refusal's data are ours.
func (s *Server) writeRefusal(out *envelope, r *wire.Refusal, id string) {
	if err := out.write(r.Code.Code, r.Message(), r.Data, id); err != nil {
		events.NoRefusal.Tell(s.cfg.Log, slog.String("requestId", id), slog.Any("err", err))
	}
}

// sign puts the head of a signed answer.
func (x *call) sign(h http.Header, status int) error {
	rtime := wire.Rtime(x.s.cfg.Now())
	x.text = wire.AppendAnswerText(x.text[:0], x.s.cfg.ID, status, x.requestSum, rtime, x.digest(x.out.Bytes()))
	sign, key := []byte(nil), x.s.keyID
	if x.session != nil {
		mac := x.mac(x.session.answers, x.text)
		sign, key = mac[:], x.head.Key
	} else {
		var err error
		if sign, err = x.s.cfg.Key.Sign(x.text); err != nil {
			return err
		}
	}
	// One array for all values. It must be new for each answer, because the server reads it after the call has ended.
	values := [...]string{rtime, key, string(x.head.SignType), string(base64.StdEncoding.AppendEncode(x.text[:0], sign))}
	h[wire.HeaderRtime] = values[0:1:1]
	h[wire.HeaderKey] = values[1:2:2]
	h[wire.HeaderSignType] = values[2:3:3]
	h[wire.HeaderSign] = values[3:4:4]
	return nil
}

var (
	jsonType = []string{"application/json"}
	yamlType = []string{"application/yaml"}
	noStore  = []string{"no-store"}
	aSecond  = []string{"1"}
)

// send writes a reply whose body is complete.
func send(w http.ResponseWriter, code *wire.Code, mediaType []string, body []byte) {
	h := w.Header()
	h["Content-Type"] = mediaType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["Cache-Control"] = noStore
	again := code.Status == http.StatusTooManyRequests || code == wire.CodeOverloaded || code == wire.CodeFeed || code == wire.CodeEvidence
	if again && h["Retry-After"] == nil {
		h["Retry-After"] = aSecond
	}
	w.WriteHeader(code.Status)
	w.Write(body) // a caller that has gone away is no trouble of ours
}

// newRequestID makes a ULID. It tells calls apart and proves nothing.
func newRequestID(now time.Time) string {
	var id ulid.ULID
	_ = id.SetTime(uint64(now.UnixMilli())) // fails only after the year 10889
	high, low := rand.Uint64(), rand.Uint64()
	for i := range 8 {
		id[6+i] = byte(high >> (8 * i))
	}
	id[14], id[15] = byte(low), byte(low>>8)
	return id.String()
}
