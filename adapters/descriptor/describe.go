package descriptor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// Describe says in plain words what a descriptor does, in Chinese for "zh" and in English otherwise, one paragraph a section of the
// file. Expressions stand in it as they are written.
func (d *Descriptor) Describe(lang string) string {
	w := &words{zh: lang == "zh"}
	w.system(&d.info)
	w.scans(d.forms)
	w.needs(&d.info)
	for _, name := range slices.Sorted(maps.Keys(d.tokens)) {
		w.token(d.tokens[name])
	}
	for i, st := range d.steps {
		w.step(i+1, st)
	}
	w.record(d)
	w.bounds(d)
	return strings.TrimPrefix(w.out.String(), "\n")
}

// FormText says what a form claims, in Chinese for "zh" and in English otherwise.
func FormText(f adapters.Form, lang string) string {
	w := &words{zh: lang == "zh"}
	switch {
	case f.URL != "":
		text := f.URL
		for _, name := range slices.Sorted(maps.Keys(f.Params)) {
			text += fmt.Sprintf(w.of("formParam"), name, f.Params[name])
		}
		return w.of("formURL") + text
	case f.JSON != nil:
		text := fmt.Sprintf(w.of("formJSON"), w.list(f.JSON.Has))
		if len(f.JSON.Lacks) > 0 {
			text += fmt.Sprintf(w.of("formLacks"), w.list(f.JSON.Lacks))
		}
		if len(f.JSON.Only) > 0 {
			text += fmt.Sprintf(w.of("formOnly"), w.list(f.JSON.Only))
		}
		return text
	case f.Text != "":
		return w.of("formText") + f.Text
	case f.Bytes != nil:
		return fmt.Sprintf(w.of("formBytes"), f.Bytes.Starts)
	case f.Opaque > 0:
		return fmt.Sprintf(w.of("formOpaque"), f.Opaque)
	}
	return fmt.Sprintf(w.of("formDocument"), w.list(f.Document))
}

// words writes sentences in one of the two languages.
type words struct {
	zh  bool
	out strings.Builder
}

// phrases are the sentences of a description, by what they are about.
var phrases = map[string]standard.Text{
	"formURL":      {Zh: "网址 ", En: "URLs like "},
	"formParam":    {Zh: "，参数 %s 为 %s", En: ", with the parameter %s like %s"},
	"formJSON":     {Zh: "JSON 对象，含有 %s", En: "JSON objects with %s"},
	"formLacks":    {Zh: "，没有 %s", En: ", without %s"},
	"formOnly":     {Zh: "，除 %s 外没有其他成员", En: ", and with nothing besides %s"},
	"formText":     {Zh: "文本 ", En: "text like "},
	"formBytes":    {Zh: "以 %q 开头的二进制码", En: "binary codes that start with %q"},
	"formOpaque":   {Zh: "任何不超过 %d 字节的文本，但须由请求指明本系统", En: "any text of at most %d bytes, when the request names this system"},
	"formDocument": {Zh: "证件类型 %s，由请求或目的地规则指明本系统", En: "documents of the types %s, when the request or the rules of the place name this system"},

	"system":     {Zh: "%s（%s），系统标识 %s，版本 %s，归属地区 %s。", En: "%s (%s), system %s, version %s, of the region %s."},
	"provenance": {Zh: "依据：%s；来源：%s。", En: "What is known of it is %s, from: %s."},
	"synthetic":  {Zh: "  虚构（无公开资料）：%s", En: "  invented, since nothing is public: %s"},
	"further":    {Zh: "同一后台还为 %s（%s，%s）作答。", En: "The same backend answers for %s (%s, %s) too."},

	"scans":       {Zh: "识别的扫码内容：", En: "It recognises:"},
	"scanExpires": {Zh: "  到期时间为 %s，之后不再询问后台", En: "  such a scan expires at %s and is not asked about after that"},
	"formFrom":    {Zh: "  此形式的依据：%s", En: "  what is known of this form is %s"},

	"needs":      {Zh: "需要配置：", En: "It has to be configured with:"},
	"endpoint":   {Zh: "后台地址 endpoint", En: "endpoint, the backend's URL"},
	"endpointOf": {Zh: "另一后台地址 %s", En: "a further endpoint, %s"},
	"credential": {Zh: "凭据 %s", En: "credential %s"},
	"secret":     {Zh: "凭据 %s（保密，只能由文件或环境变量给出）", En: "credential %s (secret: by file or environment only)"},

	"token":      {Zh: "令牌 %s，需要时先取得：", En: "The token %s, fetched when a call needs it:"},
	"tokenPer":   {Zh: "按 %s 的每个值各保存一个", En: "one is kept for each value of %s"},
	"obtain":     {Zh: "取得：%s", En: "got by %s"},
	"renewal":    {Zh: "已有旧值时先续期：%s；失败则重新取得", En: "while there is an old one, renewed by %s; if that fails, got anew"},
	"tokenValue": {Zh: "其值为 %s", En: "its value is %s"},
	"lives":      {Zh: "有效 %s", En: "it lives %s"},
	"renewAfter": {Zh: "%s 后提前更新", En: "it is renewed after %s"},
	"expiresAt":  {Zh: "有效至 %s", En: "it expires at %s"},

	"step":      {Zh: "验码第 %d 步", En: "To verify, step %d"},
	"stepWhen":  {Zh: "（仅当 %s）", En: ", only if %s"},
	"ends":      {Zh: "：", En: ":"},
	"noCall":    {Zh: "不发送请求", En: "nothing is sent"},
	"call":      {Zh: "发送 %s", En: "send %s"},
	"toOther":   {Zh: "（至后台地址 %s）", En: " to the endpoint %s"},
	"query":     {Zh: "查询参数 %s = %s", En: "query %s = %s"},
	"header":    {Zh: "报文头 %s = %s", En: "header %s = %s"},
	"form":      {Zh: "表单项 %s = %s", En: "form %s = %s"},
	"json":      {Zh: "JSON 体 %s", En: "JSON body %s"},
	"raw":       {Zh: "报文体 %s", En: "body %s"},
	"name":      {Zh: "记 %s 为 %s", En: "call %s what %s gives"},
	"if":        {Zh: "若 %s：%s", En: "if %s: %s"},
	"after":     {Zh: "，等待 %s", En: ", after %s"},
	"otherwise": {Zh: "其他情况：后台故障，绝不给出状态", En: "anything else: a fault of the backend, never a status"},

	"record":    {Zh: "健康码记录：", En: "The record:"},
	"check":     {Zh: "必须成立，否则答复是关于别人的：%s", En: "this must hold, else the answer is about somebody else: %s"},
	"status":    {Zh: "状态取自 %s：", En: "the status is read from %s:"},
	"row":       {Zh: "  “%s”为%s", En: "  %q is %s"},
	"rowText":   {Zh: "（%s）", En: " (%s)"},
	"unlisted":  {Zh: "  其他任何值：无状态，绝不为绿", En: "  anything else is no status, never green"},
	"noStatus":  {Zh: "本系统没有状态：颜色为无，不会放行", En: "the system has no status: its colour is none, which never passes"},
	"member":    {Zh: "%s 取自 %s", En: "%s is %s"},
	"whose":     {Zh: "所属系统取自 %s", En: "whose code it is says %s"},
	"subject":   {Zh: "持有人标识取自 %s", En: "the issuer's reference to the holder is %s"},
	"until":     {Zh: "有效至 %s", En: "it holds until %s"},
	"othersOf":  {Zh: "同一人的其他码取自 %s", En: "the person's other codes are %s"},
	"bounds":    {Zh: "限制：", En: "Bounds:"},
	"timeout":   {Zh: "每次调用最长 %s", En: "a call takes %s at most"},
	"atOnce":    {Zh: "同时最多 %d 次调用", En: "%d calls at once at most"},
	"rate":      {Zh: "每秒最多 %g 次调用", En: "%g calls a second at most"},
	"reply":     {Zh: "答复最长 %d 字节", En: "a reply has %d bytes at most"},
	"freshness": {Zh: "缓存：绿码 %s，黄码 %s，红码 %s", En: "an answer is served from memory: green %s, yellow %s, red %s"},
	"effects":   {Zh: "后台记录每次调用：不重复发送", En: "the backend records each call: none is sent twice"},
	"inputs":    {Zh: "答复还取决于：%s", En: "an answer depends on %s too"},
}

// outcomeWords say what each word of a clause means.
var outcomeWords = map[string]standard.Text{
	"verified":     {Zh: "验码成功，生成记录", En: "verified, and the record is made"},
	"next":         {Zh: "继续下一步", En: "go on with the next step"},
	"expired":      {Zh: "码已过期", En: "the code has expired"},
	"not_found":    {Zh: "查无此人", En: "the system has nobody of this kind"},
	"unrecognised": {Zh: "不是本系统签发的码", En: "the system has not issued this code"},
	"refused":      {Zh: "后台拒绝作答", En: "the backend declines to answer"},
	"busy":         {Zh: "后台繁忙，暂不可用", En: "the backend is busy: unavailable for now"},
	"quota":        {Zh: "调用配额已用完，暂不可用", En: "our quota is used up: unavailable for now"},
	"retry":        {Zh: "再试一次同一调用", En: "the same call once more"},
	"renew":        {Zh: "更新令牌 %s 后再试一次", En: "renew the token %s, and the same call once more"},
}

// colourWords name the statuses.
var colourWords = map[standard.Status]standard.Text{
	standard.Green: {Zh: "绿", En: "green"}, standard.Yellow: {Zh: "黄", En: "yellow"}, standard.Red: {Zh: "红", En: "red"}, standard.None: {Zh: "无状态", En: "no status"},
}

func (w *words) in(t standard.Text) string {
	if w.zh {
		return t.Zh
	}
	return t.En
}

func (w *words) of(phrase string) string { return w.in(phrases[phrase]) }

func (w *words) list(items []string) string {
	if w.zh {
		return strings.Join(items, "、")
	}
	return strings.Join(items, ", ")
}

// head begins a section, item writes a line of it.
func (w *words) head(text string) { w.out.WriteString("\n" + text + "\n") }

func (w *words) item(phrase string, args ...any) {
	fmt.Fprintf(&w.out, "  "+w.of(phrase)+"\n", args...)
}

// code quotes an expression as it is written.
func code(e *expression) string { return "`" + strings.Join(strings.Fields(e.source.text), " ") + "`" }

// span writes a time span without the zeros that Go puts behind it.
func span(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"0s", "0m"} {
		if shorter := strings.TrimSuffix(text, zero); shorter != "" && !strings.HasSuffix(shorter, ".") && strings.ContainsAny(shorter[len(shorter)-1:], "hm") {
			text = shorter
		}
	}
	return text
}

func (w *words) operand(o operand) string {
	if o.expr != nil {
		return code(o.expr)
	}
	if s, ok := o.literal.(string); ok {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprint(o.literal)
}

func (w *words) system(i *adapters.Info) {
	region := i.Region
	if r, ok := standard.LookupRegion(i.Region); ok {
		region += " " + r.Name
	}
	w.head(fmt.Sprintf(w.of("system"), i.Name.Zh, i.Name.En, i.System, i.Version, region))
	for _, s := range i.Systems {
		fmt.Fprintf(&w.out, w.of("further")+"\n", s.Name.Zh, s.ID, s.Region)
	}
	fmt.Fprintf(&w.out, w.of("provenance")+"\n", i.Provenance, w.list(i.Sources))
	for _, s := range i.Synthetic {
		fmt.Fprintf(&w.out, w.of("synthetic")+"\n", s)
	}
}

func (w *words) scans(forms []form) {
	w.head(w.of("scans"))
	for _, f := range forms {
		lang := "en"
		if w.zh {
			lang = "zh"
		}
		fmt.Fprintf(&w.out, "  %s\n", FormText(f.Form, lang))
		if f.expires != nil {
			w.item("scanExpires", code(f.expires))
		}
		if f.provenance != "" {
			w.item("formFrom", f.provenance)
		}
	}
}

func (w *words) needs(i *adapters.Info) {
	w.head(w.of("needs"))
	w.item("endpoint")
	for _, e := range i.Endpoints {
		w.item("endpointOf", e)
	}
	for _, c := range i.Credentials {
		if c.Secret {
			w.item("secret", c.Name)
		} else {
			w.item("credential", c.Name)
		}
	}
}

func (w *words) token(t *token) {
	w.head(fmt.Sprintf(w.of("token"), t.name))
	if t.per != nil {
		w.item("tokenPer", w.operand(*t.per))
	}
	w.item("obtain", w.line(t.obtain.call))
	w.content(t.obtain.call)
	w.names(t.obtain.scope)
	w.clauses(t.obtain.outcome)
	w.item("tokenValue", code(t.obtain.value))
	if t.renewal != nil {
		w.item("renewal", w.line(t.renewal.call))
		w.content(t.renewal.call)
		w.names(t.renewal.scope)
		w.clauses(t.renewal.outcome)
	}
	if t.obtain.expires != nil {
		w.item("expiresAt", code(t.obtain.expires))
	}
	if t.lives > 0 {
		w.item("lives", span(t.lives))
	}
	if t.renew > 0 {
		w.item("renewAfter", span(t.renew))
	}
}

func (w *words) step(n int, st *step) {
	head := fmt.Sprintf(w.of("step"), n)
	if st.when != nil {
		head += fmt.Sprintf(w.of("stepWhen"), code(st.when))
	}
	w.head(head + w.of("ends"))
	if st.call == nil {
		w.item("noCall")
	} else {
		w.item("call", w.line(st.call))
		w.content(st.call)
	}
	w.names(st.scope)
	w.clauses(st.outcome)
	w.item("otherwise")
}

func (w *words) names(bindings []*binding) {
	for _, b := range bindings {
		w.item("name", b.name, w.operand(b.value))
	}
}

// line writes a call's method and path.
func (w *words) line(c *call) string {
	var path strings.Builder
	for _, p := range c.path {
		if p.value != nil {
			path.WriteString("{" + p.value.source.text + "}")
		}
		path.WriteString(p.literal)
	}
	text := c.method + " " + path.String()
	if c.endpoint != "" {
		text += fmt.Sprintf(w.of("toOther"), c.endpoint)
	}
	return text
}

// content writes what a call has besides its path.
func (w *words) content(c *call) {
	for _, group := range []struct {
		phrase string
		fields []field
	}{{"query", c.query}, {"header", c.headers}, {"form", c.body.form}} {
		for _, f := range group.fields {
			w.item(group.phrase, f.name, w.operand(f.value))
		}
	}
	if c.body.json != nil {
		w.item("json", w.json(c.body.json))
	}
	if c.body.raw != nil {
		w.item("raw", w.operand(*c.body.raw))
	}
}

func (w *words) json(j *jsonBody) string {
	if j.leaf != nil {
		return w.operand(*j.leaf)
	}
	var parts []string
	if j.isMap {
		for _, m := range j.object {
			parts = append(parts, m.name+": "+w.json(m.value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	for _, item := range j.array {
		parts = append(parts, w.json(item))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func (w *words) clauses(clauses []clause) {
	for _, cl := range clauses {
		said := w.in(outcomeWords[cl.is])
		if cl.is == "renew" {
			said = fmt.Sprintf(said, cl.token)
		}
		if cl.after != nil {
			said += fmt.Sprintf(w.of("after"), w.operand(*cl.after))
		}
		w.item("if", code(cl.when), said)
	}
}

func (w *words) record(d *Descriptor) {
	r := d.record
	w.head(w.of("record"))
	w.names(d.recordNames())
	if r.check != nil {
		w.item("check", code(r.check))
	}
	if r.status == nil {
		w.item("noStatus")
	} else {
		w.item("status", w.operand(*r.status))
		w.statuses(d.statuses)
	}
	for _, named := range []struct {
		phrase string
		value  *operand
	}{{"whose", r.system}, {"subject", r.subject}} {
		if named.value != nil {
			w.item(named.phrase, w.operand(*named.value))
		}
	}
	for _, m := range r.members {
		w.item("member", m.path, w.operand(m.value))
	}
	if r.others != nil {
		w.item("othersOf", code(r.others.of))
	}
	if r.expires != nil {
		w.item("until", code(r.expires))
	}
}

// recordNames gives the names of record's let that something of the record needs, each behind what it needs itself.
func (d *Descriptor) recordNames() []*binding {
	seen := map[*binding]bool{}
	for _, st := range d.steps {
		for _, b := range st.scope {
			seen[b] = true
		}
	}
	var out []*binding
	var visit func(*expression)
	visit = func(e *expression) {
		if e == nil {
			return
		}
		for _, b := range e.needs {
			if !seen[b] {
				seen[b] = true
				visit(b.value.expr)
				out = append(out, b)
			}
		}
	}
	r := d.record
	operands := []*operand{r.status, r.system, r.subject}
	for i := range r.members {
		operands = append(operands, &r.members[i].value)
	}
	visit(r.check)
	for _, o := range operands {
		if o != nil {
			visit(o.expr)
		}
	}
	if r.others != nil {
		visit(r.others.of)
	}
	visit(r.expires)
	return out
}

func (w *words) statuses(rows map[string]statusRow) {
	for _, value := range slices.Sorted(maps.Keys(rows)) {
		line := fmt.Sprintf(w.of("row"), value, w.in(colourWords[rows[value].status]))
		if text := rows[value].text; text != "" {
			line += fmt.Sprintf(w.of("rowText"), text)
		}
		fmt.Fprintf(&w.out, "  %s\n", line)
	}
	w.item("unlisted")
}

func (w *words) bounds(d *Descriptor) {
	l, f := d.info.Limits, d.info.Freshness
	w.head(w.of("bounds"))
	if l.Timeout > 0 {
		w.item("timeout", span(l.Timeout))
	}
	if l.Concurrency > 0 {
		w.item("atOnce", l.Concurrency)
	}
	if l.Rate > 0 {
		w.item("rate", l.Rate)
	}
	if l.Body > 0 {
		w.item("reply", l.Body)
	}
	if f != (adapters.Freshness{}) {
		w.item("freshness", span(f.Green), span(f.Yellow), span(f.Red))
	}
	if d.info.Records {
		w.item("effects")
	}
	if len(d.inputs) > 0 {
		w.item("inputs", w.list(d.inputs))
	}
}
