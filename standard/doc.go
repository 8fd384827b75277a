// Package standard is the national health code schema as Tongma speaks it: the data of GB/T 38961, 38962 and 38963-2020,
// and what goes with them. It does no I/O and imports nothing of Tongma's, so that a platform or a tester can use it alone.
//
// # What is in it
//
// A [Record] is what one issuing system said of one holder. A [Request] asks for a verification and a [Verification]
// answers it. Each data element has a row in [Elements], which says where it comes from; [SchemaRecord],
// [SchemaRequest] and [SchemaVerification] give the same as JSON Schema for those who do not read Go.
//
// [Status] is the national coding of a holder's health level, [Outcome] what became of a call. Only the outcome [Verified]
// speaks of a person. The zero Status is [None], and [None] is not green: a reader who compares with [Green] and
// treats everything else as not green is right.
//
// [LookupRegion], [City] and [Under] answer questions about GB/T 2260, [LookupCountry] about GB/T 2659. [Document.Check]
// says whether an identity document can exist and gives the form in which it is compared. [Request.Check] does this
// and the rest for a whole request.
//
// [Record.View] is the one way from a full record to what a caller may see. [MaskName], [MaskIDNumber] and [MaskPhone] are
// the masking rules by themselves.
//
// # What is known of the standards
//
// The clause text of the three standards is not public beyond their front parts: of the data elements only the names in
// 38962 cl. 4 a) and the first three of cl. 4 b). Nothing else here is to be taken for the standard's own. Every row and every
// record carries its [Provenance]: standard, documented (an official or vendor document), observed (third-party code),
// profile (ours), or synthetic (invented where nothing is public).
//
// # Times
//
// Times that Tongma writes are in [Zone], +08:00, cut to milliseconds by [Millis]. Times that a system stated keep its
// zone. Durations in JSON are whole milliseconds and their names end in Ms.
//
// # Errors
//
// Whatever is wrong with what somebody gave us is an *[Error], with a [Kind] to decide by, the member's name, and what
// would be right. It never holds the value: names and numbers of people do not belong in errors and logs.
package standard
