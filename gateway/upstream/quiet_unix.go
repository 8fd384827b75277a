//go:build unix

package upstream

import (
	"net"
	"syscall"
	"time"
)

// isQuiet says whether an idle connection has neither been closed by its other end nor sent anything that nobody asked for. It
// does not wait.
func isQuiet(c net.Conn, _ time.Time) bool {
	raw, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	access, err := raw.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = access.Read(func(fd uintptr) bool {
		var b [1]byte
		_, err := syscall.Read(int(fd), b[:])
		quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	})
	return err == nil && quiet
}
