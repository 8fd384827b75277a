package standard

// Document (证件) is an identity document: its type, number and the holder's name.
type Document struct {
	Type   string `json:"type"`
	Number string `json:"number"`
	Name   string `json:"name"`
}
