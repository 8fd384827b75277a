package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"tongma/standard"
	"tongma/standard/wire"
)

// A light is how a system's state looks to an operator: a shape, a word and a colour, so that none of them is needed alone.
type light struct {
	shape  string
	word   standard.Text
	colour string // ANSI foreground
}

var (
	inService    = light{"●", standard.Text{Zh: "服务中", En: "in service"}, "\x1b[32m"}
	tried        = light{"◐", standard.Text{Zh: "试探恢复", En: "being tried"}, "\x1b[33m"}
	resting      = light{"◇", standard.Text{Zh: "暂歇", En: "resting"}, "\x1b[33m"}
	broken       = light{"▲", standard.Text{Zh: "熔断", En: "broken off"}, "\x1b[31m"}
	taken        = light{"■", standard.Text{Zh: "人工停用", En: "taken out"}, "\x1b[35m"}
	draining     = light{"▼", standard.Text{Zh: "人工排空", En: "draining"}, "\x1b[35m"}
	unconfigured = light{"○", standard.Text{Zh: "未配置", En: "not configured"}, "\x1b[90m"}
)

// lightOf says how a system is, the most telling thing first: what an operator has done explains more than what the guards do.
func lightOf(s *wire.SystemState) light {
	switch {
	case len(s.Missing) > 0:
		return unconfigured
	case s.Mode == string(wire.ActionOpen):
		return taken
	case s.Mode == string(wire.ActionDrain):
		return draining
	case s.Breaker == "open":
		return broken
	case s.Breaker == "half_open":
		return tried
	case !s.RestUntil.IsZero():
		return resting
	}
	return inService
}

// opsTable writes what operators look at.
type opsTable struct {
	w      io.Writer
	lang   string
	colour bool
}

func (t opsTable) say(zh, en string) string { return say(standard.Text{Zh: zh, En: en}, t.lang) }

func (t opsTable) systems(systems []wire.SystemState) {
	rows := make([][]string, 0, len(systems))
	lights := make([]light, 0, len(systems))
	for i := range systems {
		s := &systems[i]
		l := lightOf(s)
		lights = append(lights, l)
		rows = append(rows, []string{
			l.shape + " " + say(l.word, t.lang), tame(s.System), tame(s.Name),
			strconv.Itoa(s.UnderWay), strconv.Itoa(s.Queued), strconv.Itoa(s.Limit), t.remarks(s),
		})
	}
	var plain strings.Builder
	printTable(&plain, []string{
		t.say("状态", "STATE"), t.say("系统", "SYSTEM"), t.say("名称", "NAME"),
		t.say("在途", "UNDER WAY"), t.say("排队", "WAITING"), t.say("上限", "LIMIT"), t.say("说明", "REMARKS"),
	}, rows)
	for i, line := range slices.Collect(strings.Lines(plain.String())) {
		if i > 0 && t.colour {
			line = lights[i-1].colour + strings.TrimSuffix(line, "\n") + "\x1b[0m\n"
		}
		io.WriteString(t.w, line)
	}
}

// remarks tells what a row's numbers do not.
func (t opsTable) remarks(s *wire.SystemState) string {
	var said []string
	if s.Held != nil {
		said = append(said, join(" ", s.Held.At.In(standard.Zone).Format("01-02 15:04"), tame(s.Held.By)+t.say("：", ":"), tame(s.Held.Reason)))
	}
	if len(s.Missing) > 0 {
		said = append(said, t.say("缺少 ", "without ")+tame(strings.Join(s.Missing, ", ")))
	}
	if s.Breaker == "open" && s.Mode == string(wire.ActionAuto) {
		who := t.say("将由下一位旅客试探", "the next traveller tries it")
		if s.Probe {
			who = t.say("将由探测试探", "a probe tries it")
		}
		said = append(said, join(" ", who, t.until(t.say("不早于", "not before"), s.OpenUntil)))
	}
	if !s.RestUntil.IsZero() {
		said = append(said, join(" ", t.reason(s.RestReason), t.until(t.say("至", "until"), s.RestUntil)))
	}
	return strings.Join(said, t.say("；", "; "))
}

// reason gives a reason code's words.
func (t opsTable) reason(code standard.ReasonCode) string {
	r := code.Reason(0)
	return t.say(r.Zh, r.En)
}

func (t opsTable) until(word string, at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return word + " " + at.In(standard.Zone).Format("15:04:05")
}

var actionWords = map[wire.Action]standard.Text{
	wire.ActionOpen:   {Zh: "停用 open", En: "open"},
	wire.ActionDrain:  {Zh: "排空 drain", En: "drain"},
	wire.ActionWarm:   {Zh: "缓慢恢复 warm", En: "warm"},
	wire.ActionForget: {Zh: "清空缓存 forget", En: "forget"},
	wire.ActionAuto:   {Zh: "恢复 auto", En: "auto"},
}

func (t opsTable) operations(operations []wire.Operation) {
	rows := make([][]string, 0, len(operations))
	for _, o := range operations {
		word, ok := actionWords[o.Action]
		if !ok { // of a later version
			word = standard.Text{Zh: string(o.Action), En: string(o.Action)}
		}
		rows = append(rows, []string{clock(o.At), tame(o.By), tame(say(word, t.lang)), tame(o.System), tame(o.Reason)})
	}
	if len(rows) == 0 {
		fmt.Fprintln(t.w, t.say("尚无操作", "no operator has done anything yet"))
		return
	}
	printTable(t.w, []string{t.say("时间", "TIME"), t.say("操作员", "WHO"), t.say("操作", "WHAT"), t.say("系统", "SYSTEM"), t.say("原因", "WHY")}, rows)
}

// clock writes a time as answers do, to the second.
func clock(at time.Time) string { return at.In(standard.Zone).Format("2006-01-02 15:04:05 -07:00") }
