package main

import (
	"strings"
	"testing"
	"time"

	"tongma/standard/wire"
)

func TestAListThatIsTooLongIsRefusedAndNotCutOff(t *testing.T) {
	of := func(list string) (int, error) {
		changes, err := (&named{scans: []string{"-"}}).changes(strings.NewReader(list), time.Now())
		return len(changes), err
	}
	if n, err := of("one\r\n\ntwo"); n != 2 || err != nil {
		t.Errorf("%d changes, %v", n, err)
	}
	if n, err := of(strings.Repeat("\n", wire.MaxNotice) + "the last one"); err == nil {
		t.Errorf("%d changes of a list of which not all was read", n)
	}
}
