// Package node is one running gateway: a configuration file read strictly, and what it says put together.
//
//	cfg, err := node.Load("/etc/tongma/tongma.yaml") // err: descriptor.Findings, each with file, line, column and mend
//	n, err := node.New(cfg)                          // everything is built and every listener open, or nothing is
//	err = n.Run(ctx)                                 // until ctx ends, then the calls under way are answered first
//
// deploy/tongma.example.yaml is the configuration with a comment on every key. Paths in it are relative to the file. Secrets
// stand in files or in the environment, never in the file itself.
package node
