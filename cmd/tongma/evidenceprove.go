package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tongma/gateway/client"
	"tongma/standard/proof"
	"tongma/standard/sm"
)

// proveFlags are the flags of evidence prove.
type proveFlags struct {
	callFlags
	out    string
	former []string
}

func evidenceProveCommand() *cobra.Command {
	f := &proveFlags{callFlags: callFlags{own: callerFile}}
	cmd := &cobra.Command{
		Use:   "prove (ID | -)",
		Short: "Get the proof that a verification was answered as it was",
		Long: `Asks a gateway for the proof that the verification ID is in its evidence, checks it with the gateway's public key, and shows what it proves: who
asked, when and where, which system said what, and what was decided. Whoever asked then may ask for it, and operators, testers and
the privacy officer; to all others there is no such entry. It is there as soon as the answer is, and for as long as entries are kept whole.

"-" reads the ID from standard input, or what ` + "`tongma verify --json`" + ` printed: then that answer, too, is held against the entry.

With --out the proof stays in a file, which anybody can check for good with the gateway's public key, without any gateway:
` + "`tongma evidence verify FILE --key gateway.pub.pem`" + `. It names nobody.

EXIT STATUS
  0   proved
  1   there is no such entry for you, or what came does not prove it
  2   the command line cannot be meant
  3   the gateway cannot be reached`,
		Example: `  tongma evidence prove 01JZ0000000000000000000000
  tongma verify --json "$SCAN" | tongma evidence prove - --out proof.json
  tongma evidence prove 01JZ0000000000000000000000 --as station-east.json --lang zh`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("evidence prove needs one ID, or -")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			id, answer, err := readID(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			return f.run(cmd, id, answer)
		},
	}
	f.on(cmd)
	cmd.Flags().StringVar(&f.out, "out", "", "keep the proof in the new `FILE`")
	cmd.Flags().StringArrayVar(&f.former, "key", nil, "another public key that the gateway has had, a PEM `FILE`")
	return cmd
}

// run gets the proof of id, and holds answer against it unless that is nil.
func (f *proveFlags) run(cmd *cobra.Command, id string, answer []byte) error {
	c, a, err := f.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	keys, err := gatewayKeys(append([]string{a.Gateway.PublicKey}, f.former...))
	if err != nil {
		return err
	}
	got, err := prove(cmd.Context(), c, a, keys, id)
	if err != nil {
		return err
	}
	if answer != nil {
		is := isAnswer(got.entry, answer)
		if got.Answer = &is; !is {
			return fail(errors.New("the entry is of another answer than the one that was given here"), "compare what you have with the entry: `tongma evidence prove "+id+"`")
		}
	}
	if f.out != "" {
		if err := writeWholeNew(f.out, func(w io.Writer) error { return printJSON(w, got.Proof) }); err != nil {
			return fail(err, newFileHint)
		}
	}
	return f.tell(cmd.OutOrStdout(), a, got)
}

func (f *proveFlags) tell(out io.Writer, a *access, got *proved) error {
	if f.json {
		return printJSON(out, got)
	}
	p := evidencePage{out, f.lang, wantsColour(out)}
	p.verdict(true, fmt.Sprintf("已证明：网关 %s 确曾如此作答", a.Gateway.ID), fmt.Sprintf("proved: the gateway %s has said this", a.Gateway.ID))
	p.proof(&got.checkedProof)
	if f.out != "" {
		fmt.Fprintf(out, p.say("任何人均可核对：tongma evidence verify %s --key %s\n", "anybody can check it: tongma evidence verify %s --key %s\n"), f.out, a.Gateway.PublicKey)
	}
	return nil
}

// proved is what evidence prove tells.
type proved struct {
	checkedProof
	Proof *proof.Proof `json:"proof"`
}

// readID gives the id that is meant, and the answer if that is what was given.
func readID(stdin io.Reader, arg string) (id string, answer []byte, err error) {
	const hint = "it stands in the answer, and in what `tongma verify` shows: 26 digits and letters, such as 01JZ0000000000000000000000"
	if arg == "-" {
		data, err := io.ReadAll(io.LimitReader(stdin, maxProofFile))
		if err != nil {
			return "", nil, fail(fmt.Errorf("standard input: %w", err), "")
		}
		if arg = strings.TrimSpace(string(data)); strings.HasPrefix(arg, "{") {
			answer = data
			if arg = idOf(data); arg == "" {
				return "", nil, misuse(hint, "standard input is neither an id nor an answer")
			}
		}
	}
	if len(arg) != 26 || strings.Trim(arg, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" {
		return "", nil, misuse(hint, "that is not the id of a verification")
	}
	return arg, answer, nil
}

// idOf is the id in an answer, or in its data; "" if there is none.
func idOf(answer []byte) string {
	var v struct {
		ID   string `json:"id"`
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if json.Unmarshal(answer, &v) != nil {
		return ""
	}
	return cmp.Or(v.ID, v.Data.ID)
}

// prove asks for a proof and checks it.
func prove(ctx context.Context, c *client.Client, a *access, keys proof.Keys, id string) (*proved, error) {
	p, err := c.Prove(ctx, id)
	if err != nil {
		return nil, a.evidenceFailed(err)
	}
	return checkProof(p, keys, id)
}

// checkProof makes sure that a proof proves the entry of id.
func checkProof(p *proof.Proof, keys proof.Keys, id string) (*proved, error) {
	entry, head, err := p.Verify(keys)
	if err != nil {
		return nil, fail(err, "if the gateway had another key then, name it with --key; else tell the gateway's operator")
	}
	if entry.ID != id {
		return nil, fail(errors.New("the gateway has proved another entry than that which was asked for"), "tell the gateway's operator")
	}
	return &proved{*showProof(p, entry, head), p}, nil
}

// showProof says what a proof that holds proves.
func showProof(p *proof.Proof, entry *proof.Entry, head *proof.Head) *checkedProof {
	sum := sm.Sum(p.Head)
	return &checkedProof{
		Entry: showEntry(entry), Log: head.Log, Group: head.Group, Number: p.Number, Of: head.Count, Signed: head.At, Key: head.Key, Head: hexOf(sum[:]),
		entry: entry,
	}
}
