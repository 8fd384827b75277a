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
	if i.Dialect != "" {
		fmt.Fprintf(&w.out, w.of("dialect")+"\n", i.Dialect)
	}
	if i.Mode != 1 { // what is said of all others goes without saying
		fmt.Fprintf(&w.out, w.of("mode")+"\n", w.in(modeWords[i.Mode]))
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
