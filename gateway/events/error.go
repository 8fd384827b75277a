package events

import (
	"context"
	"crypto/tls"
	"database/sql"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"tongma/adapters"
)

// Err is an error whose text is written as it is. Its text is a constant: a test looks.
type Err string

func (e Err) Error() string { return string(e) }

// sentinels are errors of the standard library whose texts are constants.
var sentinels = []error{
	context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, io.ErrShortWrite, fs.ErrNotExist, fs.ErrPermission, fs.ErrClosed,
	os.ErrDeadlineExceeded, net.ErrClosed, http.ErrServerClosed, sql.ErrNoRows, sql.ErrConnDone, sql.ErrTxDone,
}

// textOf gives of an error what cannot hold a value that somebody has sent. Known to be free of such are an [Err], what a fault of an
// adapter says of itself, the system's own errors with the path of a file of ours, and the codes of databases. Of an error that wraps
// others it gives what they give; of any other its type.
func textOf(err error) string {
	return strings.Join(slices.Compact(parts(err)), ": ")
}

// deepest bounds how far errors are followed, in case that one wraps itself.
const deepest = 16

func parts(err error) []string { return partsWithin(err, deepest) }

func partsWithin(err error, depth int) []string {
	if isNil(err) || depth == 0 {
		return []string{fmt.Sprintf("%T", err)}
	}
	inner := func(said string, below error) []string {
		if below == nil {
			return []string{said}
		}
		return append([]string{said}, partsWithin(below, depth-1)...)
	}
	switch e := err.(type) {
	case Err:
		return []string{string(e)}
	case *adapters.Fault:
		if e.What == "" {
			return []string{fmt.Sprintf("%T", err)}
		}
		return []string{e.What}
	case syscall.Errno:
		return []string{e.Error()}
	case *fs.PathError:
		return inner(e.Op+" "+e.Path, e.Err)
	case *os.SyscallError:
		return inner(e.Syscall, e.Err)
	case *net.OpError:
		return inner(e.Op+" "+e.Net, e.Err) // without the address, which may be a caller's
	case *net.DNSError:
		return []string{"the name cannot be resolved"}
	case *tls.CertificateVerificationError:
		return []string{"the certificate is not trusted"}
	case tls.RecordHeaderError:
		return []string{"the other side does not speak TLS"}
	}
	if code := databaseCode(err); code != "" {
		return []string{code}
	}
	if i := slices.IndexFunc(sentinels, func(s error) bool { return same(s, err) }); i >= 0 {
		return []string{sentinels[i].Error()}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if below := e.Unwrap(); below != nil {
			return partsWithin(below, depth-1)
		}
	case interface{ Unwrap() []error }:
		var all []string
		for _, below := range e.Unwrap() {
			all = append(all, partsWithin(below, depth-1)...)
		}
		if len(all) > 0 {
			return all
		}
	}
	return []string{fmt.Sprintf("%T", err)}
}

// same compares without the panic of two values of a type that cannot be compared.
func same(a, b error) bool { return reflect.TypeOf(b).Comparable() && a == b }

// isNil says whether there is nothing in err, be it of a type.
func isNil(err error) bool {
	v := reflect.ValueOf(err)
	return err == nil || v.Kind() == reflect.Pointer && v.IsNil()
}

var (
	redisWord = regexp.MustCompile(`^[A-Z]{2,20}`)
	sqlState  = regexp.MustCompile(`^[0-9A-Z]{5}$`)
)

// databaseCode gives the code of an error of Redis, PostgreSQL or SQLite. Their texts may quote what was written.
func databaseCode(err error) string {
	switch e := err.(type) {
	case interface{ RedisError() }:
		if word := redisWord.FindString(err.Error()); word != "" {
			return "Redis says " + word
		}
	case interface{ SQLState() string }:
		if code := e.SQLState(); sqlState.MatchString(code) {
			return "PostgreSQL says " + code
		}
	case interface{ Code() int }:
		return fmt.Sprintf("%T %d", err, e.Code())
	}
	return ""
}
