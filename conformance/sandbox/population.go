package sandbox

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// population is how many people each system has.
const population = 100

// casts are the people that [Sandbox.People] shows: one of each kind.
var casts = map[string][]trait{
	Suishen: {
		{note: "green code", codes: one(green)},
		{note: "yellow code", codes: one(yellow)},
		{note: "red code", codes: one(red)},
		{note: "a status value that is in no table", codes: one(odd)},
		{note: "a code five minutes old", codes: one(green), fate: lapsed},
		{note: "a code that looks fresh and has been replaced", codes: one(green), fate: replaced},
		{note: "a code that only looks like one of the system's", codes: one(green), fate: alien},
		{note: "the backend answers in its degraded form (errCode, errMsg)", codes: one(green), fate: degraded},
		{note: "green code, reply with a number for its code", codes: one(green), quirks: intCode},
		{note: "by document, green", codes: one(green), via: viaDocument},
		{note: "by document whose number ends in X, yellow", codes: one(yellow), via: viaDocument, check: "X"},
		{note: "by document, red", codes: one(red), via: viaDocument},
		{note: "by document with a wrong name", codes: one(green), via: viaWrongName},
		{note: "by document that the system does not know", codes: one(green), via: viaDocument, fate: gone},
	},
	Suikang: {
		{note: "green code", codes: one(green)},
		{note: "yellow code", codes: one(yellow)},
		{note: "red code", codes: one(red)},
		{note: "a colour that is in no table", codes: one(odd)},
		{note: "a code two days old", codes: one(green), fate: lapsed},
		{note: "a code that looks fresh and has been replaced", codes: one(green), fate: replaced},
		{note: "a code whose holder is no longer on file", codes: one(green), fate: gone},
		{note: "a holder about whom the system does not answer", codes: one(green), fate: declined},
		{note: "a code that only looks like one of the system's", codes: one(green), fate: alien},
	},
	Hangzhou: {
		{note: "green code", codes: one(green)},
		{note: "yellow code", codes: one(yellow)},
		{note: "red code", codes: one(red)},
		{note: "a colour that is in no table", codes: one(odd)},
		{note: "green in the city that counts, an older yellow elsewhere", codes: []cityCode{{"温州市", yellow, 9}, {"杭州市", green, 2}}},
		{note: "yellow in the city that counts, an older green elsewhere", codes: []cityCode{{"杭州市", green, 12}, {"温州市", yellow, 1}}},
		{note: "green in two cities", codes: []cityCode{{"杭州市", green, 3}, {"宁波市", green, 5}}},
		{note: "green code, reply without JSON inside a string", codes: one(green), quirks: bareDatas},
		{note: "green code, the first reply is empty and means: ask again", codes: one(green), quirks: emptyOnce},
		{note: "a code two days old", codes: one(green), fate: lapsed},
		{note: "a code that looks fresh and has been replaced", codes: one(green), fate: replaced},
		{note: "a code whose holder is no longer on file", codes: one(green), fate: gone},
		{note: "a code that only looks like one of the system's", codes: one(green), fate: alien},
		{note: "by document, green", codes: one(green), via: viaDocument},
		{note: "by document whose number ends in X, yellow", codes: one(yellow), via: viaDocument, check: "X"},
		{note: "by document, green, an older red elsewhere", codes: []cityCode{{"杭州市", green, 1}, {"绍兴市", red, 8}}, via: viaDocument},
		{note: "by document with a wrong name", codes: one(green), via: viaWrongName},
		{note: "by document that the system does not know", codes: one(green), via: viaDocument, fate: gone},
	},
	Yuekang: {
		{note: "green code", codes: one(green)},
		{note: "yellow code", codes: one(yellow)},
		{note: "red code", codes: one(red)},
		{note: "a colour that is in no table", codes: one(odd)},
		{note: "a number in place of the colour's word", codes: one(numbered)},
		{note: "green code of 深i您", codes: one(green), quirks: sheni},
		{note: "red code of 深i您", codes: one(red), quirks: sheni},
		{note: "green code, no nucleic-acid test", codes: one(green), quirks: untested},
		{note: "a code two days old", codes: one(green), fate: lapsed},
		{note: "a code that looks fresh and has been replaced", codes: one(green), fate: replaced},
		{note: "a code that only looks like one of the system's", codes: one(green), fate: alien},
	},
	Yukang: {
		{note: "green code", codes: one(green)},
		{note: "yellow code", codes: one(yellow)},
		{note: "red code", codes: one(red)},
		{note: "a colour that is in no table", codes: one(odd)},
		{note: "grey code", codes: one(grey)},
		{note: "a pop-up in place of a colour", codes: one(popup)},
		{note: "a code ten minutes old, by the time that it holds itself", codes: one(green), fate: lapsed},
		{note: "a code that looks fresh and has been replaced", codes: one(green), fate: replaced},
		{note: "a code whose holder is no longer on file", codes: one(green), fate: gone},
		{note: "a code that only looks like one of the system's", codes: one(green), fate: alien},
		{note: "by health card, green", codes: one(green), via: viaCard},
		{note: "by health card, red", codes: one(red), via: viaCard},
		{note: "by health card whose holder is no longer on file", codes: one(green), via: viaCard, fate: gone},
		{note: "a health card that only looks like one of the system's", codes: one(green), via: viaCard, fate: alien},
	},
	Sukang: {
		{note: "green code", codes: one(green)},
		{note: "yellow code", codes: one(yellow)},
		{note: "red code", codes: one(red)},
		{note: "a level that is in no table", codes: one(odd)},
		{note: "green code, reply with a number for its code", codes: one(green), quirks: intCode},
		{note: "green code, reply without JSON inside a string", codes: one(green), quirks: bareDatas},
		{note: "green code, reply with a number and without a string", codes: one(green), quirks: intCode | bareDatas},
		{note: "green code, whose URL has more parameters", codes: one(green), quirks: moreParams},
		{note: "a code two days old", codes: one(green), fate: lapsed},
		{note: "a code two days old, reply with a number for its code", codes: one(green), fate: lapsed, quirks: intCode},
		{note: "a code that looks fresh and has been replaced", codes: one(green), fate: replaced},
		{note: "a holder who must bring their particulars up to date first", codes: one(green), fate: declined},
		{note: "a code that only looks like one of the system's", codes: one(green), fate: alien},
	},
	Ankang: {
		{note: "green code", codes: one(green)},
		{note: "yellow code", codes: one(yellow)},
		{note: "red code", codes: one(red)},
		{note: "a level that is in no table", codes: one(odd)},
		{note: "green code of the national service", codes: one(green), quirks: national},
		{note: "red code of the national service", codes: one(red), quirks: national},
		{note: "a code two days old", codes: one(green), fate: lapsed},
		{note: "a code that looks fresh and has been replaced", codes: one(green), fate: replaced},
		{note: "a code whose holder has never applied for one", codes: one(green), fate: gone},
		{note: "grey code, about which the system does not answer", codes: one(green), fate: declined},
		{note: "the outer envelope says that the service is in trouble", codes: one(green), fate: degraded},
		{note: "a code that only looks like one of the system's", codes: one(green), fate: alien},
	},
	Hebei: {
		{note: "green code", codes: one(green)},
		{note: "yellow code", codes: one(yellow)},
		{note: "red code", codes: one(red)},
		{note: "a status value that is in no table", codes: one(odd)},
		{note: "green code, the answer takes 1.5 s", codes: one(green), quirks: slow},
		{note: "green code of somebody who has entered the country", codes: one(green), quirks: arrived},
		{note: "a code two days old", codes: one(green), fate: lapsed},
		{note: "a code that looks fresh and has been replaced", codes: one(green), fate: replaced},
		{note: "a holder at whom the system is always busy", codes: one(green), fate: degraded},
		{note: "a code that only looks like one of the system's", codes: one(green), fate: alien},
	},
	Beijing:  beijingCast,
	Guokang:  guokangCast,
	Gjgxjhpt: gjgxjhptCast,
	Jilin:    jilinCast,
	Sichuan:  sichuanCast,
	Fujian:   fujianCast,
}

// castOf gives the cast of a system.
func castOf(system string) []trait {
	if r, ok := regionOf(system); ok {
		return nationalCast(r)
	}
	return casts[system]
}

func one(c colour) []cityCode { return []cityCode{{"杭州市", c, 3}} }

// crowd is what the others of a system are, by their share in a hundred.
var crowd = []struct {
	share  int
	colour colour
	fate   fate
	note   string
}{
	{70, green, fine, "green code"},
	{12, yellow, fine, "yellow code"},
	{8, red, fine, "red code"},
	{2, odd, fine, "a value that is in no table"},
	{4, green, lapsed, "an old code"},
	{2, yellow, replaced, "a code that has been replaced"},
	{2, red, alien, "a code that only looks like one of the system's"},
}

// wordless are the colours of the crowd for which a system has no word that is known. Who has one gets a value that is in no table.
var wordless = map[string][]colour{Guokang: {yellow}, Sichuan: {yellow, red}}

// populate makes the people of one system: its cast, and a crowd.
func populate(seed, system string) []*person {
	rnd := rand.New(rand.NewChaCha8(sha256.Sum256([]byte("sandbox people\n" + seed + "\n" + system))))
	numbers := map[string]bool{}
	people := make([]*person, 0, population)
	shift := rnd.IntN(len(surnames))
	for no := range population {
		t := draw(rnd)
		if slices.Contains(wordless[system], t.codes[0].colour) {
			t.codes = one(odd)
		}
		if cast := castOf(system); no < len(cast) {
			t = cast[no]
		}
		number := drawNumber(rnd, t.check)
		for numbers[number] {
			number = drawNumber(rnd, t.check)
		}
		numbers[number] = true
		people = append(people, &person{no, name(no, shift), number, fmt.Sprintf("1300000%04d", rnd.IntN(10000)), t})
	}
	return people
}

func draw(rnd *rand.Rand) trait {
	n := rnd.IntN(100)
	for _, c := range crowd {
		if n -= c.share; n < 0 {
			return trait{note: c.note, codes: one(c.colour), fate: c.fate, quirks: quirk(rnd.IntN(int(emptyOnce)))}
		}
	}
	panic("the shares of the crowd are not a hundred")
}

// Names that no register would take: a surname, 某 ("a certain") and at most one stem.
var (
	surnames = []string{"张", "王", "李", "赵", "陈", "刘", "杨", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何", "郭", "欧阳", "司马"}
	given    = []string{"某某", "某", "某甲", "某乙", "某丙", "某丁", "某戊", "某己", "某庚", "某辛", "某壬", "某癸"}
)

// name gives every no below 240 another name.
func name(no, shift int) string {
	round := no / len(surnames)
	suffix := given[(no+shift+5*round)%len(given)]
	if round > 0 && no%len(surnames) == 0 {
		return "阿某" + suffix + "·某" // long names with a middle dot must pass through everything as well
	}
	return surnames[(no+shift)%len(surnames)] + suffix
}

// drawNumber makes an identity number that holds its check digit and belongs to nobody: no place has the region 000000. check
// is the last character, "" for any.
func drawNumber(rnd *rand.Rand, check string) string {
	for {
		birth := time.Date(1935, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rnd.IntN(28000))
		body := fmt.Sprintf("000000%s%03d", birth.Format("20060102"), 990+rnd.IntN(10))
		if c := checkDigit(body); check == "" || check == c {
			return body + c
		}
	}
}

// checkDigit is that of GB 11643 (ISO 7064 MOD 11-2) over 17 digits.
func checkDigit(body string) string {
	sum := 0
	for _, d := range body {
		sum = (sum + int(d-'0')) * 2 % 11
	}
	return string("0123456789X"[(12-sum)%11])
}
