package descriptor

import "tongma/standard"

// modeWords say how codes are recognised, by the number of the mode.
var modeWords = map[int]standard.Text{
	1: {Zh: "数据共享（方式一）", En: "shared data: its backend is asked (mode 1)"},
	2: {Zh: "中介转换（方式二）", En: "conversion to the national code (mode 2)"},
	3: {Zh: "直接采用国家码（方式三）", En: "the national code itself (mode 3)"},
}

// phrases are the sentences of a description, by what they are about.
var phrases = map[string]standard.Text{
	"formURL":      {Zh: "网址 ", En: "URLs like "},
	"formParam":    {Zh: "，参数 %s 为 %s", En: ", with the parameter %s like %s"},
	"formJSON":     {Zh: "JSON 对象，含有 %s", En: "JSON objects with %s"},
	"formLacks":    {Zh: "，没有 %s", En: ", without %s"},
	"formOnly":     {Zh: "，除 %s 外没有其他成员", En: ", and with nothing besides %s"},
	"formText":     {Zh: "文本 ", En: "text like "},
	"formBytes":    {Zh: "以 %q 开头的二进制码", En: "binary codes that start with %q"},
	"formOpaque":   {Zh: "任何不超过 %d 字节的文本，但须由请求指明本系统", En: "any text of at most %d bytes, when the request names this system"},
	"formDocument": {Zh: "证件类型 %s，由请求或目的地规则指明本系统", En: "documents of the types %s, when the request or the rules of the place name this system"},

	"system":     {Zh: "%s（%s），系统标识 %s，版本 %s，归属地区 %s。", En: "%s (%s), system %s, version %s, of the region %s."},
	"provenance": {Zh: "依据：%s；来源：%s。", En: "What is known of it is %s, from: %s."},
	"synthetic":  {Zh: "  虚构（无公开资料）：%s", En: "  invented, since nothing is public: %s"},
	"dialect":    {Zh: "方言：%s，与其他系统共用；以下的调用与记录由该方言规定。", En: "It speaks the dialect %s, as other systems do: the calls and the record below are the dialect's."},
	"mode":       {Zh: "互认方式：%s。", En: "Its codes are recognised by %s."},
	"further":    {Zh: "同一后台还为 %s（%s，%s）作答。", En: "The same backend answers for %s (%s, %s) too."},

	"scans":       {Zh: "识别的扫码内容：", En: "It recognises:"},
	"scanExpires": {Zh: "  到期时间为 %s，之后不再询问后台", En: "  such a scan expires at %s and is not asked about after that"},
	"formFrom":    {Zh: "  此形式的依据：%s", En: "  what is known of this form is %s"},

	"needs":      {Zh: "需要配置：", En: "It has to be configured with:"},
	"endpoint":   {Zh: "后台地址 endpoint", En: "endpoint, the backend's URL"},
	"endpointOf": {Zh: "另一后台地址 %s", En: "a further endpoint, %s"},
	"credential": {Zh: "凭据 %s", En: "credential %s"},
	"secret":     {Zh: "凭据 %s（保密，只能由文件或环境变量给出）", En: "credential %s (secret: by file or environment only)"},

	"token":      {Zh: "令牌 %s，需要时先取得：", En: "The token %s, fetched when a call needs it:"},
	"tokenPer":   {Zh: "按 %s 的每个值各保存一个", En: "one is kept for each value of %s"},
	"obtain":     {Zh: "取得：%s", En: "got by %s"},
	"renewal":    {Zh: "已有旧值时先续期：%s；失败则重新取得", En: "while there is an old one, renewed by %s; if that fails, got anew"},
	"tokenValue": {Zh: "其值为 %s", En: "its value is %s"},
	"lives":      {Zh: "有效 %s", En: "it lives %s"},
	"renewAfter": {Zh: "%s 后提前更新", En: "it is renewed after %s"},
	"expiresAt":  {Zh: "有效至 %s", En: "it expires at %s"},

	"step":      {Zh: "验码第 %d 步", En: "To verify, step %d"},
	"stepWhen":  {Zh: "（仅当 %s）", En: ", only if %s"},
	"ends":      {Zh: "：", En: ":"},
	"noCall":    {Zh: "不发送请求", En: "nothing is sent"},
	"call":      {Zh: "发送 %s", En: "send %s"},
	"toOther":   {Zh: "（至后台地址 %s）", En: " to the endpoint %s"},
	"query":     {Zh: "查询参数 %s = %s", En: "query %s = %s"},
	"header":    {Zh: "报文头 %s = %s", En: "header %s = %s"},
	"form":      {Zh: "表单项 %s = %s", En: "form %s = %s"},
	"json":      {Zh: "JSON 体 %s", En: "JSON body %s"},
	"raw":       {Zh: "报文体 %s", En: "body %s"},
	"name":      {Zh: "记 %s 为 %s", En: "call %s what %s gives"},
	"if":        {Zh: "若 %s：%s", En: "if %s: %s"},
	"after":     {Zh: "，等待 %s", En: ", after %s"},
	"otherwise": {Zh: "其他情况：后台故障，绝不给出状态", En: "anything else: a fault of the backend, never a status"},

	"record":    {Zh: "健康码记录：", En: "The record:"},
	"check":     {Zh: "必须成立，否则答复是关于别人的：%s", En: "this must hold, else the answer is about somebody else: %s"},
	"status":    {Zh: "状态取自 %s：", En: "the status is read from %s:"},
	"row":       {Zh: "  “%s”为%s", En: "  %q is %s"},
	"rowText":   {Zh: "（%s）", En: " (%s)"},
	"unlisted":  {Zh: "  其他任何值：无状态，绝不为绿", En: "  anything else is no status, never green"},
	"noStatus":  {Zh: "本系统没有状态：颜色为无，不会放行", En: "the system has no status: its colour is none, which never passes"},
	"member":    {Zh: "%s 取自 %s", En: "%s is %s"},
	"whose":     {Zh: "所属系统取自 %s", En: "whose code it is says %s"},
	"subject":   {Zh: "持有人标识取自 %s", En: "the issuer's reference to the holder is %s"},
	"until":     {Zh: "有效至 %s", En: "it holds until %s"},
	"othersOf":  {Zh: "同一人的其他码取自 %s", En: "the person's other codes are %s"},
	"bounds":    {Zh: "限制：", En: "Bounds:"},
	"timeout":   {Zh: "每次调用最长 %s", En: "a call takes %s at most"},
	"atOnce":    {Zh: "同时最多 %d 次调用", En: "%d calls at once at most"},
	"rate":      {Zh: "每秒最多 %g 次调用", En: "%g calls a second at most"},
	"reply":     {Zh: "答复最长 %d 字节", En: "a reply has %d bytes at most"},
	"freshness": {Zh: "缓存：绿码 %s，黄码 %s，红码 %s", En: "an answer is served from memory: green %s, yellow %s, red %s"},
	"effects":   {Zh: "后台记录每次调用：不重复发送", En: "the backend records each call: none is sent twice"},
	"inputs":    {Zh: "答复还取决于：%s", En: "an answer depends on %s too"},
}

// outcomeWords say what each word of a clause means.
var outcomeWords = map[string]standard.Text{
	"verified":     {Zh: "验码成功，生成记录", En: "verified, and the record is made"},
	"next":         {Zh: "继续下一步", En: "go on with the next step"},
	"expired":      {Zh: "码已过期", En: "the code has expired"},
	"not_found":    {Zh: "查无此人", En: "the system has nobody of this kind"},
	"unrecognised": {Zh: "不是本系统签发的码", En: "the system has not issued this code"},
	"refused":      {Zh: "后台拒绝作答", En: "the backend declines to answer"},
	"busy":         {Zh: "后台繁忙，暂不可用", En: "the backend is busy: unavailable for now"},
	"quota":        {Zh: "调用配额已用完，暂不可用", En: "our quota is used up: unavailable for now"},
	"retry":        {Zh: "再试一次同一调用", En: "the same call once more"},
	"renew":        {Zh: "更新令牌 %s 后再试一次", En: "renew the token %s, and the same call once more"},
}

// colourWords name the statuses.
var colourWords = map[standard.Status]standard.Text{
	standard.Green: {Zh: "绿", En: "green"}, standard.Yellow: {Zh: "黄", En: "yellow"}, standard.Red: {Zh: "红", En: "red"}, standard.None: {Zh: "无状态", En: "no status"},
}
