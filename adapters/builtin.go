package adapters

import "embed"

// Builtin holds the folders of the systems that come with Tongma, each with its descriptor, fixtures and README.
//
//go:embed */adapter.yaml */fixtures.yaml */README.md
var Builtin embed.FS
