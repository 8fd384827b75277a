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
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// ready DIR waits until the demo in DIR is ready.
			"ready": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(waitReady(ts.MkAbs(args[0])))
			},
		},
	})
}
