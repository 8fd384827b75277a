package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tongma/standard"
	"tongma/standard/wire"
)

// everyLight are systems in every state that an operator can see.
func everyLight() []wire.SystemState {
	at := time.Date(2022, 1, 10, 8, 1, 2, 0, standard.Zone)
	held := func(a wire.Action) *wire.Operation {
		return &wire.Operation{At: at, By: "ops-1", Action: a, System: "s", Reason: "planned work \x1b[2J"}
	}
	return []wire.SystemState{
		{System: "one", Name: "一码", Mode: "auto", Breaker: "closed", Limit: 64, UnderWay: 3},
		{System: "two", Name: "二码", Mode: "auto", Breaker: "open", OpenUntil: at, Probe: true, Limit: 1},
		{System: "three", Name: "三码", Mode: "auto", Breaker: "open", OpenUntil: at},
		{System: "four", Name: "四码", Mode: "auto", Breaker: "half_open", Limit: 8, Queued: 12},
		{System: "five", Name: "五码", Mode: "auto", Breaker: "closed", RestUntil: at, RestReason: standard.ReasonQuota, Limit: 64},
		{System: "six", Name: "六码", Mode: "open", Held: held(wire.ActionOpen), Breaker: "open", OpenUntil: at, Limit: 64},
		{System: "seven", Name: "七码", Mode: "drain", Held: held(wire.ActionDrain), Breaker: "closed", Limit: 64, UnderWay: 1},
		{System: "eight", Name: "八码", Mode: "auto", Breaker: "closed", Missing: []string{"endpoint", "credential appId"}, Limit: 64},
	}
}

func TestEveryStateHasAShapeAndAWordOfItsOwn(t *testing.T) {
	for lang, want := range map[string]string{
		"en": `STATE             SYSTEM  NAME  UNDER WAY  WAITING  LIMIT  REMARKS
● in service      one     一码  3          0        64
▲ broken off      two     二码  0          0        1      a probe tries it not before 08:01:02
▲ broken off      three   三码  0          0        0      the next traveller tries it not before 08:01:02
◐ being tried     four    四码  0          12       8
◇ resting         five    五码  0          0        64     this gateway's quota at the system is used up until 08:01:02
■ taken out       six     六码  0          0        64     01-10 08:01 ops-1: planned work �[2J
▼ draining        seven   七码  1          0        64     01-10 08:01 ops-1: planned work �[2J
○ not configured  eight   八码  0          0        64     without endpoint, credential appId
`,
		"zh": `状态        系统   名称  在途  排队  上限  说明
● 服务中    one    一码  3     0     64
▲ 熔断      two    二码  0     0     1     将由探测试探 不早于 08:01:02
▲ 熔断      three  三码  0     0     0     将由下一位旅客试探 不早于 08:01:02
◐ 试探恢复  four   四码  0     12    8
◇ 暂歇      five   五码  0     0     64    本网关在发码系统的配额已用完 至 08:01:02
■ 人工停用  six    六码  0     0     64    01-10 08:01 ops-1： planned work �[2J
▼ 人工排空  seven  七码  1     0     64    01-10 08:01 ops-1： planned work �[2J
○ 未配置    eight  八码  0     0     64    缺少 endpoint, credential appId
`,
	} {
		var out bytes.Buffer
		opsTable{&out, lang, false}.systems(everyLight())
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("%s: %s", lang, diff)
		}
		var coloured bytes.Buffer
		opsTable{&coloured, lang, true}.systems(everyLight())
		plain := coloured.String()
		for _, l := range []light{inService, tried, resting, broken, taken, draining, unconfigured} {
			if !strings.Contains(coloured.String(), l.colour+l.shape) {
				t.Errorf("%s: %s has no colour", lang, l.shape)
			}
			plain = strings.ReplaceAll(plain, l.colour, "")
		}
		if diff := cmp.Diff(want, strings.ReplaceAll(plain, "\x1b[0m", "")); diff != "" {
			t.Errorf("%s: colour changes more than the colour: %s", lang, diff)
		}
	}
}

func TestWhatOperatorsHaveWrittenCannotMoveTheCursor(t *testing.T) {
	var out bytes.Buffer
	opsTable{&out, "en", false}.operations([]wire.Operation{{
		At: time.Date(2022, 1, 10, 0, 1, 2, 0, time.UTC), By: "ops\x1b", Action: "close\x1b", System: "s\x1b", Reason: "\x1b[2Jr",
	}})
	if want := "TIME                        WHO   WHAT    SYSTEM  WHY\n2022-01-10 08:01:02 +08:00  ops�  close�  s�      �[2Jr\n"; out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestWatchingGoesOnWhileTheGatewayIsAway(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	tick := make(chan time.Time, 9)
	shown := 0
	show := func(_ context.Context, out io.Writer) error {
		switch shown++; shown {
		case 2:
			return &failure{exitUnreachable, errors.New("nobody is there"), "a hint"}
		case 4:
			cancel() // an interrupt, while it asks
			return ctx.Err()
		}
		tick <- time.Time{}
		_, err := io.WriteString(out, "page\n")
		return err
	}
	tick <- time.Time{}
	var out bytes.Buffer
	if err := watching(ctx, tick, &out, show); err != nil {
		t.Error(err)
	}
	if want := "page\n\ntongma: nobody is there\n\npage\n\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestWatchingWhatCannotBeMeantEnds(t *testing.T) {
	wrong := misuse("", "no system")
	err := watching(t.Context(), nil, io.Discard, func(context.Context, io.Writer) error { return wrong })
	if !errors.Is(err, wrong) {
		t.Error(err)
	}
}
