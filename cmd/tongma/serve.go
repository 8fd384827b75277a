package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"tongma/gateway/node"
	"tongma/standard/sm"
	"tongma/standard/sm/second"
)

func serveCommand() *cobra.Command {
	var config string
	var check, ready bool
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run a gateway as its configuration says",
		Long: `Runs a gateway. deploy/tongma.example.yaml is a configuration with a comment on every key. Nothing starts
unless all of it is right: an unknown key, a missing credential, a broken descriptor, a public key that
the second SM2 implementation does not accept too, each is told with file, line, column and mend.

Secrets stand in files or in the environment, as {file: PATH} or {env: NAME}; paths are relative to
the configuration file. Plain HTTP is for loopback, or with behindProxy: true for what a proxy that
speaks TLS passes on; else give tls: {certificate, key}.

On SIGINT or SIGTERM no new call is taken, calls under way are answered, then the gateway ends.`,
		Example: `  tongma serve --config /etc/tongma/tongma.yaml
  tongma serve --config tongma.yaml --check`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if config == "" {
				return misuse("deploy/tongma.example.yaml shows one", "serve needs --config FILE")
			}
			cfg, err := node.Load(config)
			if err != nil {
				return fail(err, "mend what is named above; deploy/tongma.example.yaml shows every key")
			}
			if ready {
				return askReady(cmd.Context(), cfg.URL())
			}
			for _, c := range cfg.Callers {
				if err := second.Agrees(c.Key); err != nil {
					return fail(fmt.Errorf("caller %s: publicKey: %w", c.ID, err), "ask the caller for the key again")
				}
			}
			if check {
				fmt.Fprintf(cmd.OutOrStdout(), "%s is right\n", config)
				return nil
			}
			engine := sm.Fast
			if cfg.SecondEngine {
				engine = second.Engine
				if err := cfg.Use(engine); err != nil {
					return fail(err, "")
				}
			}
			n, err := node.New(cfg)
			if err != nil {
				return fail(err, "what the configuration names must be free and the gateway's own: addresses, the state folder")
			}
			fmt.Fprintf(cmd.OutOrStdout(), "tongma %s: gateway %s at %s, SM2 by %s\n", version, cfg.ID, n.URL(), engine.Name())
			return n.Run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "the configuration `FILE`")
	cmd.Flags().BoolVar(&check, "check", false, "read everything, start nothing")
	cmd.Flags().BoolVar(&ready, "ready", false, "ask the gateway that runs with this configuration whether it is ready (for health checks)")
	cmd.MarkFlagsMutuallyExclusive("check", "ready")
	return cmd
}

// askReady asks a gateway of this machine whether it is ready. It looks at no certificate: the answer is neither secret nor signed.
func askReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return fail(err, "")
	}
	c := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	res, err := c.Do(req)
	if err != nil {
		return &failure{exitUnreachable, err, "is it running?"}
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fail(fmt.Errorf("not ready: %s", res.Status), "")
	}
	return nil
}
