// Package evidence holds verify.py, a second program that verifies the evidence of a gateway: exports, proofs, and that a log goes on from an earlier
// head. It was written from the manual of package standard/proof alone, in another language, with its own SM2 and, where Python has none, its own
// SM3. So what both accept does not hang on a mistake of one of them, and whoever does not trust our program can read this one, or write a third.
//
//	python3 conformance/evidence/verify.py --key gateway.pem FILE.export
//
// The tests here give it what the gateway's code has written, and the same with every byte changed.
package evidence
