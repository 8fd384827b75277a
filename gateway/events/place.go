package events

import (
	"fmt"
	"runtime"
)

// place is where in the program something happened. No other package can make one, so that it holds nothing else.
type place []string

// PlaceOfPanic names the functions that led to the panic which the deferred function that calls it is recovering, the innermost first.
func PlaceOfPanic() any {
	pcs := make([]uintptr, 24)
	return placesOf(pcs[:runtime.Callers(3, pcs)])
}

// placeOf is the place of one program counter.
func placeOf(pc uintptr) place {
	if pc == 0 {
		return place{"unknown"}
	}
	return placesOf([]uintptr{pc})
}

func placesOf(pcs []uintptr) place {
	frames := runtime.CallersFrames(pcs)
	var at place
	for {
		frame, more := frames.Next()
		at = append(at, fmt.Sprintf("%s:%d", frame.Function, frame.Line))
		if !more {
			return at
		}
	}
}
