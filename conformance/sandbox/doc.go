// Package sandbox plays the backends of health-code systems on loopback, so that a gateway can be shown, tested and
// practised with where no real backend is in reach.
//
//	suishen    随申码, Shanghai             access token for a day, JSON inside strings
//	suikang    穗康码, Guangzhou            TIF gateway signatures, JSON scan, a call each for colour and holder
//	hangzhou   杭州健康码, all of Zhejiang  secrets that roll, codes of several cities a person
//	yuekang    粤康码, Guangdong           a token for each device, answers for 深i您 too
//	yukang     渝康码, Chongqing           bodies under SM4, health cards as a second scan
//	sukang     苏康码, Jiangsu             a form that says who verifies, one envelope in several forms
//	ankang     安康码, Anhui               parameters in the fragment, two envelopes, times eight hours ahead
//	hebei      河北健康码, Hebei            BizExtData, JSON in a string, lists joined by ^, slow answers
//	beijing    北京健康宝, Beijing          the gateway's own clock, a session, ten states
//	guokang    国康码, by a reseller        JSON in a string, a number for all that can go wrong
//	gjgxjhpt   国家数据共享交换平台          a secret wrapped under the app key, one address for all services
//	jilin      吉祥码, Jilin                a body under a cipher, four colours
//	sichuan    天府健康通, Sichuan          one grade that is known, tests in a second call
//	fujian     八闽健康码, Fujian           its sibling, behind TIF
//
// Each backend speaks the dialect that is publicly known of it and enforces it: a wrong signature, a stale time or an
// expired token gets that system's own refusal. What is not public is ours; README.md lists all of it, and codes that
// we had to invent begin with S and have messages that begin with SYNTHETIC.
//
// The package knows nothing of the gateway's adapters: these must be tested against something that was not made from them.
//
// # Use
//
//	s := sandbox.New(sandbox.Options{})
//	l, err := s.Listen(nil)             // a loopback port for each system
//	…
//	defer l.Close()
//	l.URLs()[sandbox.Suishen]           // the endpoint to configure,
//	s.Credentials(sandbox.Suishen)      // with these credentials
//	s.PlaceIDs(sandbox.Suishen)         // and these names of the place,
//	s.People(sandbox.Suishen)           // who can be verified there, and what should come of it
//	s.SetFault(sandbox.Suishen, "hang") // trouble, until "off"
//	s.SetCapacity(sandbox.Suishen, 1000) // a second; the others wait in line
//	s.Mint(sandbox.Suishen, 7)          // one of four thousand million codes
//
// # People
//
// Each system has a hundred people, made from a seed. Their names are ones that no register takes, their document numbers have
// the region 000000 that nobody has, with a right check digit; their phones are 1300000 and four digits. Scans are a
// function of seed, person and time, so another process finds the same ones.
package sandbox
