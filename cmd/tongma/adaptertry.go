package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tongma/adapters"
	"tongma/adapters/descriptor"
	"tongma/gateway/node"
	"tongma/gateway/upstream"
	"tongma/standard"
)

// trial is what adapter try is told.
type trial struct {
	dir            string
	endpoints      []string // URL, or NAME=URL
	credentials    []string // NAME=env:VAR, NAME=file:PATH or NAME=TEXT
	region, site   string
	placeIDs       []string // NAME=TEXT
	operator       []string // NAME=TEXT
	caller         []string // NAME=TEXT
	document, name string
	patience       time.Duration
	show, asJSON   bool
}

func adapterTryCommand() *cobra.Command {
	var t trial
	cmd := &cobra.Command{
		Use:   "try DIR (SCAN | - | --document TYPE:NUMBER --name NAME) --endpoint URL",
		Short: "Verify one scan against a real backend, with every step shown",
		Long: `Recognises SCAN as a gateway would that has the built-in systems and the one in DIR, asks the backend once, and shows all
that happens: the form and what it takes out of the scan, each request as it is sent and its reply, the tokens, each name
of let and then, each clause of outcome and which one held, the outcome and the record.

Values are hidden behind numbered marks such as ‹3: 18 characters›: the same value has the same number everywhere. Shown is
what the descriptor itself says, numbers of up to four digits, and times of today. --show shows everything, secrets and
persons too.

Nothing but the endpoints given is called, and no redirect is followed. "-" reads the scan from standard input.

DIR may be the id of a built-in system too. A descriptor's secret credentials are given as env:VAR or file:PATH, since whoever is on this machine can read command lines.

EXIT STATUS
  0   the backend was understood, whatever it said
  1   it was not, nobody recognises the scan, or the descriptor is at fault
  2   the command line cannot be meant
  3   the backend cannot be reached`,
		Example: `  tongma adapter try ganma "$SCAN" --endpoint http://127.0.0.1:9000 --cred appId=a --cred appSecret=env:GANMA_SECRET
  scanner | tongma adapter try ganma - --endpoint https://backend.example --cred appId=a --cred appSecret=file:secret --show
  tongma adapter try ganma --document 01:000000199001010010 --name 张某某 --endpoint http://127.0.0.1:9000
  tongma adapter try --json ganma "$SCAN" --endpoint http://127.0.0.1:9000 | jq .outcome`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			t.dir = args[0]
			return t.run(cmd, args[1:])
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&t.endpoints, "endpoint", nil, "the backend's `URL`; NAME=URL for a further endpoint of the descriptor")
	f.StringArrayVar(&t.credentials, "cred", nil, "a credential: `NAME=`env:VAR, NAME=file:PATH, or NAME=TEXT if it is no secret")
	f.StringVar(&t.region, "place", defaultPlace, "where the check happens: a `REGION` of GB/T 2260")
	f.StringVar(&t.site, "site", "", "the checkpoint's own `NAME`")
	f.StringArrayVar(&t.placeIDs, "place-id", nil, "what the system calls this place or device: `NAME=TEXT`")
	f.StringArrayVar(&t.operator, "operator", nil, "who checks: `NAME=TEXT` with id, name, department or phone")
	f.StringArrayVar(&t.caller, "caller", nil, "who asks: `NAME=TEXT` with id, device, scene or purpose")
	f.StringVar(&t.document, "document", "", "a document instead of a scan: `TYPE:NUMBER`")
	f.StringVar(&t.name, "name", "", "the `NAME` on the document")
	f.DurationVar(&t.patience, "wait", 10*time.Second, "give up after this `TIME`, all calls together")
	f.BoolVar(&t.show, "show", false, "hide nothing: secrets and persons are printed")
	f.BoolVar(&t.asJSON, "json", false, "print JSON")
	return cmd
}

// run makes the verification and reports it.
func (t *trial) run(cmd *cobra.Command, scan []string) error {
	request, err := verifyRequest(cmd.InOrStdin(), scan, t.document, t.name)
	if err != nil {
		return err
	}
	query, err := t.query()
	if err != nil {
		return err
	}
	files := systemFolder(t.dir)
	d, err := descriptor.Load(files, ".")
	if err != nil {
		return fail(fmt.Errorf("%s: %w", t.dir, err), "see `tongma adapter lint DIR`")
	}
	host, err := t.host(d.Info())
	if err != nil {
		return err
	}
	defer host.Close()
	source, err := fs.ReadFile(files, descriptor.File)
	if err != nil {
		return fail(err, "")
	}
	log := &trialLog{curtain: newCurtain(source, t.show, time.Now()), base: t.base}
	t.hide(log.curtain, d.Info(), host, request)
	system := d.OpenTraced(host, log.add)
	entries, err := beside(d, system)
	if err != nil {
		return err
	}
	report := log.recognise(entries, d, request, &query.Ticket)
	if report.System == d.Info().System {
		ctx, cancel := context.WithTimeout(cmd.Context(), t.patience)
		defer cancel()
		result, err := system.Verify(ctx, query)
		log.conclude(&report, result, err)
	}
	return t.print(cmd.OutOrStdout(), &report)
}

func (t *trial) print(out io.Writer, report *trialReport) error {
	if t.asJSON {
		if err := printJSON(out, report); err != nil {
			return err
		}
	} else {
		report.draw(out)
	}
	switch {
	case report.Outcome != string(standard.Unavailable) && report.System != "" && report.Refused == "":
		return nil
	case report.Reason == string(standard.ReasonUnreachable) || report.Reason == string(standard.ReasonTimeout):
		return errUnreached
	}
	return errFindings
}

// errUnreached is the failure of a command that has already printed that nobody answered.
var errUnreached = &failure{code: exitUnreachable, err: errors.New("unreachable")}

// beside makes the catalogue of a gateway that has the built-in systems and this one, which takes the place of a built-in one of its id.
func beside(d *descriptor.Descriptor, a adapters.Adapter) (*adapters.Catalogue, error) {
	builtin, err := node.Builtin()
	if err != nil {
		return nil, err
	}
	entries := []adapters.Entry{{Info: d.Info(), Adapter: a}}
	for _, b := range builtin {
		if b.Info().System != d.Info().System {
			entries = append(entries, adapters.Entry{Info: b.Info(), Adapter: b.Open(nowhere{})})
		}
	}
	c, err := adapters.NewCatalogue(entries)
	if err != nil {
		return nil, fail(err, "see `tongma adapter lint DIR`")
	}
	return c, nil
}

// nowhere is the host of adapters that are looked at and never asked.
type nowhere struct{ adapters.Host }

func (nowhere) Credential(string) (string, bool) { return "", false }

// query gathers what the descriptor may be told besides the scan.
func (t *trial) query() (*adapters.Query, error) {
	if _, ok := standard.LookupRegion(t.region); !ok {
		return nil, misuse("such as 440100", "--place is not in GB/T 2260")
	}
	q := &adapters.Query{}
	ids := map[string]string{}
	for _, given := range t.placeIDs {
		name, value, ok := strings.Cut(given, "=")
		if !ok {
			return nil, misuse("such as --place-id device=SN1", "--place-id must be NAME=TEXT")
		}
		ids[name] = value
	}
	q.Place = adapters.PlaceOf(standard.Place{Region: t.region, Site: t.site}, ids)
	o, c := &q.Operator, &q.Caller
	if err := members("operator", t.operator, map[string]*string{"id": &o.ID, "name": &o.Name, "department": &o.Department, "phone": &o.Phone}); err != nil {
		return nil, err
	}
	return q, members("caller", t.caller, map[string]*string{"id": &c.ID, "device": &c.Device, "scene": &c.Scene, "purpose": &c.Purpose})
}

// hide names to the curtain what must never be shown.
func (t *trial) hide(c *curtain, info adapters.Info, host adapters.Host, r *standard.Request) {
	private := []string{r.Scan, t.name}
	if r.Document != nil {
		private = append(private, r.Document.Number)
	}
	for _, credential := range info.Credentials {
		if value, _ := host.Credential(credential.Name); credential.Secret {
			private = append(private, value)
		}
	}
	for _, given := range t.operator {
		_, value, _ := strings.Cut(given, "=")
		private = append(private, value)
	}
	for _, value := range private {
		c.private[value] = true
	}
}

// members sets what NAME=TEXT flags name.
func members(flag string, given []string, into map[string]*string) error {
	for _, g := range given {
		name, value, _ := strings.Cut(g, "=")
		member, ok := into[name]
		if !ok {
			return misuse("such as --"+flag+" id=A1", "--%s must be NAME=TEXT with one of %s", flag, strings.Join(sortedKeys(into), ", "))
		}
		*member = value
	}
	return nil
}

// host connects to the endpoints given and to nothing else.
func (t *trial) host(info adapters.Info) (*upstream.Host, error) {
	credentials, err := t.givenCredentials(info)
	if err != nil {
		return nil, err
	}
	config := upstream.HostConfig{Endpoints: map[string]string{}, Credentials: credentials, Connections: 1, Now: time.Now, Reach: upstream.Reach{Networks: upstream.Everywhere}}
	for _, given := range t.endpoints {
		name, value, named := strings.Cut(given, "=")
		switch {
		case !named || strings.Contains(name, "/"):
			config.Endpoint = given
		case !slices.Contains(info.Endpoints, name):
			return nil, misuse("it has "+cmp.Or(strings.Join(info.Endpoints, ", "), "the main one alone"), "the descriptor has no endpoint %s", name)
		default:
			config.Endpoints[name] = value
		}
	}
	if config.Endpoint == "" && len(config.Endpoints) == 0 {
		return nil, misuse("such as --endpoint http://127.0.0.1:9000", "try needs --endpoint URL: where the backend is")
	}
	host, err := upstream.NewHost(config)
	if err != nil {
		return nil, misuse("such as --endpoint http://127.0.0.1:9000", "--%w", err)
	}
	return host, nil
}

// base gives the URL that stands before the target of a call.
func (t *trial) base(endpoint string) string {
	for _, given := range t.endpoints {
		name, value, named := strings.Cut(given, "=")
		if !named || strings.Contains(name, "/") {
			name, value = "", given
		}
		if name == endpoint {
			return strings.TrimSuffix(value, "/")
		}
	}
	return ""
}

// givenCredentials reads the credentials that the descriptor declares. Every one must be there, and no other.
func (t *trial) givenCredentials(info adapters.Info) (map[string]string, error) {
	values := map[string]string{}
	for _, given := range t.credentials {
		name, from, _ := strings.Cut(given, "=")
		at := slices.IndexFunc(info.Credentials, func(c adapters.Credential) bool { return c.Name == name })
		if at < 0 {
			return nil, misuse("--cred NAME=TEXT, NAME=env:VAR or NAME=file:PATH", "the descriptor declares no credential %s", tame(name))
		}
		value, err := credential(from, info.Credentials[at].Secret)
		if err != nil {
			return nil, misuse("such as --cred "+name+"=env:VAR or --cred "+name+"=file:PATH", "credential %s: %w", name, err)
		}
		values[name] = value
	}
	var missing []string
	for _, c := range info.Credentials {
		if _, ok := values[c.Name]; !ok {
			missing = append(missing, "--cred "+c.Name+"="+map[bool]string{true: "env:VAR", false: "TEXT"}[c.Secret])
		}
	}
	if len(missing) > 0 {
		return nil, misuse("add "+strings.Join(missing, " "), "the descriptor needs %d more credentials", len(missing))
	}
	return values, nil
}

// maxSecretFile bounds what is read of a credential's file, in bytes.
const maxSecretFile = 64 << 10

// credential reads one from where it is said to be. A line end behind it in a file is no part of it.
func credential(from string, secret bool) (string, error) {
	if name, ok := strings.CutPrefix(from, "env:"); ok {
		value, ok := os.LookupEnv(name)
		if !ok {
			return "", fmt.Errorf("there is no environment variable %s", name)
		}
		return value, nil
	}
	if path, ok := strings.CutPrefix(from, "file:"); ok {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		value, err := io.ReadAll(io.LimitReader(f, maxSecretFile))
		return strings.TrimRight(string(value), "\r\n"), err
	}
	if secret {
		return "", errors.New("it is secret, and whoever is on this machine can read command lines")
	}
	return from, nil
}
