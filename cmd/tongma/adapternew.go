package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"tongma/gateway/node"
)

// skeleton is a system's folder that lints and passes its fixtures, to be edited. What its files share is in parts.tmpl.
//
//go:embed skeleton
var skeleton embed.FS

// skeletonFiles are those of the new folder.
var skeletonFiles = []string{"adapter.yaml", "fixtures.yaml", "README.md"}

// systemID is what a system may be called.
var systemID = regexp.MustCompile(`^[a-z][a-z0-9]{1,31}$`)

// beginning is what a new system's folder begins with.
type beginning struct {
	System, Name, English, Region string
	Scan                          string // what its codes are: one of scanShapes
	Auth                          string // how its backend knows who asks: one of authShapes
}

var (
	scanShapes = []string{"url", "json", "text"}
	authShapes = []string{"none", "signature", "token", "tif", "zhejiang"}
)

// givenCredential is a credential of a shape, with the value that its fixtures give it.
type givenCredential struct{ Name, Kind, Value string }

var shapeCredentials = map[string][]givenCredential{
	"signature": {{"appId", "text", "a"}, {"appSecret", "secret", "s"}},
	"token":     {{"appId", "text", "a"}, {"appSecret", "secret", "s"}},
	"tif":       {{"paasId", "text", "p"}, {"token", "secret", "t"}},
	"zhejiang":  {{"appKey", "text", "k"}, {"appSecret", "secret", "s"}},
}

func adapterNewCommand() *cobra.Command {
	b := beginning{Region: "110000", Scan: "url", Auth: "signature"}
	dir, lang := ".", spoken()
	cmd := &cobra.Command{
		Use:   "new [SYSTEM]",
		Short: "Begin a new system's folder",
		Long: `Makes a folder named SYSTEM with adapter.yaml, fixtures.yaml and README.md. It lints and passes its fixtures as it
is; edit it into your system's dialect. Nothing is overwritten. Without SYSTEM, on a terminal, it asks.

Begin with what is nearest to your protocol. --scan says what the codes are: url, json (an object) or text. --auth says
how the backend knows who asks:

  none        it does not
  signature   each call carries a time and a hash over it and a secret
  token       a call gets a token, which the others carry
  tif         the x-tif-… headers of Guangdong's gateway: time, nonce, signature
  zhejiang    a secret that rolls, renewed by the one before, and MD5 signatures`,
		Example: `  tongma adapter new
  tongma adapter new ganma --name 赣通码 --english 'Gan Code' --region 360000
  tongma adapter new ganma --scan json --auth token
  tongma adapter lint ganma
  tongma adapter test ganma`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				b.System = args[0]
			} else if err := askFor(&b, cmd.InOrStdin(), cmd.ErrOrStderr(), lang); err != nil {
				return err
			}
			b.fill()
			for _, q := range questions {
				if wrong := q.wrong(*q.answer(&b)); wrong != nil {
					return misuse(wrong.hint.En, "%s", wrong.what.En)
				}
			}
			target := filepath.Join(dir, b.System)
			if err := b.write(target); err != nil {
				return fail(err, "name a system that has no folder in "+dir+" yet")
			}
			builtin, err := node.Builtin()
			if err != nil {
				return err
			}
			noteTaken(cmd.ErrOrStderr(), b.System, builtin)
			fmt.Fprintf(cmd.OutOrStdout(), "%[1]s/adapter.yaml   what its scans look like, how its backend is asked\n"+
				"%[1]s/fixtures.yaml  proof, without a network\n%[1]s/README.md      its manual\n\n"+
				"edit them, then:\n  tongma adapter lint %[1]s\n  tongma adapter test %[1]s\n", target)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "dir", dir, "make the folder in `DIR`")
	f.StringVar(&b.Name, "name", "", "the system's Chinese name")
	f.StringVar(&b.English, "english", "", "the system's English name")
	f.StringVar(&b.Region, "region", b.Region, "the system's home `REGION` of GB/T 2260")
	f.StringVar(&b.Scan, "scan", b.Scan, "what its codes are: `SHAPE` "+strings.Join(scanShapes, ", "))
	f.StringVar(&b.Auth, "auth", b.Auth, "how its backend knows who asks: `SHAPE` "+strings.Join(authShapes, ", "))
	f.StringVar(&lang, "lang", lang, "ask in this `LANGUAGE`: zh or en")
	mustComplete(cmd, "scan", scanShapes)
	mustComplete(cmd, "auth", authShapes)
	mustComplete(cmd, "lang", languages)
	return cmd
}

// fill gives the names that nobody has given.
func (b *beginning) fill() {
	if b.Name == "" {
		b.Name = b.System
	}
	if b.English == "" && b.System != "" {
		b.English = strings.ToUpper(b.System[:1]) + b.System[1:] + " Code"
	}
}

// Credentials are those of the shape.
func (b beginning) Credentials() []givenCredential { return shapeCredentials[b.Auth] }

// Field is what a code's form calls the part of it that the backend is asked about.
func (b beginning) Field() string {
	if b.Scan == "json" {
		return b.System + "Code"
	}
	return "token"
}

// Prefix is what a text code begins with.
func (b beginning) Prefix() string { return strings.ToUpper(b.System) + ":" }

// Sample is the scan of the fixtures, as YAML has it.
func (b beginning) Sample() string {
	const token = "00112233445566778899aabbccddeeff"
	switch b.Scan {
	case "json":
		return fmt.Sprintf(`'{"%s":"%s"}'`, b.Field(), token)
	case "text":
		return `"` + b.Prefix() + token + `"`
	}
	return "https://" + b.System + ".example/" + token
}

// write fills the skeleton into a new folder.
func (b beginning) write(target string) error {
	parts, err := template.ParseFS(skeleton, "skeleton/*")
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	for _, name := range skeletonFiles {
		var text bytes.Buffer
		if err := parts.ExecuteTemplate(&text, name, b); err != nil {
			return err
		}
		files[name] = text.Bytes()
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(target, 0o755); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already", target)
	} else if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(target, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
