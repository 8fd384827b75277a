package descriptor

import _ "embed"

//go:embed schema.json
var schema []byte

// Schema gives the JSON Schema (2020-12) of a descriptor, for editors: keys, words and types, with a line of help for each. What
// expressions, forms and clauses mean to each other [Parse] alone knows.
func Schema() []byte { return append([]byte(nil), schema...) }
