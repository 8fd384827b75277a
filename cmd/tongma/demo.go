package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"tongma/adapters"
	"tongma/conformance/sandbox"
	"tongma/gateway/evidence"
	"tongma/gateway/node"
	"tongma/gateway/registry"
	"tongma/gateway/upstream"
	"tongma/standard"
)

// The demo's own ids.
const (
	demoGatewayID  = "tongma-demo"
	demoCallerID   = "demo-officer"
	demoPlatform   = "demo-platform"
	demoOperatorID = "demo-operator"
	demoPrivacyID  = "demo-privacy-officer"
	demoLog        = "demo"
)

func demoCommand() *cobra.Command {
	var listen, dir, upstream string
	var ready, kept bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a gateway with regional backends on this machine",
		Long: `Runs a gateway and, on loopback ports of their own, the backends of regional systems that speak
their real dialects, with a hundred people each. None of the people exists.

What it answers it keeps as evidence (存证), in a SQLite file.

The demo is ready when GET /readyz answers 200, and ends on SIGINT or SIGTERM. --dir then holds

  demo.json         {"gateway":{"url","id"},"caller":{"id","key"},"platform":{"id","key"},
                    "operator":{"id","key"},"privacy":{"id","key"},"systems":[SYSTEM],"sandbox":{SYSTEM:URL},"log","store"}
  caller.key.pem    the caller's private key (PKCS#8): an officer, granted every purpose, without a rate limit
  platform.key.pem  the private key of a platform that runs all systems, for ` + "`tongma changes`" + `
  operator.key.pem  the private key of an operator, who may take systems out of service, for ` + "`tongma ops`" + `
  privacy.key.pem   the private key with which the privacy officer signs calls, for ` + "`tongma evidence search`" + `
  officer.key.pem   the key that unseals the pseudonyms of a day that is over: the privacy officer's alone, never a gateway's
  gateway.pub.pem   the gateway's public key (SPKI), to be pinned
  caller.json, platform.json, operator.json, privacy.json
                    for --as: which gateway to call, and as whom
  state/            what the gateway keeps; tongma.db is the store of the evidence

and keeps them for the next start. One demo at a time has a folder. With --upstream there is no sandbox: every system's
backend is at that address.`,
		Example: `  tongma demo
  tongma demo --listen 127.0.0.1:0 --dir /tmp/demo
  tongma demo --evidence=false
  tongma demo --upstream http://127.0.0.1:9000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if u, err := url.Parse(upstream); upstream != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
				return misuse("write it like http://127.0.0.1:9000", "--upstream is not an http address")
			}
			if ready {
				info, err := readDemo(dir)
				if err != nil {
					return err
				}
				return askReady(cmd.Context(), info.Gateway.URL)
			}
			return runDemo(cmd.Context(), cmd.OutOrStdout(), demoPlan{listen, dir, upstream, kept})
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "loopback address and port, `ADDR`; port 0 takes a free one")
	cmd.Flags().StringVar(&dir, "dir", defaultDir, "the folder `DIR` of keys and demo.json")
	cmd.Flags().StringVar(&upstream, "upstream", "", "`URL` that is every system's backend instead of the sandbox")
	cmd.Flags().BoolVar(&kept, "evidence", true, "keep evidence of what is answered")
	cmd.Flags().BoolVar(&ready, "ready", false, "ask the demo that runs with --dir whether it is ready (for health checks)")
	return cmd
}

// demoPlan is what the flags ask for.
type demoPlan struct {
	listen, dir, upstream string
	evidence              bool
}

func runDemo(ctx context.Context, out io.Writer, plan demoPlan) error {
	box := sandbox.New(sandbox.Options{})
	info := &demoInfo{Sandbox: map[string]string{}}
	if plan.upstream == "" {
		backends, err := box.Listen(nil)
		if err != nil {
			return fail(fmt.Errorf("sandbox: %w", err), "")
		}
		defer backends.Close()
		info.Sandbox, info.Admin = backends.URLs(), backends.AdminURL()
	}
	cfg, err := demoConfig(box, plan, info)
	if err != nil {
		return fail(err, "give a --dir that you may write to, or remove "+plan.dir+" to begin anew")
	}
	n, err := node.New(cfg)
	if err != nil {
		return plan.unstarted(err)
	}
	info.Gateway.URL = n.URL()
	if err := info.write(plan.dir); err != nil {
		n.Close()
		return fail(err, "give a --dir that you may write to")
	}
	welcome(out, box, info, plan.dir)
	if err := n.Run(ctx); err != nil {
		return fail(err, "")
	}
	fmt.Fprintln(out, "the demo has ended")
	return nil
}

// unstarted says what to do about a gateway that did not start.
func (p demoPlan) unstarted(err error) error {
	switch {
	case errors.Is(err, node.ErrStateTaken):
		return fail(fmt.Errorf("another demo runs with the folder %s", p.dir), "use that one, end it, or give this one a folder of its own: --dir DIR --listen 127.0.0.1:0")
	case errors.Is(err, evidence.ErrEnded), errors.Is(err, evidence.ErrTaken), errors.Is(err, evidence.ErrTampered):
		return fail(err, "remove "+filepath.Join(p.dir, stateFolder)+" to begin the evidence anew")
	case errors.Is(err, syscall.EADDRINUSE):
		return fail(err, "another --listen, perhaps 127.0.0.1:0 for any free port")
	}
	return fail(err, "remove "+p.dir+" to begin anew")
}

// demoConfig puts the demo's keys into dir and says how its gateway is made. It completes info but for the URL.
func demoConfig(box *sandbox.Sandbox, plan demoPlan, info *demoInfo) (*node.Config, error) {
	dir := plan.dir
	state := filepath.Join(dir, stateFolder)
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, err
	}
	gatewayKey, err := keepKey(filepath.Join(dir, gatewayKeyFile))
	if err != nil {
		return nil, err
	}
	callerKey, err := keepKey(filepath.Join(dir, callerKeyFile))
	if err != nil {
		return nil, err
	}
	platformKey, err := keepKey(filepath.Join(dir, platformKeyFile))
	if err != nil {
		return nil, err
	}
	operatorKey, err := keepKey(filepath.Join(dir, operatorKeyFile))
	if err != nil {
		return nil, err
	}
	privacyKey, err := keepKey(filepath.Join(dir, privacyKeyFile))
	if err != nil {
		return nil, err
	}
	if err := keepPublic(filepath.Join(dir, gatewayPubFile), gatewayKey.Public()); err != nil {
		return nil, err
	}
	dialects, err := node.Builtin()
	if err != nil {
		return nil, err
	}
	systems := demoSystems(box, dialects, plan.upstream, info.Sandbox)
	info.Systems = slices.DeleteFunc(box.Systems(), func(id string) bool { _, ok := systems[id]; return !ok })
	info.Gateway.ID = demoGatewayID
	info.Caller = demoParty{demoCallerID, callerKey.Public().ID()}
	info.Platform = demoParty{demoPlatform, platformKey.Public().ID()}
	info.Operator = demoParty{demoOperatorID, operatorKey.Public().ID()}
	info.Privacy = demoParty{demoPrivacyID, privacyKey.Public().ID()}
	cfg := &node.Config{
		Listen: plan.listen, ID: demoGatewayID, Key: gatewayKey, State: state,
		Dialects: dialects, Systems: systems,
		Callers: []registry.Party{{
			ID: demoCallerID, KeyID: info.Caller.Key, Key: callerKey.Public(),
			Roles: standard.RolesOf(standard.RoleOfficer), Purposes: []string{registry.AllPurposes},
		}, {
			ID: demoPlatform, KeyID: info.Platform.Key, Key: platformKey.Public(),
			Roles: standard.RolesOf(standard.RolePlatform), Systems: info.Systems,
		}, {
			ID: demoOperatorID, KeyID: info.Operator.Key, Key: operatorKey.Public(), Roles: standard.RolesOf(standard.RoleOperator),
		}, {
			ID: demoPrivacyID, KeyID: info.Privacy.Key, Key: privacyKey.Public(),
			Roles: standard.RolesOf(standard.RolePrivacy), Purposes: []string{registry.AllPurposes},
		}},
	}
	if plan.evidence {
		err = demoEvidence(cfg, dir, info)
	}
	return cfg, err
}

// demoEvidence has the gateway keep evidence in a file of its state folder.
func demoEvidence(cfg *node.Config, dir string, info *demoInfo) error {
	officer, err := keepKey(filepath.Join(dir, officerKeyFile))
	if err != nil {
		return err
	}
	if err := keepPublic(filepath.Join(dir, officerPubFile), officer.Public()); err != nil {
		return err
	}
	secret, err := keepSecret(filepath.Join(cfg.State, demoSecretFile))
	if err != nil {
		return err
	}
	info.Log, info.Store = demoLog, "sqlite:"+filepath.Join(cfg.State, demoStoreFile)
	cfg.Store = info.Store
	cfg.Evidence = &node.Evidence{Log: demoLog, Officer: officer.Public(), Secret: secret}
	return nil
}

// demoSystems configures every dialect for its sandbox backend, or all of them for one elsewhere. What the sandbox does not play
// stays unconfigured.
func demoSystems(box *sandbox.Sandbox, dialects []adapters.Dialect, elsewhere string, at map[string]string) map[string]node.System {
	systems := map[string]node.System{}
	for _, d := range dialects {
		info := d.Info()
		endpoint := elsewhere
		if endpoint == "" {
			endpoint = at[info.System]
		}
		made := box.Credentials(info.System)
		if endpoint == "" || made == nil {
			continue
		}
		s := node.System{Endpoint: endpoint, Endpoints: map[string]string{}, Credentials: map[string]string{}, PlaceIDs: box.PlaceIDs(info.System)}
		if elsewhere != "" { // whoever has typed it knows where that is
			s.Reach.Networks = upstream.Everywhere
		}
		for _, c := range info.Credentials {
			s.Credentials[c.Name] = made[c.Name]
		}
		for _, name := range info.Endpoints {
			s.Endpoints[name] = endpoint
		}
		systems[info.System] = s
	}
	return systems
}

// welcome prints a few people to try, the systems, and what to type next.
func welcome(out io.Writer, box *sandbox.Sandbox, info *demoInfo, dir string) {
	fmt.Fprintf(out, "Tongma 通码 demo: %s, gateway id %s\nThe people below do not exist. 以下人员均为虚构。\n\n", info.Gateway.URL, info.Gateway.ID)
	first := box.People(sandbox.Suikang)[0].Scan // it holds for a day, others for a minute
	var rows [][]string
	for _, p := range demoPeople(box, info.Systems) {
		rows = append(rows, []string{p.System, shorten(p.Scan, 34), join(" ", string(p.Outcome), string(p.Status)), string(p.Action), p.Note})
	}
	printTable(out, []string{"SYSTEM", "SCAN", "OUTCOME", "ACTION", "WHO"}, rows)
	fmt.Fprintf(out, "\nThe %d systems 共 %[1]d 个健康码系统:\n", len(info.Systems))
	for line := range slices.Chunk(info.Systems, 10) {
		fmt.Fprintln(out, "  "+strings.Join(line, " "))
	}
	flag := ""
	if dir != defaultDir {
		flag = " --dir " + dir
	}
	commands := [][]string{
		{"sandbox people" + flag, "everybody, with scans fresh at that moment"},
		{"verify" + flag + " '" + first + "'", "one of them"},
	}
	if info.Log != "" {
		commands = append(commands, []string{"verify" + flag + " --json '" + first + "' | " + os.Args[0] + " evidence prove -" + flag, "prove that this was said, with the gateway's key alone"})
	}
	if len(info.Sandbox) > 0 {
		commands = append(commands, []string{"sandbox fault" + flag + " suikang hang", "break a backend, then verify again; `off` mends it"})
	}
	fmt.Fprintln(out, "\nScans refresh as the real ones do. In another terminal:")
	for _, c := range commands {
		fmt.Fprintf(out, "\n  # %s\n  %s %s\n", c[1], os.Args[0], c[0])
	}
	fmt.Fprintln(out, "\nCtrl-C ends it.")
}

// demoPeople gives somebody of each outcome and status, each from a system that has given nobody yet if there is one.
func demoPeople(box *sandbox.Sandbox, systems []string) []sandbox.Person {
	type state struct{ outcome, status string }
	var states []state
	who := map[state][]sandbox.Person{}
	for _, system := range systems {
		for _, p := range box.People(system) {
			if p.Scan == "" {
				continue
			}
			at := state{string(p.Outcome), string(p.Status)}
			if who[at] == nil {
				states = append(states, at)
			}
			who[at] = append(who[at], p)
		}
	}
	var few []sandbox.Person
	given := map[string]bool{}
	for _, at := range states {
		i := slices.IndexFunc(who[at], func(p sandbox.Person) bool { return !given[p.System] })
		p := who[at][max(i, 0)]
		given[p.System] = true
		few = append(few, p)
	}
	return few
}
