// Command tongma (通码) is the gateway, its demo and its tools in one binary. `tongma help` is the manual.
package main

import "os"

// version is set when a release is built.
var version = "dev"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
