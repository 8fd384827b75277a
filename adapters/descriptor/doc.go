// Package descriptor compiles adapters from YAML, so that a system's protocol is written down and not programmed.
//
// A descriptor (适配描述) is one file, adapter.yaml. It says what the system's scans look like, which calls verify one, how
// they are signed, which tokens they need, what each answer means and where in it the members of the national record
// stand. The language is described, with examples that are tested, in adapters/README.md; the systems beside it are
// written in it.
//
// # Reading
//
// [Load] reads the descriptor of a folder, [Parse] one that is in memory. Both give a [Descriptor], or [Findings]: all
// that is wrong as far as it can be told at once, each with file, line, column (in characters), what, and how to mend it. A
// file whose YAML does not hold has one finding; a file whose keys or values do not hold has all of those, and its
// expressions are looked at when they do.
//
//	d, err := descriptor.Load(os.DirFS("/etc/tongma/adapters/sample"), ".")
//	var findings descriptor.Findings
//	if errors.As(err, &findings) { … }
//
// # What is compiled
//
// Everything: forms to patterns, paths to segments, bodies to trees, each expression to a program for the machine of
// expr-lang over typed names. So an unknown name or member, a function that is given what it cannot take, a comparison
// that can never hold, a clause that is never reached and a credential that is not declared are found when a descriptor is
// loaded. On top of expr, expressions are made safe: == + in contains startsWith endsWith and the members of a value are
// functions of this package, for which nil and a value of another type are faults where expr would guess; whatever could
// run for long is off or bounded, because a running expression cannot be stopped.
//
// # What is promised at run
//
// [Descriptor.Open] connects a descriptor to an [adapters.Host] and gives an [adapters.Adapter], which is safe for
// concurrent use. Its tokens are its only state.
//
//   - A status is what the table of statuses has for the exact text that the backend said, else none. Whatever is missing,
//     of another type, malformed or too large ends in a *[adapters.Fault], never in a record.
//   - No value that came from a scan, a caller or a backend changes the structure of what is sent: it is one segment of a
//     path, one value of a query or form, one JSON value, or one header without control characters.
//   - A call is made once; once more after a token was renewed, and up to twice more if the backend asks for it. All waiting
//     ends with the context.
//   - A fault names the place in the descriptor and the types of values, never a value.
//   - [Descriptor.WriteKey] writes all that an answer depends on, and nothing else.
//   - A fault that no reply had a part in is Blameless: a scan of which no request can be made says nothing about the backend.
//
// # What a verification costs
//
// With its replies at hand, 6 (随申码) to 12 µs (河北健康码) on one core of an EPYC that nothing else keeps busy, and 43 to 93
// allocations; `make bench BENCH='-only 10'` measures the costliest. Of the time of 河北健康码, whose reply is JSON in JSON, 45 % is
// reading that, two fifths of it the making of maps; 20 % is the machine and what it looks up, 5 % the other functions, 7 % the request and
// the reply's headers, and the rest names, the record and the run itself.
//
//	go test -run '^$' -bench Verify/hebei -cpuprofile cpu.prof ./adapters/descriptor
//	go tool pprof -top -cum cpu.prof
//
// # Tools
//
// [Format] writes a descriptor as all of them are written, [Schema] is for editors, [Descriptor.Describe] says in plain words what
// one does, [Descriptor.Clashes] which other system claims its scans, and [Descriptor.OpenTraced] shows each step of a run, with the
// secrets and persons in it.
//
// # Fixtures
//
// [RunFixtures] plays the fixtures.yaml of a folder against its descriptor without a network. Time, randomness, credentials,
// tokens and replies are the fixture's, so that signatures compare byte by byte.
package descriptor
