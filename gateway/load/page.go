package load

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed page.html
var pageText string

// page is the report as one file: no scripts, and nothing from elsewhere.
var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"t":       bilingual,
	"group":   func(n int64) string { return grouped(float64(n)) },
	"groupf":  grouped,
	"span":    span,
	"percent": func(share float64) string { return fmt.Sprintf("%.3g%%", 100*share) },
	"title":   func(name string) template.HTML { return bilingual(titles[name][0], titles[name][1]) },
	"meaning": meaning,
}).Parse(pageText))

// titles of the dimensions, in Chinese and English.
var titles = map[string][2]string{
	"request":  {"请求", "request"},
	"outcome":  {"验码结果", "outcome"},
	"status":   {"健康码状态", "status"},
	"decision": {"通行判定", "decision"},
	"from":     {"时效来源", "from"},
	"http":     {"HTTP 状态码", "HTTP status"},
	"code":     {"拒绝码", "refusal code"},
	"system":   {"健康码系统", "system"},
}

// bilingual shows one of two texts, as the reader chooses on the page.
func bilingual(zh, en string) template.HTML {
	return template.HTML(`<span lang="zh">` + template.HTMLEscapeString(zh) + `</span><span lang="en">` + template.HTMLEscapeString(en) + `</span>`)
}

// meaning says what a return code says.
func meaning(code string) template.HTML {
	c := codes[code]
	if c == nil {
		return ""
	}
	return bilingual(c.Zh, c.En)
}

// WriteHTML writes the report as one self-contained page in Chinese and English, chinese saying which it begins with.
func (r *Report) WriteHTML(w io.Writer, chinese bool) error {
	return page.Execute(w, struct {
		*Report
		Chinese               bool
		Curve                 curveChart
		Time                  timeChart
		Width, Height         int
		ViewWidth, ViewHeight int // with the axes
	}{r, chinese, newCurveChart(r.Curve), newTimeChart(r.Timeline), chartWidth, chartHeight, chartWidth + 80, chartHeight + 44})
}
