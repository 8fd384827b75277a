package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tongma/standard"
)

// A sign is how a decision looks: a shape, a word and a colour, so that none of them is needed alone.
type sign struct {
	shape, zh, en string
	colour        string // ANSI: background and foreground
}

var signs = map[standard.Action]sign{
	standard.Pass:   {"✓ ●", "通行", "PASS", "\x1b[42;30m"},
	standard.Manual: {"? ▲", "人工核查", "MANUAL", "\x1b[43;30m"},
	standard.Deny:   {"✗ ■", "不予通行", "DENY", "\x1b[41;97m"},
}

var outcomeWords = map[standard.Outcome]string{
	standard.Verified:     "已核验",
	standard.Expired:      "已过期",
	standard.NotFound:     "查无",
	standard.Unrecognised: "不识别",
	standard.Refused:      "被拒绝",
	standard.Unavailable:  "无法核验",
}

var colourWords = map[standard.Colour]string{
	standard.ColourGreen: "绿 GREEN", standard.ColourYellow: "黄 YELLOW", standard.ColourRed: "红 RED", standard.ColourNone: "无 NONE",
}

var fromWords = map[standard.From]string{standard.Live: "实时 live", standard.Cache: "缓存 from memory", standard.Stale: "陈旧 stale"}

var provenanceWords = map[standard.Provenance]string{
	standard.FromStandard:   "standard 标准公开条文",
	standard.FromDocumented: "documented 官方或厂商文档",
	standard.FromObserved:   "observed 见于第三方代码",
	standard.FromProfile:    "profile 通码自定",
	standard.FromSynthetic:  "SYNTHETIC 虚构，并非真实协议 (invented)",
}

const panelWidth = 76 // cells between the two borders

// panel draws a verification for the person at the checkpoint.
type panel struct {
	w      io.Writer
	colour bool
}

func (p panel) draw(v *standard.Verification, place string) {
	s, ok := signs[v.Decision.Action]
	if !ok { // an action of a later profile is not one to pass by
		s = signs[standard.Manual]
	}
	p.rule("┌", "┐")
	left := fmt.Sprintf(" %s  %s %s", s.shape, s.zh, s.en)
	right := ""
	if v.Outcome == standard.Verified {
		right = "码色 " + colourWords[v.Colour] + " "
	}
	p.line(columns.FillRight(left, panelWidth-columns.StringWidth(right))+right, s.colour)
	p.rule("├", "┤")
	for _, row := range panelRows(v, place) {
		p.row(row[0], row[1])
	}
	p.rule("└", "┘")
}

// panelRows gives what the panel says, label and text; a row without text is left out.
func panelRows(v *standard.Verification, place string) [][2]string {
	rows := [][2]string{{"判定 decision", v.Decision.Reason.Zh}, {"", v.Decision.Reason.En}}
	outcome := outcomeWords[v.Outcome] + " " + string(v.Outcome)
	if v.Reason == nil {
		rows = append(rows, [2]string{"结果 outcome", outcome})
	} else {
		rows = append(rows, [2]string{"结果 outcome", outcome + " · " + string(v.Reason.Code)},
			[2]string{"", v.Reason.Zh}, [2]string{"", v.Reason.En})
		if v.Reason.RetryAfterMs > 0 {
			rows = append(rows, [2]string{"", "重试 try again in " + duration(v.Reason.RetryAfterMs)})
		}
	}
	if v.Outcome == standard.Verified {
		rows = append(rows, [2]string{"状态 status", statusText(v)})
	}
	if v.Holder != nil {
		rows = append(rows, [2]string{"持码人 holder", join("  ", v.Holder.Name, v.Holder.IDType, v.Holder.IDNumber)})
	}
	if v.System != nil {
		region, _ := standard.LookupRegion(v.System.Region)
		rows = append(rows, [2]string{"系统 system", join(" · ", v.System.Name+" "+v.System.ID, join(" ", v.System.Region, region.Name))},
			[2]string{"来源 source", provenanceWords[v.System.Provenance]})
	}
	rows = append(rows, healthRows(v.Health)...)
	for _, o := range v.Others {
		region, _ := standard.LookupRegion(o.Region)
		rows = append(rows, [2]string{"另码 other code", join(" · ", o.System, join(" ", o.Region, region.Name), join(" ", string(o.Status), colourWords[o.Status.Colour()]))})
	}
	if f := v.Freshness; f != nil {
		rows = append(rows, [2]string{"时效 age", fromWords[f.From] + " · " + duration(f.AgeMs)})
		if !f.ValidUntil.IsZero() {
			rows = append(rows, [2]string{"", "有效至 valid until " + f.ValidUntil.In(standard.Zone).Format("2006-01-02 15:04:05 -07:00")})
		}
	}
	region, _ := standard.LookupRegion(place)
	rows = append(rows, [2]string{"地点 place", join(" ", place, region.Name)},
		[2]string{"规则 rule", v.Decision.Rule},
		[2]string{"编号 id", v.ID})
	if v.Evidence != nil {
		rows = append(rows, [2]string{"存证 evidence", "已存入日志 kept in log " + v.Evidence.Log})
	}
	return rows
}

// statusText is the national status beside the system's own words.
func statusText(v *standard.Verification) string {
	own := ""
	if v.System != nil {
		own = join(" ", slices.Compact([]string{v.System.Status, v.System.Text, v.System.Colour})...)
	}
	if own != "" {
		own = "原文 as the system says: " + own
	}
	return join(" · ", join(" ", string(v.Status), colourWords[v.Colour]), own)
}

func healthRows(h *standard.Health) [][2]string {
	if h == nil {
		return nil
	}
	var rows [][2]string
	if h.Nucleic != nil {
		rows = append(rows, [2]string{"核酸 nucleic", join(" · ", string(h.Nucleic.Result), when(h.Nucleic.SampledAt), h.Nucleic.Institution)})
	}
	if h.Antibody != nil {
		rows = append(rows, [2]string{"抗体 antibody", join(" · ", string(h.Antibody.Result), when(h.Antibody.SampledAt), h.Antibody.Institution)})
	}
	if h.Vaccine != nil {
		rows = append(rows, [2]string{"疫苗 vaccine", join(" · ", fmt.Sprintf("%d 剂 doses", h.Vaccine.Doses), h.Vaccine.LastAt)})
	}
	return rows
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02 15:04 -07:00")
}

// duration tells milliseconds as a person would.
func duration(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	if d >= 10*time.Second {
		d = d.Round(time.Second)
	}
	return d.String()
}

// join joins the parts that say something.
func join(by string, parts ...string) string {
	var said []string
	for _, p := range parts {
		if strings.TrimSpace(p) != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, by)
}

func (p panel) rule(left, right string) {
	fmt.Fprintln(p.w, left+strings.Repeat("─", panelWidth)+right)
}

// row writes a label and its text, which goes on below itself where it is too long.
func (p panel) row(label, text string) {
	if text == "" {
		return
	}
	const labelWidth = 18
	for _, part := range wrap(tame(text), panelWidth-labelWidth-2) {
		p.line(columns.FillRight(" "+label, labelWidth)+" "+part, "")
		label = ""
	}
}

func (p panel) line(text, colour string) {
	text = columns.FillRight(text, panelWidth)
	if p.colour && colour != "" {
		text = colour + text + "\x1b[0m"
	}
	fmt.Fprintln(p.w, "│"+text+"│")
}
