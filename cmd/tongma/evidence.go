package main

import (
	"errors"

	"github.com/spf13/cobra"

	"tongma/gateway/client"
	"tongma/standard/proof"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

func evidenceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "evidence",
		Short: "Prove what a gateway has said, and check it",
		Long: `A gateway that keeps evidence (存证) writes down what it answers before it answers: who asked, where and for what, which system said what
about a pseudonym, and what was decided. Groups of entries are signed with the gateway's SM2 key and chained, so that nothing in them can be
changed, dropped or put in later. Nobody needs the gateway to check it: its public key is enough.

  tongma evidence prove ID          the proof that one verification was answered as it was
  tongma evidence verify FILE...    check proofs and exports, without any gateway
  tongma evidence export            write a log, or a part of it, into a file that anybody can check
  tongma evidence search            find what was said about a person: the privacy officer alone can
  tongma evidence requests          what travellers ask to be told, and its answers`,
		Args: cobra.ArbitraryArgs,
		RunE: needSubcommand,
	}
	cmd.AddCommand(evidenceProveCommand(), evidenceVerifyCommand(), evidenceExportCommand(), evidenceSearchCommand(), evidenceRequestsCommand())
	return cmd
}

// gatewayKeys reads the public keys whose signatures count.
func gatewayKeys(files []string) (proof.Keys, error) {
	const hint = "give the public key of the gateway, which you have from whoever runs it, such as --key gateway.pub.pem"
	if len(files) == 0 {
		return nil, misuse(hint, "nothing can be checked without --key")
	}
	var keys []*sm.PublicKey
	for _, file := range files {
		key, err := readPublicKey(file)
		if err != nil {
			return nil, misuse(hint, "%w", err)
		}
		keys = append(keys, key)
	}
	return proof.KeysOf(keys...), nil
}

// evidenceFailed is [access.failed] for calls that a gateway without evidence does not have.
func (a *access) evidenceFailed(err error) error {
	if refused, ok := errors.AsType[*client.RefusedError](err); ok && refused.Code == wire.CodeRoute.Code {
		return fail(err, "this gateway keeps no evidence: see evidence: in the example of its configuration")
	}
	return a.failed(err)
}
