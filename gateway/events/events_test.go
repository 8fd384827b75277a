package events

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// personal is what must never be written.
const personal = "11010119900307002X"

type valuer struct{}

func (valuer) LogValue() slog.Value { return slog.StringValue(personal) }

type stringer struct{}

func (stringer) String() string { return personal }

type nested struct{ err error }

func (n nested) Error() string { return personal }
func (n nested) Unwrap() error { return n.err }

func newLog() (*slog.Logger, *bytes.Buffer) {
	var out bytes.Buffer
	log := Seal(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{AddSource: true, Level: slog.LevelDebug})))
	Know(log, System, "suishen", "yuekang")
	Know(log, Party, "gate-1")
	return log, &out
}

// TestNothingUndeclaredIsWritten says the same in every way in which somebody could.
func TestNothingUndeclaredIsWritten(t *testing.T) {
	scanned := slog.String("scan", personal)
	for name, tell := range map[string]func(*slog.Logger){
		"a message":                func(l *slog.Logger) { l.Info(personal) },
		"a message with words":     func(l *slog.Logger) { l.Error("scan " + personal + " failed") },
		"an attribute of no event": func(l *slog.Logger) { l.Warn("nothing", scanned) },
		"an undeclared attribute":  func(l *slog.Logger) { Breaker.Tell(l, scanned) },
		"a declared one's value":   func(l *slog.Logger) { Breaker.Tell(l, slog.String("system", personal)) },
		"a word":                   func(l *slog.Logger) { Breaker.Tell(l, slog.String("state", personal)) },
		"a list":                   func(l *slog.Logger) { NotConfigured.Tell(l, slog.Any("systems", []string{"suishen", personal})) },
		"a number":                 func(l *slog.Logger) { ChangeNotice.Tell(l, slog.Uint64("seq", 110101199003070021)) },
		"a phone as a count":       func(l *slog.Logger) { ChangeNotice.Tell(l, slog.Int("scan", 19987654321)) },
		"a less than nothing":      func(l *slog.Logger) { ChangeNotice.Tell(l, slog.Int("scan", -110101199)) },
		"with":                     func(l *slog.Logger) { Breaker.Tell(l.With(scanned)) },
		"a group":                  func(l *slog.Logger) { Breaker.Tell(l.WithGroup(personal), slog.String("system", "suishen")) },
		"a group's attribute":      func(l *slog.Logger) { Breaker.Tell(l, slog.Group("system", scanned)) },
		"a group before with":      func(l *slog.Logger) { l.WithGroup("g").With(slog.String("system", personal)).Warn("breaker") },
		"a key":                    func(l *slog.Logger) { Breaker.Tell(l, slog.Int(personal, 1)) },
		"an event by hand": func(l *slog.Logger) {
			l.Log(context.Background(), slog.LevelError, "breaker", "state", personal, personal, 1)
		},
		"a value that makes itself": func(l *slog.Logger) { Breaker.Tell(l, slog.Any("system", valuer{}), slog.Any("state", valuer{})) },
		"a stringer": func(l *slog.Logger) {
			CallFailed.Tell(l, slog.Any("err", stringer{}), slog.Any("requestId", stringer{}))
		},
		"an error":                func(l *slog.Logger) { CallFailed.Tell(l, slog.Any("err", errors.New(personal))) },
		"an error around another": func(l *slog.Logger) { CallFailed.Tell(l, slog.Any("err", fmt.Errorf(personal+": %w", io.EOF))) },
		"an error of another's":   func(l *slog.Logger) { CallFailed.Tell(l, slog.Any("err", nested{errors.New(personal)})) },
		"a fault's cause": func(l *slog.Logger) {
			CallFailed.Tell(l, slog.Any("err", &adapters.Fault{What: "x", Err: errors.New(personal)}))
		},
		"a fault's reason":       func(l *slog.Logger) { CallFailed.Tell(l, slog.Any("err", &adapters.Fault{Reason: personal})) },
		"a mistake in a request": func(l *slog.Logger) { CallFailed.Tell(l, slog.Any("err", &standard.Error{Field: personal})) },
		"a caller's address": func(l *slog.Logger) {
			CallFailed.Tell(l, slog.Any("err", &net.OpError{Op: "read", Net: "tcp", Err: &net.AddrError{Addr: personal}}))
		},
		"a panic":                    func(l *slog.Logger) { CallPanicked.Tell(l, slog.Any("type", personal), slog.Any("at", personal)) },
		"a place of another's":       func(l *slog.Logger) { CallPanicked.Tell(l, slog.Any("at", []string{personal})) },
		"an HTTP server":             func(l *slog.Logger) { ForHTTP(l).Printf("http: panic serving %s: %s", personal, personal) },
		"an HTTP server's new words": func(l *slog.Logger) { ForHTTP(l).Print(personal) },
		"a log of lines":             func(l *slog.Logger) { slog.NewLogLogger(l.Handler(), slog.LevelInfo).Print(personal) },
		"an unsealed log": func(l *slog.Logger) {
			Breaker.Tell(slog.New(l.Handler().(*sealed).next), scanned, slog.String("system", "suishen"), slog.String("state", personal))
		},
	} {
		log, out := newLog()
		tell(log)
		if text := out.String(); strings.Contains(text, "1101011990") || strings.Contains(text, "19987654321") {
			t.Errorf("%s is written: %s", name, text)
		} else if text == "" {
			t.Errorf("%s leaves no trace", name)
		}
	}
}

func TestWhatIsDeclaredIsWritten(t *testing.T) {
	for want, tell := range map[string]func(*slog.Logger){
		`"level":"WARN"`: func(l *slog.Logger) { Breaker.Tell(l) },
		`"msg":"breaker","system":"suishen","state":"open"}`: func(l *slog.Logger) {
			Breaker.Tell(l.With("system", "suishen"), slog.String("state", "open"))
		},
		`"systems":["suishen","yuekang"]`: func(l *slog.Logger) { NotConfigured.Tell(l, slog.Any("systems", []string{"suishen", "yuekang"})) },
		`"party":"gate-1"`:                func(l *slog.Logger) { Operation.Tell(l, slog.String("party", "gate-1")) },
		`"requestId":"01FX2D0000ABCDEFGHJKMNPQRS","code":"0"`: func(l *slog.Logger) {
			Call.Tell(l, slog.String("requestId", "01FX2D0000ABCDEFGHJKMNPQRS"), slog.String("code", "0"))
		},
		`"seq":1646100000000,"all":0`: func(l *slog.Logger) { ChangeNotice.Tell(l, slog.Uint64("seq", 1646100000000), slog.Int("all", 0)) },
		`"since":"2022-03-01`: func(l *slog.Logger) {
			StaysOut.Tell(l, slog.Time("since", time.Date(2022, 3, 1, 0, 0, 0, 0, standard.Zone)))
		},
		`"panic":"*errors.errorString"`:                   func(l *slog.Logger) { AdapterPanicked.Tell(l, slog.Any("panic", errors.New(personal))) },
		`"withheld":1`:                                    func(l *slog.Logger) { Breaker.Tell(l, slog.Int("other", 1)) },
		`"system":"[withheld]"`:                           func(l *slog.Logger) { Breaker.Tell(l, slog.String("system", "nowhere")) },
		`"at":["tongma/gateway/events.TestWhatIsDecl`:     func(l *slog.Logger) { l.Info("not an event") },
		`"function":"tongma/gateway/events.TestWhatIsDec`: func(l *slog.Logger) { Breaker.Tell(l) },
		`"what":"tls_handshake"`:                          func(l *slog.Logger) { ForHTTP(l).Print("http: TLS handshake error from 1.2.3.4:5: EOF") },
		`"at":["tongma/gateway/events.fails",`: func(l *slog.Logger) {
			defer func() {
				recover()
				CallPanicked.Tell(l, slog.Any("at", PlaceOfPanic()))
			}()
			fails()
		},
	} {
		log, out := newLog()
		tell(log)
		got := out.String()
		if want == `"at":["tongma/gateway/events.fails",` {
			want = `tongma/gateway/events.fails:`
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}

func fails() { panic(personal) }

func TestAnErrorSaysWhatCanHoldNoValue(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{Err("the notices do not fit"), "the notices do not fit"},
		{fmt.Errorf("%s: %w", personal, Err("the notices do not fit")), "the notices do not fit"},
		{errors.Join(errors.New(personal), io.EOF), "*errors.errorString: EOF"},
		{fmt.Errorf("record: %w", &fs.PathError{Op: "write", Path: "/state/operations.jsonl", Err: syscall.ENOSPC}), "write /state/operations.jsonl: no space left on device"},
		{&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "dial tcp: connect: connection refused"},
		{context.DeadlineExceeded, "context deadline exceeded"},
		{&adapters.Fault{What: "the reply has no code"}, "the reply has no code"},
		{(*adapters.Fault)(nil), "*adapters.Fault"},
		{redisError("OOM command not allowed: " + personal), "Redis says OOM"},
		{redisError(personal), "events.redisError"},
		{stateError("53100"), "PostgreSQL says 53100"},
		{codeError(13), "events.codeError 13"},
		{uncomparable{personal}, "events.uncomparable"},
		{nested{}, "events.nested"},
	} {
		if got := textOf(c.err); got != c.want {
			t.Errorf("%T says %q, want %q", c.err, got, c.want)
		}
	}
	around := &circle{}
	around.err = around
	if got := textOf(around); got != "*events.circle" {
		t.Errorf("an error around itself says %q", got)
	}
}

type circle struct{ err error }

func (c *circle) Error() string { return personal }
func (c *circle) Unwrap() error { return c.err }

type redisError string

func (e redisError) Error() string { return string(e) }
func (redisError) RedisError()     {}

type stateError string

func (e stateError) Error() string    { return personal }
func (e stateError) SQLState() string { return string(e) }

type codeError int

func (codeError) Error() string { return personal }
func (e codeError) Code() int   { return int(e) }

type uncomparable []string

func (uncomparable) Error() string { return personal }

func TestASealedLogIsSealedOnce(t *testing.T) {
	log, _ := newLog()
	if Seal(log) != log {
		t.Error("a sealed log is sealed again, and has forgotten whom it knows")
	}
	Seal(nil).Error("nowhere") // does not fail
	if Call.Told(Seal(nil)) {
		t.Error("a log that is nowhere is written")
	}
}
