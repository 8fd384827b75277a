package events

import (
	"fmt"
	"log/slog"

	"tongma/standard"
	"tongma/standard/wire"
)

// Catalogue has all events, in the order in which deploy/events.md shows them.
var Catalogue []*Event

var byName = map[string]*Event{}

// declare takes an event into the catalogue. Two of one name are a mistake of ours.
func declare(e Event) *Event {
	if byName[e.Name] != nil {
		panic("events: two events are named " + e.Name)
	}
	byName[e.Name] = &e
	Catalogue = append(Catalogue, &e)
	return &e
}

// What several events have.
var (
	system  = Field{Key: "system", Kind: System}
	party   = Field{Key: "party", Kind: Party}
	request = Field{Key: "requestId", Kind: Request}
	why     = Field{Key: "err", Kind: Error}
	action  = Field{Key: "action", Kind: Word, Words: texts(wire.Actions)}
	told    = []Field{
		request, party, system, {Key: "result", Kind: Word, Words: []string{"changes", "repeated", "heartbeat", "missed", "undelivered"}},
		{Key: "seq", Kind: Number}, {Key: "last", Kind: Number}, {Key: "missed", Kind: Number},
		{Key: "subject", Kind: Count}, {Key: "scan", Kind: Count}, {Key: "document", Kind: Count}, {Key: "all", Kind: Count}, why,
	}
)

func texts[T ~string](words []T) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return all
}

func reasons() []string {
	all := make([]string, len(standard.Reasons))
	for i, r := range standard.Reasons {
		all[i] = string(r.Code)
	}
	return all
}

// Of the backends.
var (
	Breaker = declare(Event{
		Name: "breaker", Level: slog.LevelWarn,
		Fields: []Field{system, {Key: "state", Kind: Word, Words: []string{"closed", "half_open", "open"}}},
		Means:  standard.Text{Zh: "某系统的熔断器变了状态：open 为暂停询问，half_open 为正在试探，closed 为恢复正常", En: "a system's breaker has changed: open, it is left in peace; half_open, it is being tried; closed, it is asked as usual"},
		Do:     standard.Text{Zh: "open：看 backend trouble 说的原因，告知其平台；closed：无需处理", En: "open: see why in `backend trouble`, tell its platform; closed: nothing"},
	})
	BackendTrouble = declare(Event{
		Name: "backend trouble", Level: slog.LevelWarn,
		Fields: []Field{system, {Key: "reason", Kind: Word, Words: reasons()}, {Key: "what", Kind: Error}, {Key: "untold", Kind: Count}},
		Means:  standard.Text{Zh: "某系统没有答复，或其答复不可信；每系统十秒至多一行，untold 为其间未写的次数", En: "a system has not answered, or not so that it can be believed; a line in ten seconds for each system, untold counts those between"},
		Do:     standard.Text{Zh: "把 reason 和 what 告知其平台；答案本身有错则 `tongma ops open`", En: "tell its platform reason and what; where its answers are wrong, `tongma ops open`"},
	})
	AdapterPanicked = declare(Event{
		Name: "adapter panicked", Level: slog.LevelError,
		Fields: []Field{system, {Key: "panic", Kind: Type}, {Key: "at", Kind: Place}},
		Means:  standard.Text{Zh: "适配器程序出错；此次验码答复为 unavailable，其他不受影响", En: "an adapter's program has failed; the verification was answered unavailable, nothing else is touched"},
		Do:     standard.Text{Zh: "把此行报给我们；若频繁，先 `tongma ops open`", En: "report the line to us; if it is frequent, `tongma ops open` meanwhile"},
	})
	NotConfigured = declare(Event{
		Name: "systems that are not configured", Level: slog.LevelInfo,
		Fields: []Field{{Key: "systems", Kind: System}},
		Means:  standard.Text{Zh: "这些系统能识别，但配置缺地址或凭据，答复为 not_configured", En: "these systems are recognised and answered not_configured: an address or a credential is missing"},
		Do:     standard.Text{Zh: "需要时在 systems: 下补上并重启", En: "where they are wanted, add them below `systems:` and restart"},
	})
)

// Of operators.
var (
	Operation = declare(Event{
		Name: "operation", Level: slog.LevelWarn,
		Fields: []Field{request, party, system, action},
		Means:  standard.Text{Zh: "运维人员改变了某系统的服务状态；原因只在 operations.jsonl 中", En: "an operator has taken a system out of service, put it back, or had it forgotten; the reason stands in operations.jsonl alone"},
		Do:     standard.Text{Zh: "无需处理；`tongma ops log` 查原因", En: "nothing; `tongma ops log` tells why"},
	})
	OperationNotRecorded = declare(Event{
		Name: "operation not recorded, and not done", Level: slog.LevelError,
		Fields: []Field{request, party, system, action, why},
		Means:  standard.Text{Zh: "运维操作写不进 operations.jsonl，因此没有执行（返回码 50305）", En: "what an operator wanted could not be written to operations.jsonl, and was not done (code 50305)"},
		Do:     standard.Text{Zh: "给 state 目录腾出空间，或把文件放回；重启后会重新检查", En: "make room in the state folder, or put the file back; a restart looks it over"},
	})
	StaysOut = declare(Event{
		Name: "a system stays out of service until an operator puts it back", Level: slog.LevelWarn,
		Fields: []Field{system, action, party, {Key: "since", Kind: Moment}},
		Means:  standard.Text{Zh: "重启前运维人员已停用该系统，重启后仍停用", En: "an operator had taken the system out before the restart, and it is out still"},
		Do:     standard.Text{Zh: "原因消除后 `tongma ops warm`", En: "when its cause is gone, `tongma ops warm`"},
	})
	OutAndGone = declare(Event{
		Name: "an operator has taken a system out of service that is not there any more", Level: slog.LevelWarn,
		Fields: []Field{system, action, party, {Key: "since", Kind: Moment}},
		Means:  standard.Text{Zh: "operations.jsonl 停用的系统已不在配置中", En: "operations.jsonl holds a system out of service that no adapter answers for now"},
		Do:     standard.Text{Zh: "若非有意删除，补回其适配器", En: "put its adapter back, unless it was removed on purpose"},
	})
	RecordCut = declare(Event{
		Name: "the record of operations ended in an unfinished line, which is cut off", Level: slog.LevelWarn,
		Fields: []Field{{Key: "bytes", Kind: Count}},
		Means:  standard.Text{Zh: "节点在写 operations.jsonl 时中断；那次操作未答复也未执行", En: "the node died while it wrote operations.jsonl; that operation was neither acknowledged nor done"},
		Do:     standard.Text{Zh: "看 `tongma ops log`，缺的再做一次", En: "look at `tongma ops log`, and repeat what is missing"},
	})
	RecordEnded = declare(Event{
		Name: "the record of operations ended in a whole line without its line end, which is added", Level: slog.LevelWarn,
		Means: standard.Text{Zh: "节点在写 operations.jsonl 时中断，或有人编辑过它；最后一行是完整的操作，现已生效，但可能未曾答复", En: "the node died while it wrote operations.jsonl, or somebody has edited it; the last operation is whole and holds now, though it may never have been acknowledged"},
		Do:    standard.Text{Zh: "看 `tongma ops log`，最后一次操作若非所愿则改回", En: "look at `tongma ops log`, and undo the last one if nobody wants it"},
	})
)

// Of calls.
var (
	Call = declare(Event{
		Name: "call", Level: slog.LevelDebug,
		Fields: []Field{request, {Key: "route", Kind: Route}, {Key: "code", Kind: Code}},
		Means:  standard.Text{Zh: "答复了一次调用；只在 log: debug 时写", En: "a call was answered; only with `log: debug`"},
		Do:     standard.Text{Zh: "无需处理", En: "nothing"},
	})
	CallFailed = declare(Event{
		Name: "a call failed", Level: slog.LevelError,
		Fields: []Field{request, why},
		Means:  standard.Text{Zh: "网关内部出错，调用方得到内部错误", En: "something inside the gateway failed; the caller was answered with an internal error"},
		Do:     standard.Text{Zh: "把此行报给我们", En: "report the line to us"},
	})
	CallPanicked = declare(Event{
		Name: "a call panicked", Level: slog.LevelError,
		Fields: []Field{request, {Key: "type", Kind: Type}, {Key: "at", Kind: Place}},
		Means:  standard.Text{Zh: "网关程序出错，调用方得到内部错误", En: "the gateway's program has failed; the caller was answered with an internal error"},
		Do:     standard.Text{Zh: "把此行报给我们", En: "report the line to us"},
	})
	NoRefusal = declare(Event{
		Name: "a refusal could not be written", Level: slog.LevelError,
		Fields: []Field{request, why},
		Means:  standard.Text{Zh: "网关写不出拒绝的答复", En: "the gateway could not put a refusal into words"},
		Do:     standard.Text{Zh: "把此行报给我们", En: "report the line to us"},
	})
	NoNonce = declare(Event{
		Name: "a nonce cannot be kept, so its request is refused", Level: slog.LevelError,
		Fields: []Field{why},
		Means:  standard.Text{Zh: "无法记录随机数，为防重放拒绝了请求（503）", En: "where nonces are kept is full or gone; requests are refused with 503, because a replay could not be found"},
		Do:     standard.Text{Zh: "err 指 state 目录则腾出空间，指 Redis 或 PostgreSQL 则恢复它", En: "make room in the state folder, or bring back the Redis or PostgreSQL that err names"},
	})
	HTTP = declare(Event{
		Name: "http trouble", Level: slog.LevelDebug,
		Fields: []Field{{Key: "what", Kind: Word, Words: httpWords()}},
		Means:  standard.Text{Zh: "HTTP 服务端的连接出错；只在 log: debug 时写", En: "a connection of the HTTP server went wrong; only with `log: debug`"},
		Do:     standard.Text{Zh: "tls_handshake 很多：查调用方的证书信任；accept：查文件句柄上限", En: "many tls_handshake: callers do not trust the certificate; accept: raise the limit of open files"},
	})
)

func httpWords() []string {
	words := []string{otherTrouble}
	for _, t := range httpTroubles {
		words = append(words, t.word)
	}
	return words
}

// Of change notices.
var (
	ChangeNotice = declare(Event{
		Name: "change notice", Level: slog.LevelInfo, Fields: told,
		Means: standard.Text{Zh: "收到并已标记平台的变更通知；repeated 为重复收到", En: "a platform has told of changes, which are marked; repeated: it had been told before"},
		Do:    standard.Text{Zh: "无需处理", En: "nothing"},
	})
	Heartbeat = declare(Event{
		Name: "heartbeat", Level: slog.LevelDebug, Fields: told,
		Means: standard.Text{Zh: "平台告知没有变更；只在 log: debug 时写", En: "a platform has told that there are no changes; only with `log: debug`"},
		Do:    standard.Text{Zh: "无需处理", En: "nothing"},
	})
	NoticesMissed = declare(Event{
		Name: "change notices are missing", Level: slog.LevelWarn, Fields: told,
		Means: standard.Text{Zh: "平台序号不连续，missed 个通知没有到；该系统已记住的全部作废", En: "numbers before this notice never came: missed says how many; all that was remembered of the system is dropped"},
		Do:    standard.Text{Zh: "告知其平台：未答复的通知须重发", En: "tell its platform that a notice which is not acknowledged must be sent again"},
	})
	NoticeUndelivered = declare(Event{
		Name: "change notice undelivered", Level: slog.LevelWarn, Fields: told,
		Means: standard.Text{Zh: "其他节点可能没有得到通知；平台得到 503，会重发", En: "other nodes may not have been told; the platform was answered with 503 and tells it again"},
		Do:    standard.Text{Zh: "恢复 Redis", En: "bring Redis back"},
	})
	NoticesMayBeMissed = declare(Event{
		Name: "change notices may be missed: no green is served from memory until Redis is followed again", Level: slog.LevelWarn, Fields: []Field{why},
		Means: standard.Text{Zh: "跟不上 Redis 中的变更通知；在此之前不从内存答绿码", En: "the notices in Redis cannot be followed; until they are, every green is asked of its system"},
		Do:    standard.Text{Zh: "恢复 Redis；若 err 说密钥不同，统一各节点的 shared.secret", En: "bring Redis back; where err says another secret, give all nodes the same `shared.secret`"},
	})
	NoticesFollowed = declare(Event{
		Name: "change notices are followed again", Level: slog.LevelInfo,
		Means: standard.Text{Zh: "重新跟上变更通知", En: "the notices are followed again"},
		Do:    standard.Text{Zh: "无需处理", En: "nothing"},
	})
	NoticesBegun = declare(Event{
		Name: "change notices are begun: Redis has none", Level: slog.LevelInfo,
		Means: standard.Text{Zh: "Redis 是空的，由本节点开始", En: "Redis was empty, and this node has begun"},
		Do:    standard.Text{Zh: "首次启动属正常；否则查 Redis 为何丢了数据", En: "nothing at the first start; later, find out why Redis has lost its data"},
	})
	NoticesAnew = declare(Event{
		Name: "change notices are begun anew, and all that was remembered is dropped", Level: slog.LevelWarn, Fields: []Field{why},
		Means: standard.Text{Zh: "Redis 中的通知对不上，已重新开始，所有记住的答案作废", En: "the notices in Redis do not fit what was heard; they are begun anew, and no answer from before is served"},
		Do:    standard.Text{Zh: "查 Redis：被清空、从备份恢复、或被人改动", En: "look at Redis: emptied, restored from a backup, or changed by somebody"},
	})
)

// SpansLost is of traces.
var SpansLost = declare(Event{
	Name: "spans of traces are lost", Level: slog.LevelWarn,
	Fields: []Field{{Key: "spans", Kind: Count}, why},
	Means:  standard.Text{Zh: "采集端没有收下链路数据，一分钟至多一行；验码不受影响", En: "the collector did not take spans; a line in a minute at most. Verifications are not touched"},
	Do:     standard.Text{Zh: "查 tracing.endpoint 指的采集端", En: "look at the collector that `tracing.endpoint` names"},
})

// Undeclared stands in the place of what is no event.
var Undeclared = declare(Event{
	Name: "an undeclared message was withheld", Level: slog.LevelWarn,
	Fields: []Field{{Key: "at", Kind: Place}},
	Means:  standard.Text{Zh: "程序写了目录之外的日志，内容已扣下", En: "the program has logged something that is not in this catalogue; its words were withheld"},
	Do:     standard.Text{Zh: "把此行报给我们", En: "report the line to us"},
})

// init looks the catalogue over, so that a mistake in a declaration is found by any test.
func init() {
	for _, e := range Catalogue {
		for _, f := range e.Fields {
			if f.Kind <= 0 || f.Kind >= kinds || (f.Kind == Word) != (len(f.Words) > 0) {
				panic(fmt.Sprintf("events: %s: %s has no kind, or no words", e.Name, f.Key))
			}
		}
	}
}
