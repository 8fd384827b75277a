//go:build deps

package deps

import (
	_ "github.com/HdrHistogram/hdrhistogram-go"
	_ "github.com/failsafe-go/failsafe-go/adaptivelimiter"
	_ "github.com/redis/go-redis/v9"
	_ "github.com/schollz/progressbar/v3"
)
