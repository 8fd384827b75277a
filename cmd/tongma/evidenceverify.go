package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tongma/standard"
)

// verifyFlags are the flags of evidence verify.
type verifyFlags struct {
	keys          []string
	answer, lang  string
	json, entries bool
}

func evidenceVerifyCommand() *cobra.Command {
	f := &verifyFlags{}
	cmd := &cobra.Command{
		Use:   "verify FILE... --key GATEWAY.pem",
		Short: "Check proofs and exports, without any gateway",
		Long: `Checks each FILE, a proof or an export, with the gateway's public key and nothing else. --key may be given more than once, for a gateway that has
changed its key.

Of a proof it shows what was said, by whom it was asked and when. With --answer it also compares the answer that you have: the body as it was
received, the text of its "data", or what ` + "`tongma verify --json`" + ` has printed.

Of an export it checks every entry, every signature and that each group follows the one before it, and says with line and group where something
does not. Exports of one log are taken to follow each other in the order in which they are named: a later one must go on where the one
before it has ended, or have its last group, too. A proof that is named beside an export of its log must agree with it: two signed heads of one number would be
proof against the gateway itself.

With --entries it also prints what stands in exports, a line of JSON for each entry of a group that holds; what became of the files is told on standard
error then.

What it cannot show: what came after the end of an export, and, if it does not begin with group 0, what came before.

EXIT STATUS
  0   all of it holds
  1   something does not, or a file cannot be read
  2   the command line cannot be meant`,
		Example: `  tongma evidence verify proof.json --key gateway.pub.pem
  tongma evidence verify proof.json --key gateway.pub.pem --answer answer.json
  tongma evidence verify 2022-01.export 2022-02.export proof.json --key gateway.pub.pem --json | jq .holds
  tongma evidence verify 2022-01.export --key gateway.pub.pem --entries | jq 'select(.action == "deny")'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("evidence verify needs FILE")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error { return f.run(cmd, files) },
	}
	cmd.Flags().StringArrayVar(&f.keys, "key", nil, "the gateway's public key, a PEM `FILE`")
	cmd.Flags().StringVar(&f.answer, "answer", "", "the answer that a proof is of, a `FILE`")
	cmd.Flags().BoolVar(&f.entries, "entries", false, "print the entries of exports, each on a line of JSON")
	langFlag(cmd, &f.lang)
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

// run checks the files and tells what became of them.
func (f *verifyFlags) run(cmd *cobra.Command, files []string) error {
	c, err := f.checker()
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if f.entries {
		lines := bufio.NewWriter(out)
		defer lines.Flush()
		c.entries, out = json.NewEncoder(lines), cmd.ErrOrStderr()
		c.entries.SetEscapeHTML(false)
	}
	report, err := c.check(cmd.Context(), files, func(size int64) (func(int64), func()) {
		return advance(cmd.ErrOrStderr(), size, say(standard.Text{Zh: "核对中", En: "checking"}, f.lang))
	})
	if err != nil {
		return err
	}
	if err := f.tell(out, report); err != nil {
		return err
	}
	if !report.Holds {
		return errFindings
	}
	return nil
}

// checker makes what the flags ask for.
func (f *verifyFlags) checker() (*checker, error) {
	if err := checkLang(f.lang); err != nil {
		return nil, err
	}
	keys, err := gatewayKeys(f.keys)
	if err != nil {
		return nil, err
	}
	c := newChecker(keys)
	if f.answer != "" {
		if c.answer, err = os.ReadFile(f.answer); err != nil {
			return nil, misuse("--answer names the file with the answer", "%w", err)
		}
	}
	return c, nil
}

func (f *verifyFlags) tell(out io.Writer, report *checkReport) error {
	if f.json {
		return printJSON(out, report)
	}
	p := evidencePage{out, f.lang, wantsColour(out)}
	for _, file := range report.Files {
		p.checked(file)
	}
	return nil
}

// checked tells what has become of a file.
func (p evidencePage) checked(f *checkedFile) {
	if f.Holds {
		p.verdict(true, "成立  "+tame(f.File), "it holds  "+tame(f.File))
	} else {
		p.verdict(false, "不成立  "+tame(f.File), "it does not hold  "+tame(f.File))
	}
	for _, wrong := range f.Faults {
		where := ""
		switch {
		case wrong.Line == 1:
			where = p.say("第1行：", "line 1: ")
		case wrong.Line > 1:
			where = fmt.Sprintf(p.say("第%d行，第%d组：", "line %d, group %d: "), wrong.Line, wrong.Group)
		}
		fmt.Fprintln(p.w, "  "+where+tame(wrong.Error))
	}
	if f.More > 0 {
		fmt.Fprintf(p.w, p.say("  另有 %d 处\n", "  and %d more\n"), f.More)
	}
	switch {
	case f.Proof != nil:
		p.proof(f.Proof)
	case f.Export != nil && f.Export.Groups > 0:
		p.export(f.Export)
	}
}

func (p evidencePage) proof(c *checkedProof) {
	rows := append(p.entry(c.entry),
		labelled{"所在", "place", fmt.Sprintf(p.say("日志 %s，第 %d 组，第 %d 条，共 %d 条", "log %s, group %d, entry %d of %d"), c.Log, c.Group, c.Number+1, c.Of)},
		labelled{"签名", "signed", join("  ", moment(c.Signed), p.say("密钥 ", "by key ")+c.Key)})
	if c.Answer != nil && *c.Answer {
		rows = append(rows, labelled{"应答", "answer", p.say("与所给应答一致", "it is the one that you have")})
	}
	if c.In != "" {
		rows = append(rows, labelled{"另见", "agrees with", c.In})
	}
	p.rows(rows)
}

func (p evidencePage) export(e *checkedExport) {
	entries := digits(float64(e.Entries))
	if e.Hashes > 0 {
		entries += fmt.Sprintf(p.say("；另有 %s 条仅存哈希", ", and of %s more their hashes, because they were given up"), digits(float64(e.Hashes)))
	}
	groups := fmt.Sprintf(p.say("第 %d 至 %d 组", "%d to %d"), e.From, e.To-1)
	if all := e.To - e.From; e.Groups < all {
		groups += fmt.Sprintf(p.say("，其中仅 %s 组成立", ", of which %s hold"), digits(float64(e.Groups)))
	}
	before := ""
	switch {
	case e.Follows != "":
		before = fmt.Sprintf(p.say("接续 %s", "it goes on from %s"), e.Follows)
	case e.Given:
		before = fmt.Sprintf(p.say("第 %d 组之前的内容未核对：请把较早的导出文件放在它前面", "what came before group %d is not checked: name the earlier export before this one"), e.From)
	}
	p.rows([]labelled{
		{"日志", "log", e.Log},
		{"分组", "groups", groups},
		{"条目", "entries", entries},
		{"时间", "written", clock(e.Begin) + p.say(" 至 ", " to ") + clock(e.End)},
		{"密钥", "signed by", strings.Join(e.Keys, ", ")},
		{"末组头SM3", "last head", e.LastHead},
		{"之前", "before it", before},
	})
}
