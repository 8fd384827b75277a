package standard

import _ "embed"

//go:embed schema/record.schema.json
var schemaRecord []byte

//go:embed schema/verification.schema.json
var schemaVerification []byte

//go:embed schema/request.schema.json
var schemaRequest []byte

// SchemaRecord gives the JSON Schema (2020-12) of a [Record]. It states formats as patterns, so that a validator that
// ignores "format" checks as much as one that does not. Each schema stands alone, and each call gives a copy.
func SchemaRecord() []byte { return append([]byte(nil), schemaRecord...) }

// SchemaVerification gives the JSON Schema of a [Verification], an answer's data. It knows no member that nobody may see.
func SchemaVerification() []byte { return append([]byte(nil), schemaVerification...) }

// SchemaRequest gives the JSON Schema of a [Request]. What a schema cannot say, such as the region being in GB/T 2260, is
// checked by [Request.Check].
func SchemaRequest() []byte { return append([]byte(nil), schemaRequest...) }
