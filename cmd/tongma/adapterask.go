package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/term"

	"tongma/standard"
)

// question is one that adapter new asks, and the rule that its answer is held to, wherever it came from.
type question struct {
	ask    standard.Text
	answer func(*beginning) *string
	wrong  func(answer string) *complaint
}

// complaint is what is wrong with an answer, and what would do.
type complaint struct{ what, hint standard.Text }

// questions are asked in this order. Each has for default what a flag said, or what follows from the answers before it.
var questions = []question{
	{standard.Text{Zh: "系统标识（小写字母和数字，如 ganma）", En: "system id (lower-case letters and digits, such as ganma)"},
		func(b *beginning) *string { return &b.System }, wrongSystem},
	{standard.Text{Zh: "中文名称", En: "its Chinese name"}, func(b *beginning) *string { return &b.Name }, wrongName},
	{standard.Text{Zh: "英文名称", En: "its English name"}, func(b *beginning) *string { return &b.English }, wrongName},
	{standard.Text{Zh: "归属地区（GB/T 2260 六位代码）", En: "home region (six digits of GB/T 2260)"},
		func(b *beginning) *string { return &b.Region }, wrongRegion},
	{standard.Text{Zh: "扫码内容形式：" + strings.Join(scanShapes, "、"), En: "what its codes are: " + strings.Join(scanShapes, ", ")},
		func(b *beginning) *string { return &b.Scan }, oneOf("--scan", scanShapes)},
	{standard.Text{Zh: "后台认证方式：" + strings.Join(authShapes, "、"), En: "how its backend knows who asks: " + strings.Join(authShapes, ", ")},
		func(b *beginning) *string { return &b.Auth }, oneOf("--auth", authShapes)},
}

func wrongSystem(s string) *complaint {
	if systemID.MatchString(s) {
		return nil
	}
	return &complaint{
		standard.Text{Zh: "系统标识须为 2 至 32 个小写字母或数字，以字母开头", En: "a system's id is 2 to 32 of a-z and 0-9, a letter first"},
		standard.Text{Zh: "例如 suishen 或 ganma", En: "such as suishen or ganma"},
	}
}

func wrongName(s string) *complaint {
	if s != "" && len([]rune(s)) <= 64 && !strings.ContainsFunc(s, unicode.IsControl) {
		return nil
	}
	return &complaint{
		standard.Text{Zh: "名称须为 1 至 64 个可见字符", En: "a name is 1 to 64 characters on one line"},
		standard.Text{Zh: "例如 赣通码", En: "such as 赣通码 or 'Gan Code'"},
	}
}

func wrongRegion(s string) *complaint {
	if _, ok := standard.LookupRegion(s); ok {
		return nil
	}
	return &complaint{
		standard.Text{Zh: "GB/T 2260 中没有这个地区代码", En: "--region is not in GB/T 2260"},
		standard.Text{Zh: "例如 360000", En: "such as 360000"},
	}
}

func oneOf(flag string, shapes []string) func(string) *complaint {
	return func(s string) *complaint {
		if slices.Contains(shapes, s) {
			return nil
		}
		return &complaint{
			standard.Text{Zh: "没有这种形式", En: flag + " has no such shape"},
			standard.Text{Zh: "可选 " + strings.Join(shapes, "、"), En: "it is one of " + strings.Join(shapes, ", ")},
		}
	}
}

// askFor asks for everything on a terminal. An empty answer takes the default, which stands in brackets; an answer that will not do is
// asked for again.
func askFor(b *beginning, in io.Reader, out io.Writer, lang string) error {
	if f, ok := in.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return misuse("such as `tongma adapter new ganma`", "new needs SYSTEM where there is no terminal to ask on")
	}
	return askAll(b, in, out, lang)
}

func askAll(b *beginning, in io.Reader, out io.Writer, lang string) error {
	lines := bufio.NewScanner(in)
	for _, q := range questions {
		b.fill()
		for answer := q.answer(b); ; {
			fmt.Fprintf(out, "%s%s: ", say(q.ask, lang), inBrackets(*answer))
			if !lines.Scan() {
				return fail(errors.Join(errors.New("the answers ended too early: nothing was made"), lines.Err()), "")
			}
			said := strings.TrimSpace(lines.Text())
			if said == "" {
				said = *answer
			}
			wrong := q.wrong(said)
			if wrong == nil {
				*answer = said
				break
			}
			fmt.Fprintf(out, "  %s: %s\n", say(wrong.what, lang), say(wrong.hint, lang))
		}
	}
	return nil
}

func inBrackets(answer string) string {
	if answer == "" {
		return ""
	}
	return " [" + answer + "]"
}

func say(t standard.Text, lang string) string {
	if lang == "zh" {
		return t.Zh
	}
	return t.En
}
