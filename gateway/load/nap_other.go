//go:build !linux

package load

import "time"

func steadily(f func()) { f() }

func nap(d time.Duration) { time.Sleep(d) }
