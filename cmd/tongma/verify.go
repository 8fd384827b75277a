package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tongma/gateway/client"
	"tongma/standard"
)

// defaultPlace is where a check happens unless --place says otherwise: 110000 北京市.
const defaultPlace = "110000"

// maxScanInput bounds what is read of a scan from standard input, in bytes: more than any scan may have.
const maxScanInput = 16 << 10

func verifyCommand() *cobra.Command {
	var dir, place, system, document, name string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify (SCAN | - | --document TYPE:NUMBER --name NAME)",
		Short: "Verify a scan or a document through a running demo",
		Long: `Asks the gateway of the demo in --dir to verify SCAN, the text that came out of a 2-D symbol, or an
identity document. The request is signed with the folder's caller key, and the answer is believed only
if its signature is by the folder's gateway.pub.pem over this very request.

Some systems answer only who says where, and who verifies: the request names people and a place that do
not exist.

"-" reads the scan from standard input, so that it stays out of the shell's history.

EXIT STATUS
  0   a correctly signed answer came, whatever it says
  1   the gateway refused the request, or the answer's signature is wrong
  2   the command line cannot be meant
  3   the gateway cannot be reached`,
		Example: `  tongma verify '{"codeId":"0123456789abcdef"}'
  scanner | tongma verify - --place 440100
  tongma verify --system suishen --document 01:000000194507219983 --name 王某辛
  tongma verify --json "$SCAN" | jq .decision`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := verifyRequest(cmd.InOrStdin(), args, document, name)
			if err != nil {
				return err
			}
			req.Place = standard.Place{Region: place, Site: demoSite}
			req.System, req.Operator = system, &demoOperator
			v, err := askDemo(cmd.Context(), dir, req)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), v)
			}
			panel{w: cmd.OutOrStdout(), colour: wantsColour(cmd.OutOrStdout())}.draw(v, place)
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", defaultDir, "the demo's folder `DIR`")
	cmd.Flags().StringVar(&place, "place", defaultPlace, "where the check happens: a `REGION` of GB/T 2260")
	cmd.Flags().StringVar(&system, "system", "", "ask the system `ID` alone")
	cmd.Flags().StringVar(&document, "document", "", "a document instead of a scan: `TYPE:NUMBER`, such as 01:000000194507219983")
	cmd.Flags().StringVar(&name, "name", "", "the `NAME` on the document")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the answer's data as JSON")
	return cmd
}

// Where and in whose name the demo verifies: some systems answer only who tells them. The phone is nobody's.
const demoSite = "演示通道"

var demoOperator = standard.Operator{ID: demoCallerID, Name: "某演示员", Department: "演示单位", Phone: "13000000000"}

// verifyRequest makes a request of the command line: exactly one of a scan and a document with its name.
func verifyRequest(stdin io.Reader, args []string, document, name string) (*standard.Request, error) {
	const hint = "give a scan, or - to read one, or --document TYPE:NUMBER with --name NAME"
	switch {
	case len(args) == 1 && document == "" && name == "":
		scan, err := readScan(stdin, args[0])
		return &standard.Request{Scan: scan}, err
	case len(args) == 0 && document != "" && name != "":
		kind, number, ok := strings.Cut(document, ":")
		if !ok {
			return nil, misuse("types are listed by `tongma standard --documents`", "--document must be TYPE:NUMBER")
		}
		return &standard.Request{Document: &standard.Document{Type: kind, Number: number, Name: name}}, nil
	case len(args) == 0 && document == "" && name == "":
		return nil, misuse(hint, "nothing to verify")
	}
	return nil, misuse(hint, "a scan, or a document and its name, and nothing else")
}

// readScan gives the scan as typed, or from standard input without the line end that a scanner puts behind it.
func readScan(stdin io.Reader, arg string) (string, error) {
	if arg != "-" {
		return arg, nil
	}
	data, err := io.ReadAll(io.LimitReader(stdin, maxScanInput))
	if err != nil {
		return "", fail(fmt.Errorf("standard input: %w", err), "")
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// askDemo asks the gateway of the demo in dir and gives what went wrong its exit code.
func askDemo(ctx context.Context, dir string, req *standard.Request) (*standard.Verification, error) {
	c, err := demoClient(dir)
	if err != nil {
		return nil, err
	}
	v, err := c.Verify(ctx, req)
	if err != nil {
		return nil, unanswered(err, filepath.Join(dir, gatewayPubFile), "is the demo running? start `tongma demo --dir "+dir+"`")
	}
	return v, nil
}

// unanswered gives what went wrong with a call its exit code. The hints say which key is pinned, and what to do if nobody is there.
func unanswered(err error, pinned, absent string) error {
	var refused *client.RefusedError
	switch {
	case errors.As(err, &refused):
		return fail(err, refused.Todo())
	case errors.Is(err, client.ErrSignature):
		return fail(err, "do not act on this answer: another gateway than "+pinned+" names, or somebody in between, has sent it")
	case errors.Is(err, client.ErrUnreachable):
		return &failure{exitUnreachable, err, absent}
	}
	return fail(err, "")
}
