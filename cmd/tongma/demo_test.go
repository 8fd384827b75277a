package main

import (
	"slices"
	"testing"

	"tongma/conformance/sandbox"
	"tongma/gateway/node"
	"tongma/gateway/upstream"
)

func TestABackendThatIsNamedAtThePromptMayBeOnAnyNetwork(t *testing.T) {
	dialects, err := node.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	box := sandbox.New(sandbox.Options{})
	for id, s := range demoSystems(box, dialects, "http://backend.example:9000", nil) {
		if !slices.Equal(s.Reach.Networks, upstream.Everywhere) {
			t.Errorf("%s may be asked at %v", id, s.Reach.Networks)
		}
	}
	for id, s := range demoSystems(box, dialects, "", map[string]string{sandbox.Suishen: "http://127.0.0.1:9000"}) {
		if s.Reach.Networks != nil {
			t.Errorf("%s of the sandbox may be asked at %v", id, s.Reach.Networks)
		}
	}
}
