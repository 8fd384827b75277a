package descriptor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"
)

// explain says in words of the language what expr says in words of Go.
func (c *compiler) explain(sc *scope, s scalar, fe *file.Error) (what, mend string) {
	source := []rune(s.text)
	before, rest := "", ""
	if fe.From >= 0 && fe.From <= len(source) {
		before, rest = string(source[:fe.From]), string(source[fe.From:])
	}
	what = strings.TrimSpace(fe.Message)
	if name, ok := strings.CutPrefix(what, "unknown name "); ok {
		if strings.HasPrefix(strings.TrimPrefix(rest, name), "(") {
			return "there is no function " + name, mendFunction(name)
		}
		return "unknown name " + name, mendName(sc, name)
	}
	if member, ok := strings.CutPrefix(what, "unknown field "); ok {
		group := lastName.FindString(strings.TrimRight(before, ".?["))
		known, _ := sc.names[group].(types.Map)
		if len(known) == 0 {
			return fmt.Sprintf("%s has no member %s", group, member), "it has none: declare it first"
		}
		return fmt.Sprintf("%s has no member %s", group, member), "it has " + list(known)
	}
	if strings.HasPrefix(what, "cannot use ") || strings.Contains(what, "mismatched type") {
		what = asArgument.ReplaceAllString(goWords.Replace(what), "where $1 is needed")
	}
	if m := ofCall.FindStringSubmatch(what); m != nil {
		return what, "it is written " + usageOf(m[1], s.text)
	}
	if strings.Contains(what, "is not callable") {
		return "this is not a function", "write it without ()"
	}
	if strings.Contains(what, "exceeds maximum allowed nodes") {
		return fmt.Sprintf("the expression has more than %d parts", maxNodes), "bind parts of it to names"
	}
	for _, word := range []string{"unexpected token", "unclosed", "not terminated", "expected name"} {
		if strings.Contains(what, word) {
			return "not an expression: " + what, "if YAML has cut it, quote it whole: '=…'"
		}
	}
	return what, "see the functions and operators in adapters/README.md"
}

var (
	lastName = regexp.MustCompile(`[A-Za-z]+$`)
	ofCall   = regexp.MustCompile(`to call (\w+)$`)
	goWords  = strings.NewReplacer(
		"map[string]interface {}", "a map", "[]interface {}", "a list", "[]uint8", "bytes", "time.Time", "a time", "time.Duration", "a time span",
		"string", "text", "int", "a whole number", "to call "+plusName, "in +",
	)
	asArgument = regexp.MustCompile(`as argument \(type (.+?)\)`)
)

// elsewhere says where a name is that does not stand everywhere.
var elsewhere = map[string]string{
	"body":     "it is there once a call has been answered: in then and outcome of that call; bind under then what later steps and the record need",
	"http":     "it is there once a call has been answered: in then and outcome of that call; bind under then what later steps and the record need",
	"sent":     "it is there in headers only",
	"old":      "it is there in the renewal of a token only",
	"it":       "it is there in others and trips only, for each of what of gives",
	"string":   "text(x) makes text",
	"token":    "a call that fetches a token cannot use one",
	"per":      "it is there in the calls of a token that has per only",
	"scan":     tokenForAll,
	"ticket":   tokenForAll,
	"place":    tokenPerPlace,
	"caller":   tokenPerPlace,
	"operator": tokenPerPlace,
}

const (
	tokenForAll   = "a token is fetched once for everybody: its call knows neither the scan nor the place"
	tokenPerPlace = tokenForAll + "; if there is one for each, give it  per: =place.ids.device  and read that as per"
)

func mendName(sc *scope, name string) string {
	if mend, ok := elsewhere[name]; ok && !sc.given {
		return mend
	}
	shown := map[string]struct{}{}
	for known, kind := range sc.names {
		if _, group := kind.(types.Map); slices.Contains(groups, known) || group && sc.given {
			known += ".…"
		}
		shown[known] = struct{}{}
	}
	return "the names here are " + list(shown)
}

// otherwise names what the language has in place of a function of expr.
var otherwise = map[string]string{
	"string": "text(x) makes text", "toJSON": "tojson(x) makes JSON", "fromJSON": "json(x) reads JSON",
	"toBase64": "base64(x) does it", "fromBase64": "unbase64(x) does it", "date": "time(text, layout) does it", "float": "int(x) reads a whole number",
}

func mendFunction(name string) string {
	if mend, ok := otherwise[name]; ok {
		return mend
	}
	return functionList
}

var functionList = "the functions are " + strings.Join(functionNames(), ", ")

func functionNames() []string {
	names := slices.Clone(builtins)
	for _, f := range functions(time.UTC) {
		names = append(names, f.name)
	}
	slices.Sort(names)
	return names
}

// usageOf says how a function is written.
func usageOf(name, source string) string {
	if strings.Contains(source, "random."+name+"(") {
		return "random." + name + "(n): n random characters"
	}
	for _, f := range functions(time.UTC) {
		if f.name == name {
			return f.usage
		}
	}
	return name + "()"
}
