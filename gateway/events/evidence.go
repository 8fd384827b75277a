package events

import (
	"log/slog"

	"tongma/standard"
)

// What the events of the evidence have.
var (
	evidenceLog = Field{Key: "log", Kind: Log}
	day         = Field{Key: "day", Kind: Moment}
	group       = Field{Key: "group", Kind: Number}
)

// Of the evidence.
var (
	EvidenceStopped = declare(Event{
		Name: "evidence: nothing can be kept, no verification is answered", Level: slog.LevelError,
		Fields: []Field{evidenceLog, why},
		Means:  standard.Text{Zh: "存证写不进数据库，此节点对验码一律答复 50306", En: "the store takes no entries; this node answers every verification with code 50306"},
		Do:     standard.Text{Zh: "按 err 恢复数据库：磁盘满、被锁、连不上；恢复后自动继续", En: "mend the store as err says (full, locked, out of reach); the node goes on by itself"},
	})
	EvidenceLate = declare(Event{
		Name: "evidence: entries waited too long, their answers were refused", Level: slog.LevelWarn,
		Fields: []Field{evidenceLog, {Key: "entries", Kind: Count}},
		Means:  standard.Text{Zh: "数据库一秒内未写完，这些验码答复 50306", En: "the store took longer than a second; these verifications were answered with code 50306"},
		Do:     standard.Text{Zh: "查数据库磁盘的同步耗时与负载", En: "look at the load of the store, and how long its disk takes to sync"},
	})
	EvidenceResumed = declare(Event{
		Name: "evidence: entries are kept again", Level: slog.LevelInfo, Fields: []Field{evidenceLog},
		Means: standard.Text{Zh: "存证恢复，节点重新答复验码", En: "the store takes entries again, and the node answers"},
		Do:    standard.Text{Zh: "无需处理", En: "nothing"},
	})
	EvidenceLost = declare(Event{
		Name: "evidence: another node has taken this node's log", Level: slog.LevelError, Fields: []Field{evidenceLog},
		Means: standard.Text{Zh: "两个节点用了同一个日志名；后来者在写，此节点对验码一律答复 50306", En: "two nodes have a log of one name; the other one writes it, this one answers every verification with code 50306"},
		Do:    standard.Text{Zh: "给每个节点不同的 evidence.log 和各自的 state 目录，重启此节点", En: "give each node an `evidence.log` and a state folder of its own, and restart this one"},
	})
	EvidenceNotMade = declare(Event{
		Name: "evidence: a group could not be signed", Level: slog.LevelError, Fields: []Field{evidenceLog, why},
		Means: standard.Text{Zh: "一组存证签不出来，其验码答复 50306", En: "a group of entries could not be made; its verifications were answered with code 50306"},
		Do:    standard.Text{Zh: "把此行报给我们", En: "report the line to us"},
	})
	EvidenceDamaged = declare(Event{
		Name: "evidence: a stored group cannot be read", Level: slog.LevelError, Fields: []Field{evidenceLog, group, why},
		Means: standard.Text{Zh: "数据库中一组存证已损坏或被改动；无法从中检索", En: "a stored group is damaged, or somebody has changed it; nothing of it can be found"},
		Do:    standard.Text{Zh: "`tongma evidence export` 并核验，找出位置；从备份取回该组", En: "`tongma evidence export` and verify it, which finds the place; get the group back from a backup"},
	})
	DayKeyTrouble = declare(Event{
		Name: "evidence: the key of a day cannot be had", Level: slog.LevelError, Fields: []Field{evidenceLog, day, why},
		Means: standard.Text{Zh: "取不到当日密钥，做不出化名，验码答复 50306", En: "without the day's key there are no pseudonyms; verifications are answered with code 50306"},
		Do:    standard.Text{Zh: "按 err 恢复数据库", En: "mend the store as err says"},
	})
	DayKeyOdd = declare(Event{
		Name: "evidence: the key of a day is wrapped under another secret, it gets a second one", Level: slog.LevelWarn, Fields: []Field{evidenceLog, day, {Key: "part", Kind: Count}},
		Means: standard.Text{Zh: "当日密钥不是用此节点的 evidence.secret 包裹的；当日另有一把密钥，检索时都会用到", En: "another node, or this one before, has another `evidence.secret`; a search of that day then uses both keys"},
		Do:    standard.Text{Zh: "更换密钥当日属正常；否则统一各节点的 evidence.secret", En: "nothing on the day when the secret was changed; otherwise give all nodes the same"},
	})
	EvidenceUntidy = declare(Event{
		Name: "evidence: something is left to do, it is tried again", Level: slog.LevelWarn, Fields: []Field{evidenceLog, why},
		Means: standard.Text{Zh: "索引、密钥销毁或到期清理这一次没有做完", En: "the index, the destruction of keys or the giving up of old entries was not finished this time"},
		Do:    standard.Text{Zh: "偶尔出现无需处理；持续出现则按 err 恢复数据库", En: "nothing, if it is rare; otherwise mend the store as err says"},
	})
	EvidenceUnread = declare(Event{
		Name: "evidence: a call could not be answered", Level: slog.LevelError, Fields: []Field{request, why},
		Means: standard.Text{Zh: "存证查不到或写不进：取证明、检索或旅客申请的一次调用答复 50306", En: "the store could not be asked; somebody who wanted a proof, a search or a traveller's request was answered with code 50306"},
		Do:    standard.Text{Zh: "按 err 恢复数据库", En: "mend the store as err says"},
	})
	DayKeysGiven = declare(Event{
		Name: "evidence: the privacy officer has fetched the keys of days", Level: slog.LevelInfo, Fields: []Field{request, party, {Key: "keys", Kind: Count}},
		Means: standard.Text{Zh: "隐私负责人取走了封给本人的日密钥，用于检索；检索本身另有存证", En: "the keys, sealed to the privacy officer, were fetched for a search; the search itself is in the evidence"},
		Do:    standard.Text{Zh: "无人检索时出现：向隐私负责人核实", En: "ask the privacy officer, if nobody was to be searched for"},
	})
)
