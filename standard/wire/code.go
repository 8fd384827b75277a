package wire

// Code is a return code: a row of [Codes]. The first three digits are the HTTP status.
type Code struct {
	Code   string `json:"code"`
	Status int    `json:"status"`
	Name   string `json:"name"` // for logs and metrics
	Zh     string `json:"zh"`
	En     string `json:"en"`
	Todo   string `json:"todo"` // what the caller should do
}

// The return codes. "0" means answered, and every outcome is an answer.
var (
	CodeOK = &Code{"0", 200, "ok", "成功", "answered", "read data"}

	CodeSyntax    = &Code{"40001", 400, "syntax", "请求体不是合法的JSON", "the body is not JSON", "send one JSON object in UTF-8"}
	CodeUnknown   = &Code{"40002", 400, "unknown_member", "含有未知成员", "unknown member", "leave out members that the interface does not have"}
	CodeDuplicate = &Code{"40003", 400, "duplicate_member", "成员重复", "duplicate member", "give each member once"}
	CodeTrailing  = &Code{"40004", 400, "trailing_data", "JSON之后还有数据", "data after the JSON", "send one JSON object and nothing else"}
	CodeUTF8      = &Code{"40005", 400, "invalid_utf8", "不是合法的UTF-8", "invalid UTF-8", "send UTF-8; binary scans go into scanBytes as base64"}
	CodeHeader    = &Code{"40006", 400, "header", "X-Tongma报头格式不正确", "an X-Tongma header is missing or malformed", "send the six headers in the syntax of the interface"}
	CodeRepeated  = &Code{"40007", 400, "repeated_header", "X-Tongma报头重复", "an X-Tongma header is repeated", "send each header once"}
	CodeTarget    = &Code{"40008", 400, "target", "请求目标不被接受", "the request-target is refused", "send the plain path, without //, dot segments, encoded slashes or #"}
	CodeSubject   = &Code{"40010", 400, "subject", "须且仅须提供scan、scanBytes、document之一", "not exactly one usable subject", "give exactly one of scan, scanBytes and document, within its bounds"}
	CodeRegion    = &Code{"40011", 400, "region", "区划代码不在GB/T 2260中", "the region is not in GB/T 2260", "give a code of six digits from GB/T 2260"}
	CodeDocument  = &Code{"40012", 400, "document", "证件类型、号码或姓名不可能成立", "not a possible document", "compare type, number and name with the document itself"}
	CodeSystem    = &Code{"40013", 400, "system", "没有这个健康码系统", "no such system", "leave system out, or give the id of a system of this gateway"}
	CodeField     = &Code{"40014", 400, "field", "成员取值超出范围", "a member is out of its bounds", "see the interface for the member's bounds"}

	CodeFuture = &Code{"40015", 400, "future", "变更时间晚于网关时间", "a change is said to lie in the future", "set the clock by serverTime, and say when it changed"}

	CodeUnsigned  = &Code{"40101", 401, "unsigned", "请求未签名", "the request is not signed", "sign it: see the interface, request text"}
	CodeCaller    = &Code{"40102", 401, "unknown_caller", "未知的参与方或密钥", "unknown caller or key", "check X-Tongma-Rid and X-Tongma-Key, or register the key with the gateway"}
	CodeTime      = &Code{"40103", 401, "time", "请求时间超出允许范围", "the request's time is not acceptable", "set the clock by serverTime, wait until notBefore if given, sign anew"}
	CodeSignature = &Code{"40104", 401, "signature", "签名不正确", "wrong signature", "compare the request text byte by byte, then key and user id"}
	CodeReplay    = &Code{"40105", 401, "replayed", "随机数已被使用", "the nonce was used before", "take a new nonce for every request, also when repeating one"}
	CodeSession   = &Code{"40106", 401, "session", "会话无效或已过期", "the session is unknown or has expired", "apply for a new session"}
	CodeSignType  = &Code{"40107", 401, "sign_type", "该服务不接受此签名方式", "this service does not accept this way of signing", "sign with SM2"}

	CodeService = &Code{"40301", 403, "service", "无权调用此服务", "this service is not granted to the caller", "ask the gateway's operator for the role, or apply for a session with the service"}
	CodePurpose = &Code{"40302", 403, "purpose", "未获准用于此目的", "this purpose is not granted to the caller", "give a purpose from the granted list"}

	CodeOwner = &Code{"40303", 403, "not_own_system", "不是该参与方的健康码系统", "the system is not the caller's own", "name a system of your own; the gateway's operator says whose it is"}

	CodeRoute   = &Code{"40401", 404, "route", "没有这个接口", "no such interface", "see /openapi.yaml"}
	CodeNoEntry = &Code{"40402", 404, "no_entry", "没有这条存证，或已不再保存", "there is no such entry in the evidence, or it is not kept any more", "give the id of a verification or request of your own"}
	CodeMethod  = &Code{"40501", 405, "method", "此接口不支持该方法", "the interface does not have this method", "see the Allow header"}

	CodeReference = &Code{"40901", 409, "reference", "同一业务号已用于不同的请求", "the reference was used with another body", "take a new reference for a new request"}
	CodeAnswered  = &Code{"40902", 409, "answered", "该申请已有答复", "the request has been answered already", "see who has answered it: list all requests"}
	CodeTooLarge  = &Code{"41301", 413, "too_large", "请求体过大", "the body is too large", "split it: 64 KiB a call, 256 KiB a change notice or the answer to a traveller's request; if everything has changed, say all"}
	CodeCrowded   = &Code{"41302", 413, "too_many_changes", "变更超过1000条", "more than 1,000 changes in one notice", "send several notices, numbered one by one; if everything has changed, say all"}
	CodeMedia     = &Code{"41501", 415, "media_type", "媒体类型须为application/json", "the media type is not application/json", "send Content-Type: application/json"}
	CodeCoding    = &Code{"41502", 415, "content_coding", "不接受压缩等内容编码", "content codings are not accepted", "send the body as it is, without Content-Encoding"}

	CodeSourceRate = &Code{"42901", 429, "source_rate", "来源地址请求过多", "too many requests from this address", "wait as long as Retry-After says"}
	CodeCallerRate = &Code{"42902", 429, "caller_rate", "参与方请求过多", "too many requests by this caller", "wait as long as Retry-After says, or ask for a higher rate"}

	CodeInternal   = &Code{"50001", 500, "internal", "网关内部错误", "error inside the gateway", "repeat once; then tell the operator the requestId"}
	CodeNonces     = &Code{"50301", 503, "nonce_store", "防重放存储不可用", "replays cannot be ruled out at the moment", "repeat later with a new nonce"}
	CodeDraining   = &Code{"50302", 503, "draining", "网关正在停止服务", "the gateway is shutting down", "repeat at once on another connection"}
	CodeOverloaded = &Code{"50303", 503, "overloaded", "网关过载", "the gateway is overloaded", "wait as long as Retry-After says"}
	CodeFeed       = &Code{"50304", 503, "feed", "变更通知未能送达所有节点", "the notice could not be given to every node", "wait as long as Retry-After says, then send the same notice with the same seq"}
	CodeRecord     = &Code{"50305", 503, "record", "操作无法记录，未执行", "the operation cannot be recorded, so it was not done", "have the gateway's state folder mended, its log says what is wrong; then repeat it"}
	CodeEvidence   = &Code{"50306", 503, "evidence", "存证不可用，因此未作答", "the evidence cannot be kept or read at present, so nothing is answered", "ask again after Retry-After, at another node if there is one; the gateway's log says what is wrong"}
)

// Codes is the table of return codes, in order.
var Codes = []*Code{
	CodeOK,
	CodeSyntax, CodeUnknown, CodeDuplicate, CodeTrailing, CodeUTF8, CodeHeader, CodeRepeated, CodeTarget,
	CodeSubject, CodeRegion, CodeDocument, CodeSystem, CodeField, CodeFuture,
	CodeUnsigned, CodeCaller, CodeTime, CodeSignature, CodeReplay, CodeSession, CodeSignType,
	CodeService, CodePurpose, CodeOwner,
	CodeRoute, CodeNoEntry, CodeMethod, CodeReference, CodeAnswered, CodeTooLarge, CodeCrowded, CodeMedia, CodeCoding,
	CodeSourceRate, CodeCallerRate,
	CodeInternal, CodeNonces, CodeDraining, CodeOverloaded, CodeFeed, CodeRecord, CodeEvidence,
}
