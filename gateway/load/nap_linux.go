package load

import (
	"runtime"
	"syscall"
	"time"
)

// steadily runs f on a thread of its own, because f sleeps by nap.
func steadily(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f()
}

// nap sleeps by the system's clock: a timer of Go's may be a millisecond late where nothing else happens, which would be the
// largest part of what a fast answer seems to take.
func nap(d time.Duration) {
	ts := syscall.NsecToTimespec(d.Nanoseconds())
	syscall.Nanosleep(&ts, nil) // woken too early, it is called again
}
