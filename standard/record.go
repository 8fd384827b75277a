package standard

import "time"

// Record (健康码记录) is what one system said of one holder, in the national schema. It is the full record: what a
// caller may see of it is decided by [Record.View]. Members that are not known are zero.
type Record struct {
	Status Status  `json:"status,omitempty"`
	System System  `json:"system"`
	Holder Holder  `json:"holder,omitzero"`
	Health Health  `json:"health,omitzero"`
	Trips  []Trip  `json:"trips,omitempty"`
	Others []Other `json:"others,omitempty"`
	// Subject is the issuer's stable reference to the holder. It never leaves the gateway.
	Subject string `json:"subject,omitempty"`
}

// System is the issuing system and its own words: the original value, colour and text, always kept beside the national status.
type System struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Region     string     `json:"region"`           // GB/T 2260
	Status     string     `json:"status,omitempty"` // exactly as the system wrote it
	Colour     string     `json:"colour,omitempty"` // the system's own colour: green, blue, orange, grey, …
	Text       string     `json:"text,omitempty"`
	Provenance Provenance `json:"provenance"`
}

// Holder (持码人) is the natural person, GB/T 38962 cl. 4 a) 个人基本信息.
type Holder struct {
	Name        string   `json:"name,omitempty"`        // 姓名
	Sex         string   `json:"sex,omitempty"`         // 性别, GB/T 2261.1: 0 1 2 9
	Nationality string   `json:"nationality,omitempty"` // 国籍, GB/T 2659 numeric
	IDType      string   `json:"idType,omitempty"`      // 证件类型, see DocumentType
	IDNumber    string   `json:"idNumber,omitempty"`    // 证件号码
	Region      string   `json:"region,omitempty"`      // 户籍区划, GB/T 2260
	Address     string   `json:"address,omitempty"`     // 区划内详细地址
	Phone       string   `json:"phone,omitempty"`       // 联系电话
	History     []string `json:"history,omitempty"`     // 基础病史, WS 364.4 CV02.10.005
}

// Health is the person's health data, GB/T 38962 cl. 4 b) 个人健康信息 (Temperature, Symptoms, RiskAreas) and what a
// verification needs besides (profile).
type Health struct {
	Temperature string   `json:"temperature,omitempty"` // 体温, degrees Celsius as text
	Symptoms    []string `json:"symptoms,omitempty"`    // 当前症状
	RiskAreas   []string `json:"riskAreas,omitempty"`   // 高风险地区
	Nucleic     *Test    `json:"nucleic,omitempty"`     // 核酸检测
	Antibody    *Test    `json:"antibody,omitempty"`    // 抗体检测
	Vaccine     *Vaccine `json:"vaccine,omitempty"`     // 疫苗接种
}

// TestResult is the normalised result of a nucleic-acid or antibody test. An unlisted value is TestUnknown.
type TestResult string

// The results of a test.
const (
	TestNegative TestResult = "negative"
	TestPositive TestResult = "positive"
	TestUnknown  TestResult = "unknown"
)

// Test is one nucleic-acid or antibody test.
type Test struct {
	Result      TestResult `json:"result"`
	SampledAt   time.Time  `json:"sampledAt,omitzero"` // zone as stated or as the descriptor says
	Institution string     `json:"institution,omitempty"`
}

// Vaccine is the person's vaccination.
type Vaccine struct {
	Doses  int    `json:"doses"`
	LastAt string `json:"lastAt,omitempty"` // yyyy-mm-dd
}

// Trip is one declared or observed journey (profile; 38963 cl. 6.3 has a trip declaration, its fields are not public).
type Trip struct {
	Region string    `json:"region,omitempty"` // GB/T 2260
	Place  string    `json:"place,omitempty"`
	At     time.Time `json:"at,omitzero"`
}

// Other is a code of the same holder that was not chosen, from this or another region.
type Other struct {
	System string `json:"system"`
	Region string `json:"region,omitempty"` // GB/T 2260
	Status Status `json:"status,omitempty"`
}
