// Package policy decides what a verifier is told to do, by the rules of the place.
//
// A region has a file of rules: which systems and recognition modes it honours, what each status means there, and what is decided. Files
// are found by the place's GB/T 2260 code, from the county (440106) to the city (440100), the province (440000) and the national default:
// what no rule of one decides, the next decides. README.md is the manual of such a file.
//
//	file, err := policy.Parse("guangdong.yaml", src) // what is wrong with it alone
//	set, err := policy.Load(file)                    // what is wrong beside the others; its own tests are run
//	decision := set.Decide(&policy.Case{…})
//
// Every case falls into one of 324 cells: what became of the call, how old the answer is, whether another code of the holder is worse,
// whether it was asked by scan or by document, and how the system stands here. A rule names cells, and may have a condition besides. So
// overlaps, gaps and rules that never decide are found by looking at each cell, and a decision is a look-up and a few conditions.
//
// Three things no file can change: only a verified green passes, a stale one only where a rule says so outright, and none whose holder has
// a current yellow or red code besides. They are asked when a file is read, and again of every decision.
//
// A condition is of the language of the descriptors ([descriptor.Conditions]), so that expr keeps its one keeper, with what that package
// has learnt about it, and whoever can write one kind of file can write the other.
package policy
