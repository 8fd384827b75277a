//go:build !unix

package upstream

import (
	"net"
	"time"
)

// isQuiet takes a connection for usable for as long as hardly any server closes it.
func isQuiet(_ net.Conn, since time.Time) bool { return time.Since(since) < time.Second }
