//go:build unix

package node

import (
	"errors"
	"os"
	"syscall"
)

// lock locks a file against all who have opened it too, in this process or another.
func lock(f *os.File) error {
	for {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return ErrStateTaken
		default:
			return err
		}
	}
}
