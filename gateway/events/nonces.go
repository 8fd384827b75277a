package events

import (
	"log/slog"

	"tongma/standard"
)

// NonceTurn is of nodes that share their nonces.
var NonceTurn = declare(Event{
	Name: "nonces are kept at", Level: slog.LevelWarn,
	Fields: []Field{{Key: "at", Kind: Word, Words: []string{"redis", "postgresql"}}},
	Means:  standard.Text{Zh: "各节点共用的随机数从此记在此处：平时为 redis，Redis 不可用时为 postgresql", En: "where the nodes keep the nonces of requests from now on: redis as a rule, postgresql while no node reaches a Redis that has its data"},
	Do:     standard.Text{Zh: "启动时为 redis：无需处理；postgresql：恢复 Redis，之后自动切回", En: "redis: nothing; postgresql: bring Redis back, the nodes return to it by themselves"},
})
