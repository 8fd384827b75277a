package events

import (
	"bytes"
	"log"
	"log/slog"
)

// httpTroubles are the beginnings of what net/http logs, and the words for them. What follows them may hold what somebody has sent.
var httpTroubles = []struct{ begins, word string }{
	{"http: TLS handshake error", "tls_handshake"},
	{"http: Accept error", "accept"},
	{"http: panic serving", "panic"},
	{"http: superfluous response.WriteHeader", "second_header"},
	{"http: response.WriteHeader", "header_too_late"},
	{"http: response.Write", "body_too_late"},
	{"http: Request.ContentLength", "length"},
	{"http2:", "http2"},
}

const otherTrouble = "other"

// ForHTTP is the log of an HTTP server. Of each line it tells what sort it is.
func ForHTTP(to *slog.Logger) *log.Logger { return log.New(httpLog{to}, "", 0) }

type httpLog struct{ to *slog.Logger }

func (l httpLog) Write(line []byte) (int, error) {
	what := otherTrouble
	for _, t := range httpTroubles {
		if bytes.HasPrefix(line, []byte(t.begins)) {
			what = t.word
			break
		}
	}
	HTTP.Tell(l.to, slog.String("what", what))
	return len(line), nil
}
