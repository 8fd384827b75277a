package events

import (
	"log/slog"

	"tongma/standard"
)

// Of nodes that share their nonces.
var (
	NonceTurn = declare(Event{
		Name: "nonces are kept at", Level: slog.LevelWarn,
		Fields: []Field{{Key: "at", Kind: Word, Words: []string{"redis", "postgresql"}}},
		Means:  standard.Text{Zh: "各节点共用的随机数从此记在此处：平时为 redis，Redis 不可用时为 postgresql", En: "where the nodes keep the nonces of requests from now on: redis as a rule, postgresql while no node reaches a Redis that has its data"},
		Do:     standard.Text{Zh: "启动时为 redis：无需处理；postgresql：恢复 Redis，之后自动切回", En: "redis: nothing; postgresql: bring Redis back, the nodes return to it by themselves"},
	})
	NonceDoubt = declare(Event{
		Name: "nonces cannot be kept at present, so requests are refused", Level: slog.LevelWarn, Fields: []Field{why},
		Means: standard.Text{Zh: "本节点暂时无法判断请求是否重放，均以 503 拒绝；Redis 换到 PostgreSQL 时约一秒属正常", En: "this node cannot tell whether a request is a replay, and refuses all with 503; about a second of it is usual when Redis goes and PostgreSQL takes over"},
		Do:    standard.Text{Zh: "若持续：恢复 err 所指的 Redis 或 PostgreSQL，或本节点到它的网络", En: "if it lasts: bring back the Redis or PostgreSQL that err names, or this node's way to it"},
	})
	NonceSure = declare(Event{
		Name: "nonces can be kept again", Level: slog.LevelInfo,
		Means: standard.Text{Zh: "本节点又能判断重放，恢复受理", En: "this node can tell replays again, and accepts requests"},
		Do:    standard.Text{Zh: "无需处理", En: "nothing"},
	})
)
