package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			// Under the race detector each command would otherwise rest for a second before it ends.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// ready DIR waits until the demo in DIR is ready.
			"ready": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(waitReady(ts.MkAbs(args[0])))
			},
		},
	})
}
