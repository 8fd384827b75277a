package main

import (
	"crypto/x509/pkix"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tongma/standard"
	"tongma/standard/sm"
)

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make and show SM2 keys",
		Args:  cobra.ArbitraryArgs,
		RunE:  needSubcommand,
	}
	cmd.AddCommand(keysGenCommand(), keysCSRCommand(), keysShowCommand())
	return cmd
}

func keysGenCommand() *cobra.Command {
	var out, password string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "gen --out FILE",
		Short: "Make a key",
		Long: `Makes an SM2 key. FILE gets the private key (PKCS#8 PEM, for its owner's eyes alone), FILE with .pub before its
extension the public one (SPKI PEM). Nothing is overwritten. OpenSSL 3 reads and writes the same files.`,
		Example: `  tongma keys gen --out gate-1.key.pem
  tongma keys gen --out gateway.key.pem --password-file password.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return misuse("such as --out gate-1.key.pem", "keys gen needs --out FILE")
			}
			secret, err := readPassword(password)
			if err != nil {
				return err
			}
			key, err := sm.GenerateKey()
			if err != nil {
				return err
			}
			public := publicName(out)
			pem, err := key.Public().MarshalPEM()
			if err != nil {
				return err
			}
			if err := writeNew(public, pem, 0o644); err != nil {
				return fail(err, newFileHint)
			}
			if err := writeKey(out, key, secret); err != nil {
				os.Remove(public)
				return fail(err, newFileHint)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]string{"key": key.Public().ID(), "private": out, "public": public})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "key %s\nprivate  %s\npublic   %s\n", key.Public().ID(), out, public)
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "the private key's `FILE`")
	cmd.Flags().StringVar(&password, "password-file", "", "encrypt the private key with the password in `FILE`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

const newFileHint = "name a new file in a folder that you may write to"

// publicName is gate.pub.pem for gate.key.pem or gate.pem.
func publicName(private string) string {
	return strings.TrimSuffix(strings.TrimSuffix(private, ".pem"), ".key") + ".pub.pem"
}

func readPassword(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fail(err, "name the file that holds the password")
	}
	password := strings.TrimRight(string(data), "\r\n")
	if password == "" {
		return nil, misuse("put the password on its first line", "%s is empty", path)
	}
	return []byte(password), nil
}

func keysCSRCommand() *cobra.Command {
	var out, password, name, organisation, country string
	cmd := &cobra.Command{
		Use:   "csr KEYFILE --name NAME",
		Short: "Make a certificate request for a key",
		Long:  "Writes a certificate request (PKCS#10 PEM, SM2 with SM3) for the private key in KEYFILE, to be sent to an authority.",
		Example: `  tongma keys csr gate-1.key.pem --name gate-1 --organisation 示例交通枢纽
  tongma keys csr gate-1.key.pem --name gate-1 --out gate-1.csr.pem`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(name) == "" {
				return misuse("such as --name gate-1", "keys csr needs --name NAME")
			}
			if c, ok := standard.LookupCountry(country); !ok || c.Alpha2 != country {
				return misuse("two letters of GB/T 2659, such as CN", "no country %q", country)
			}
			secret, err := readPassword(password)
			if err != nil {
				return err
			}
			key, err := readPrivateKey(args[0], secret)
			if err != nil {
				return fail(err, "make one with `tongma keys gen --out FILE`; an encrypted one needs --password-file")
			}
			subject := pkix.Name{CommonName: name, Country: []string{country}}
			if organisation != "" {
				subject.Organization = []string{organisation}
			}
			request, err := sm.NewCertificateRequest(key, subject)
			if err != nil {
				return err
			}
			if out == "" {
				_, err = cmd.OutOrStdout().Write(request)
				return err
			}
			if err := writeNew(out, request, 0o644); err != nil {
				return fail(err, newFileHint)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "the subject's common `NAME`")
	cmd.Flags().StringVar(&organisation, "organisation", "", "the subject's organisation")
	cmd.Flags().StringVar(&country, "country", "CN", "the subject's country, two letters")
	cmd.Flags().StringVar(&out, "out", "", "write to the new `FILE` instead of standard output")
	cmd.Flags().StringVar(&password, "password-file", "", "the private key's password is in `FILE`")
	return cmd
}

// shownKey is what keys show tells of a file. It never holds a private key.
type shownKey struct {
	Kind      string `json:"kind"` // private key, public key, certificate, certificate request
	Key       string `json:"key"`  // the key id
	Subject   string `json:"subject,omitempty"`
	Issuer    string `json:"issuer,omitempty"`
	NotBefore string `json:"notBefore,omitempty"`
	NotAfter  string `json:"notAfter,omitempty"`
	Public    string `json:"public"` // SPKI PEM
}

func keysShowCommand() *cobra.Command {
	var password string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Show a key, a certificate or a certificate request",
		Long: `Shows what is in a PEM file, with the key id that X-Tongma-Key may carry and the public key. Of a private key only
its public part is shown.`,
		Example: "  tongma keys show gate-1.key.pem\n  tongma keys show gateway.pub.pem --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			secret, err := readPassword(password)
			if err != nil {
				return err
			}
			data, err := readKeyFile(args[0])
			if err != nil {
				return fail(err, "name a PEM file")
			}
			shown, err := showKey(data, secret)
			if err != nil {
				return fail(fmt.Errorf("%s: %w", args[0], err), "give an SM2 key, certificate or certificate request as PEM; an encrypted key needs --password-file")
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), shown)
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "%s %s\n", shown.Kind, shown.Key)
			for _, row := range [][2]string{{"subject", shown.Subject}, {"issuer", shown.Issuer}, {"not before", shown.NotBefore}, {"not after", shown.NotAfter}} {
				if row[1] != "" {
					fmt.Fprintf(out, "%-10s %s\n", row[0], tame(row[1]))
				}
			}
			fmt.Fprint(out, shown.Public)
			return nil
		},
	}
	cmd.Flags().StringVar(&password, "password-file", "", "the private key's password is in `FILE`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// showKey reads a PEM file by the label that it carries.
func showKey(data, password []byte) (*shownKey, error) {
	shown := &shownKey{}
	var public *sm.PublicKey
	switch text := string(data); {
	case strings.Contains(text, "PRIVATE KEY-----"):
		key, err := sm.ParsePrivateKeyPEM(data, password)
		if err != nil {
			return nil, err
		}
		shown.Kind, public = "private key", key.Public()
	case strings.Contains(text, "CERTIFICATE REQUEST-----"):
		request, err := sm.ParseCertificateRequest(data)
		if err != nil {
			return nil, err
		}
		shown.Kind, shown.Subject, public = "certificate request", request.Subject.String(), request.Key
	case strings.Contains(text, "CERTIFICATE-----"):
		c, err := sm.ParseCertificate(data)
		if err != nil {
			return nil, err
		}
		shown.Kind, shown.Subject, shown.Issuer, public = "certificate", c.Subject.String(), c.Issuer.String(), c.Key
		shown.NotBefore, shown.NotAfter = c.NotBefore.Format(time.RFC3339), c.NotAfter.Format(time.RFC3339)
	default:
		key, err := sm.ParsePublicKeyPEM(data)
		if err != nil {
			return nil, err
		}
		shown.Kind, public = "public key", key
	}
	pem, err := public.MarshalPEM()
	shown.Key, shown.Public = public.ID(), string(pem)
	return shown, err
}
