package standard

// Element (数据元) is a row of the table of data elements.
type Element struct {
	Path       string     `json:"path"`            // the JSON member in [Record] or [Verification]; [] stands for each of a list
	Name       Text       `json:"name"`            // the standard's word where there is one
	Clause     string     `json:"clause,omitzero"` // where the element is named, "" for our own
	Format     string     `json:"format"`          // how it is written here
	Values     string     `json:"values,omitzero"` // its value domain
	SeenBy     Audience   `json:"seenBy"`
	Provenance Provenance `json:"provenance"` // of the element's name; its identifier, format and values are never the standard's, see [Elements]
}

// Audience says who finds an element in an answer. Each audience sees what the ones before it see.
type Audience string

// The audiences. They are those of [Record.View].
const (
	SeenByAll     Audience = "all" // every caller that may verify
	SeenByGate    Audience = "gate"
	SeenByOfficer Audience = "officer"
	SeenByMedical Audience = "medical"
	SeenByNobody  Audience = "nobody" // it never leaves the gateway in an answer
)

const (
	personal = "GB/T 38962-2020 cl. 4 a)"
	healthy  = "GB/T 38962-2020 cl. 4 b)"
	verify   = "GB/T 38963-2020 cl. 6.7"
)

// Formats that come back.
const (
	formatCode   = "6 digits"
	formatText   = "text"
	formatMillis = "integer, milliseconds"
	formatTime   = "RFC 3339, +08:00, at most 3 decimals"
	formatStated = "RFC 3339, zone as the system states"
	formatDate   = "yyyy-mm-dd"
)

// Value domains that come back.
const (
	valuesRegion     = "GB/T 2260"
	valuesStatus     = "00 green, 01 yellow, 10 red; absent: none"
	valuesColour     = "green, yellow, red, none"
	valuesTestResult = "negative, positive, unknown"
)

// Elements is the table of data elements of a record and of an answer, as `tongma standard` prints it.
//
// Of GB/T 38962 only the names in cl. 4 a) and the first three of cl. 4 b) are public; its identifiers, formats, flags and
// code tables are not. So a row with provenance standard has its name from the standard and the rest from us, with the
// values of the tables that the standard refers to (GB/T 2260, 2261.1 and 2659, WS 364.4). The coding of the status is
// what four unrelated code bases agree on.
var Elements = []Element{
	{"id", Text{"验码编号", "id of the verification"}, "", "ULID, 26 characters", "", SeenByAll, FromProfile},
	{"salt", Text{"盐值", "salt of the answer's hash in the evidence"}, "", "at least 128 random bits, base64 or hex", "", SeenByAll, FromProfile},
	{"outcome", Text{"验码结果", "outcome"}, verify, formatText, "verified, expired, not_found, unrecognised, refused, unavailable", SeenByAll, FromProfile},
	{"reason", Text{"未验成原因", "why the outcome is not verified"}, "", "object", "", SeenByAll, FromProfile},
	{"reason.code", Text{"原因代码", "code of the reason"}, "", formatText, "table of reasons", SeenByAll, FromProfile},
	{"reason.retryAfterMs", Text{"重试间隔", "when another attempt makes sense"}, "", formatMillis, "absent or 0: unknown", SeenByAll, FromProfile},
	{"reason.zh", Text{"中文原因", "reason in Chinese"}, "", formatText, "", SeenByAll, FromProfile},
	{"reason.en", Text{"英文原因", "reason in English"}, "", formatText, "", SeenByAll, FromProfile},
	{"status", Text{"健康码状态", "health code status"}, "", "2 characters", valuesStatus, SeenByAll, FromObserved},
	{"colour", Text{"健康码颜色", "national colour"}, "", formatText, valuesColour, SeenByAll, FromProfile},

	{"system", Text{"健康码系统", "issuing system, in its own words"}, "", "object", "", SeenByAll, FromProfile},
	{"system.id", Text{"系统标识", "id of the system"}, "", "1 to 64 characters", "", SeenByAll, FromProfile},
	{"system.name", Text{"系统名称", "name of the system"}, "", formatText, "", SeenByAll, FromProfile},
	{"system.region", Text{"系统属地", "home region of the system"}, "", formatCode, valuesRegion, SeenByAll, FromProfile},
	{"system.status", Text{"原始状态值", "status exactly as the system wrote it"}, "", formatText, "the system's own", SeenByAll, FromProfile},
	{"system.colour", Text{"原始颜色", "the system's own colour"}, "", formatText, "the system's own", SeenByAll, FromProfile},
	{"system.text", Text{"原始文字", "the system's own words"}, "", formatText, "the system's own", SeenByAll, FromProfile},
	{"system.provenance", Text{"方言来源", "how the system's dialect is known"}, "", formatText, "documented, observed, profile, synthetic", SeenByAll, FromProfile},

	{"holder", Text{"个人基本信息", "basic personal information"}, personal, "object", "", SeenByGate, FromStandard},
	{"holder.name", Text{"姓名", "name"}, personal, "text, masked in answers", "", SeenByGate, FromStandard},
	{"holder.sex", Text{"性别", "sex"}, personal, "1 digit", "GB/T 2261.1: 0 unknown, 1 male, 2 female, 9 not stated", SeenByNobody, FromStandard},
	{"holder.nationality", Text{"国籍", "nationality"}, personal, "3 digits", "GB/T 2659 numeric", SeenByNobody, FromStandard},
	{"holder.idType", Text{"证件类型", "type of document"}, personal, "2 digits, or the system's own value", "WS 364.3 CV02.01.101", SeenByOfficer, FromStandard},
	{"holder.idNumber", Text{"证件号码", "number of the document"}, personal, "text, masked in answers", "GB 11643 for type 01", SeenByOfficer, FromStandard},
	{"holder.region", Text{"户籍区划", "region of registered residence"}, personal, formatCode, valuesRegion, SeenByNobody, FromStandard},
	{"holder.address", Text{"区划内详细地址", "address within the region"}, personal, formatText, "", SeenByNobody, FromStandard},
	{"holder.phone", Text{"联系电话", "phone"}, personal, formatText, "", SeenByNobody, FromStandard},
	{"holder.history[]", Text{"基础病史", "underlying diseases"}, personal, "2 digits", "WS 364.4 CV02.10.005", SeenByNobody, FromStandard},

	{"health", Text{"个人健康信息", "personal health information"}, healthy, "object", "", SeenByMedical, FromStandard},
	{"health.temperature", Text{"体温", "body temperature"}, healthy, "text, degrees Celsius", "", SeenByMedical, FromStandard},
	{"health.symptoms[]", Text{"当前症状", "current symptoms"}, healthy, formatText, "the system's own", SeenByMedical, FromStandard},
	{"health.riskAreas[]", Text{"高风险地区", "high-risk areas"}, healthy, formatText, "the system's own", SeenByMedical, FromStandard},
	{"health.nucleic", Text{"核酸检测", "nucleic-acid test"}, "", "object", "", SeenByMedical, FromProfile},
	{"health.nucleic.result", Text{"核酸检测结果", "result of the nucleic-acid test"}, "", formatText, valuesTestResult, SeenByMedical, FromProfile},
	{"health.nucleic.sampledAt", Text{"核酸采样时间", "when the nucleic-acid sample was taken"}, "", formatStated, "", SeenByMedical, FromProfile},
	{"health.nucleic.institution", Text{"核酸检测机构", "who tested for nucleic acid"}, "", formatText, "", SeenByMedical, FromProfile},
	{"health.antibody", Text{"抗体检测", "antibody test"}, "", "object", "", SeenByMedical, FromProfile},
	{"health.antibody.result", Text{"抗体检测结果", "result of the antibody test"}, "", formatText, valuesTestResult, SeenByMedical, FromProfile},
	{"health.antibody.sampledAt", Text{"抗体采样时间", "when the antibody sample was taken"}, "", formatStated, "", SeenByMedical, FromProfile},
	{"health.antibody.institution", Text{"抗体检测机构", "who tested for antibodies"}, "", formatText, "", SeenByMedical, FromProfile},
	{"health.vaccine", Text{"疫苗接种", "vaccination"}, "", "object", "", SeenByMedical, FromProfile},
	{"health.vaccine.doses", Text{"接种剂次", "doses"}, "", "integer", "", SeenByMedical, FromProfile},
	{"health.vaccine.lastAt", Text{"末次接种日期", "day of the last dose"}, "", formatDate, "", SeenByMedical, FromProfile},

	{"trips[]", Text{"行程信息", "trips"}, "", "object", "", SeenByNobody, FromProfile},
	{"trips[].region", Text{"途经区划", "region of the trip"}, "", formatCode, valuesRegion, SeenByNobody, FromProfile},
	{"trips[].place", Text{"途经地点", "place of the trip"}, "", formatText, "", SeenByNobody, FromProfile},
	{"trips[].at", Text{"途经时间", "time of the trip"}, "", formatStated, "", SeenByNobody, FromProfile},

	{"others[]", Text{"其他健康码", "codes of the same holder that were not chosen"}, "", "object", "", SeenByAll, FromProfile},
	{"others[].system", Text{"其他码系统", "system of the other code"}, "", "1 to 64 characters", "", SeenByAll, FromProfile},
	{"others[].region", Text{"其他码属地", "region of the other code"}, "", formatCode, valuesRegion, SeenByAll, FromProfile},
	{"others[].status", Text{"其他码状态", "status of the other code"}, "", "2 characters", valuesStatus, SeenByAll, FromObserved},

	{"subject", Text{"持码人标识", "the issuer's stable reference to the holder"}, "", formatText, "", SeenByNobody, FromProfile},

	{"freshness", Text{"时效", "how old the answer is"}, "", "object", "", SeenByAll, FromProfile},
	{"freshness.from", Text{"记录来源", "where the record came from"}, "", formatText, "live, cache, stale", SeenByAll, FromProfile},
	{"freshness.observedAt", Text{"查询时间", "when the request to the system began"}, "", formatTime, "", SeenByAll, FromProfile},
	{"freshness.ageMs", Text{"记录时长", "age of the record"}, "", formatMillis, "", SeenByAll, FromProfile},
	{"freshness.validUntil", Text{"有效期至", "end of the validity that the scan or system gives"}, "", formatTime, "", SeenByAll, FromProfile},

	{"decision", Text{"通行判定", "decision at the place of the check"}, "", "object", "", SeenByAll, FromProfile},
	{"decision.action", Text{"判定", "action"}, "", formatText, "pass, manual, deny", SeenByAll, FromProfile},
	{"decision.rule", Text{"规则编号", "id of the rule"}, "", formatText, "", SeenByAll, FromProfile},
	{"decision.reason", Text{"判定理由", "reason of the decision"}, "", "object", "", SeenByAll, FromProfile},
	{"decision.reason.zh", Text{"中文理由", "reason in Chinese"}, "", formatText, "", SeenByAll, FromProfile},
	{"decision.reason.en", Text{"英文理由", "reason in English"}, "", formatText, "", SeenByAll, FromProfile},
	{"evidence", Text{"存证", "where it is kept that this was answered"}, "", "object", "", SeenByAll, FromProfile},
	{"evidence.log", Text{"存证日志", "name of the log"}, "", "1 to 64 characters", "", SeenByAll, FromProfile},
	{"evidence.entry", Text{"存证编号", "id of the entry"}, "", "ULID, 26 characters", "", SeenByAll, FromProfile},
}
