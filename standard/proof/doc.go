// Package proof is what anybody needs who wants to check the evidence (存证) of a gateway: entries, the heads that are signed, proofs and
// exports. It does no I/O but read and write what it is given, and it trusts nothing but public keys.
//
// # Which function to use
//
// For the proof of one verification, [ParseProof], [Proof.Verify] and then [Entry.IsAnswer] with the answer as it was received. For an export,
// [NewReader] and [Reader.Next] until [io.EOF]. For two heads that were seen at different times, [ParseGrowth] and [Growth.Verify].
//
// A gateway writes with [AppendEntry], [Leaf], [AppendFramed], [Chain], [AppendHead] and [SignText]; it proves with [Group.Prove] and [Grow], and
// exports with [NewWriter].
//
// # What is shown, and what is not
//
// Whoever holds a proof and the gateway's public key can show that this gateway signed this entry, in this group, at this place of its log; and
// with the answer itself, whose hash is in the entry, that it gave this answer. Nothing more is needed, also if the gateway is gone.
//
// A head names by its hash the head before it, and by one root all heads before it. So a signed head stands for the whole log up to there: nothing
// in it can be changed, dropped, swapped or inserted without another head, and a gateway that signs two heads with one number, or one that does not
// go on from another, has given proof against itself.
//
// An export cannot show what came after it, nor that a gateway had no second log: compare its last head with one that came another way, such as in
// somebody's proof. Where it has leaves in place of entries, it cannot show whether those had to be given up. An entry does not show who a person
// is; see below. Its time is that of the gateway's clock.
//
// # Notation
//
// The rest of this text is enough to write a verifier in any language; conformance/evidence/verify.py is one that was, and testdata holds an example
// of each thing. Grammars are in ABNF (RFC 5234), over bytes.
//
//	uN      =  an unsigned number of N bits, most significant byte first
//	varint  =  an unsigned number of at most 32 bits in LEB128: seven bits a byte, least significant first, the top bit set in all bytes but the
//	           last; in the fewest bytes, so that the last of several is not 0
//	text    =  varint *OCTET     ; the number of bytes, at most 256, and the bytes: UTF-8 without %x00-1F and %x7F
//	millis  =  u48               ; milliseconds since 1970-01-01T00:00:00Z
//	digest  =  32OCTET           ; SM3 (GB/T 32905-2016)
//
// Entries and heads have exactly one encoding each. Whatever is not as said here, or has bytes left behind it, is refused.
//
// # Entry
//
//	entry      =  kind id at roles outcome reason status action from region observed answer found holder subject
//	              party purpose site case system rule
//	kind       =  %x01 / %x02 / %x03      ; verification, search, subject request
//	id         =  16OCTET                 ; ULID (github.com/ulid/spec), the most significant byte first
//	at         =  millis                  ; when it was answered; not 0
//	roles      =  %x00-7F                 ; a sum: 1 platform, 2 gate, 4 officer, 8 medical, 16 tester, 32 operator, 64 privacy
//	outcome    =  %x00-06                 ; none, verified, expired, not_found, unrecognised, refused, unavailable
//	reason     =  %x00-0F                 ; none, unclaimed, not_issued, scan_expired, no_such_holder, declined, backend_unreachable,
//	                                      ; backend_timeout, backend_fault, backend_busy, backend_quota, breaker_open, suspended,
//	                                      ; overloaded, out_of_patience, not_configured
//	status     =  %x00-03                 ; none, 00 green, 01 yellow, 10 red
//	action     =  %x00-03                 ; none, pass, manual, deny
//	from       =  %x00-03                 ; none, live, cache, stale
//	region     =  u24                     ; the six digits of GB/T 2260 as a number up to 999999, 0 for none
//	observed   =  millis                  ; when the system was asked, 0 if it was not
//	answer     =  digest                  ; of the answer as it was sent
//	found      =  varint                  ; how many entries a search gave
//	holder     =  pseudonym               ; by the document
//	subject    =  pseudonym               ; by the system's own reference
//	pseudonym  =  %x00 / %x10 16OCTET     ; nobody, or 16 bytes that are not all zero
//	party      =  text                    ; who asked
//	purpose    =  text
//	site       =  text                    ; of the check
//	case       =  text                    ; the case number of a search
//	system     =  text                    ; who was asked
//	rule       =  text                    ; of the decision
//
// The numbers of words stand for good; new words get new ones. An entry with other members will have another kind.
//
// # Group and head
//
// Entries are signed in groups of 1 to 4096, in their order. The root of a group is that of the Merkle tree over its entries as RFC 9162, cl. 2.1.1,
// defines it, with SM3 in place of SHA-256:
//
//	leaf(d)     =  SM3(%x00 d)
//	node(l, r)  =  SM3(%x01 l r)
//	root of no leaf = SM3(""); of one leaf d, leaf(d); of n > 1, with k the largest power of two below n,
//	node(root of the first k, root of the others)
//
//	head     =  %x01 group first count at root prev history log key
//	group    =  u64                  ; number of the group in its log, from 0, below 2^48
//	first    =  u64                  ; number of its first entry in its log: the sum of count in all groups before; below 2^60
//	count    =  u32                  ; of entries, 1 to 4096
//	at       =  millis               ; when the head was made; not 0
//	root     =  digest               ; of its entries
//	prev     =  digest               ; SM3 of the head before; 32 zero bytes in group 0
//	history  =  digest               ; root of the Merkle tree whose leaves are the heads of groups 0 to group-1; SM3("") in group 0
//	log      =  u8 1*64idchar        ; number of characters, name of the log
//	key      =  u8 1*64idchar        ; the same for the id of the key that signs
//	idchar   =  ALPHA / DIGIT / "." / "_" / "-"
//
// With it goes a signature by SM2 (GB/T 32918.2-2016, user id 1234567812345678, SM3) over the line "tongma/1 evidence", one LF, and the head; in DER,
// strict. The id of a gateway's key is the first 8 bytes of SM3 over its DER SubjectPublicKeyInfo, in lower-case hex.
//
// # Proof
//
// A JSON object, in which bytes are base64 (RFC 4648, cl. 4) with padding, unused bits zero:
//
//	entry   base64 of the entry
//	number  of the entry in its group, from 0
//	path    array of base64 of 32 bytes each: the inclusion proof of leaf(entry), RFC 9162, cl. 2.1.3.1, leaf's sibling first
//	head    base64 of the head
//	sign    base64 of the signature
//	key     id of the key, the same as in head
//
// It holds if the signature is that of the key, number is below count, and the path leads from the entry to root as RFC 9162, cl. 2.1.3.2, says,
// with tree_size = count. What was answered is the entry's if SM3 over the text of "data" in the answer's body, byte by byte as it was sent (in a batch:
// over the text of "data" in the item), is answer.
//
// # Growth
//
// A JSON object that shows of two heads that the later goes on from the earlier:
//
//	earlier     {"head", "sign"}, of group m
//	later       {"head", "sign"}, of group n > m and the same log
//	included    array of base64: the inclusion proof of leaf m, the earlier head, in the tree of size n with the root history of the later
//	consistent  array of base64: the consistency proof, RFC 9162, cl. 2.1.4.1, from the tree of size m with the root history of the earlier to that
//	            of size n; empty if m is 0
//
// # Export
//
// Lines of JSON, each a line that ends with one LF; no member twice, and none but these. The first:
//
//	format    "tongma/1 evidence export"
//	log       name of the log
//	from      number of the first group
//	to        number of the last group + 1
//	frontier  array of base64 of 32 bytes each: the roots of the perfect subtrees that make up the tree of the heads 0 to from-1, the largest first:
//	          one for each bit set in from; absent if from is 0
//
// Then a line for each group from from to to-1:
//
//	head      base64 of the head
//	sign      base64 of the signature
//	entries   base64 of the entries in their order, each as varint entry: the number of its bytes, at most 2048, and the entry
//	leaves    instead of entries, where those were given up: base64 of leaf(entry) of each, 32 bytes each
//
// An export holds if each of these does, for each group: the signature is that of a key of the gateway; log and group are those of the first line
// and of the place; there are count entries; each parses; their root is root; and first, prev and history are what the groups before make them. Of
// the first group, where from is not 0, first and prev are taken as given, or compared with the last head of an earlier export; history must be
// the root that the frontier has: of hashes f1 to fk, node(f1, node(f2, ... fk)).
//
// # Pseudonyms
//
// A holder is the first 16 bytes of HMAC-SM3(day key, text) with the text "tongma/1 pseudonym", LF, "document", LF, the document's type, LF, its number; a
// subject likewise of "tongma/1 pseudonym", LF, "subject", LF, the system's id, LF, its reference. The day is the date of at in +08:00. Its key
// is 32 random bytes; when that has been destroyed, nobody can tie the entries of that day to a person any more, and all proofs still hold.
package proof
