//go:build !unix

package node

import "os"

func lock(*os.File) error { return nil }
