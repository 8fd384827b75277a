package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"tongma/standard"
	"tongma/standard/wire"
)

func standardCommand() *cobra.Command {
	var asJSON, codes, reasons, documents bool
	var schema string
	cmd := &cobra.Command{
		Use:   "standard",
		Short: "Print the national schema: elements, codes, reasons, JSON Schema",
		Long: `Prints the table of data elements of a record and of an answer: path, name, format, who sees it and how it is
known. Of GB/T 38962-2020 only the names in clause 4 are public; the last column says which those are.

  standard     public text of the standard
  documented   an official or vendor document
  observed     seen in third-party code
  profile      Tongma's own
  synthetic    invented where nothing is public`,
		Example: `  tongma standard
  tongma standard --codes
  tongma standard --schema verification > verification.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if schema != "" {
				text, ok := schemas[schema]
				if !ok {
					return misuse("give record, verification or request", "no schema %q", schema)
				}
				_, err := out.Write(text())
				return err
			}
			t := elementsTable
			switch {
			case codes:
				t = codesTable
			case reasons:
				t = reasonsTable
			case documents:
				t = documentsTable
			}
			headings, rows, data := t()
			if asJSON {
				return printJSON(out, data)
			}
			printTable(out, headings, rows)
			return nil
		},
	}
	cmd.Flags().StringVar(&schema, "schema", "", "print the JSON Schema of `WHAT`: record, verification or request")
	cmd.Flags().BoolVar(&codes, "codes", false, "print the return codes instead")
	cmd.Flags().BoolVar(&reasons, "reasons", false, "print the reasons why an outcome is not verified instead")
	cmd.Flags().BoolVar(&documents, "documents", false, "print the document types instead")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("schema", "codes", "reasons", "documents")
	cmd.MarkFlagsMutuallyExclusive("schema", "json")
	return cmd
}

var schemas = map[string]func() []byte{
	"record": standard.SchemaRecord, "verification": standard.SchemaVerification, "request": standard.SchemaRequest,
}

func elementsTable() ([]string, [][]string, any) {
	var rows [][]string
	for _, e := range standard.Elements {
		rows = append(rows, []string{e.Path, e.Name.Zh, e.Name.En, join("; ", e.Format, e.Values), string(e.SeenBy), e.Clause, string(e.Provenance)})
	}
	return []string{"ELEMENT", "名称", "NAME", "FORMAT AND VALUES", "SEEN BY", "CLAUSE", "PROVENANCE"}, rows, standard.Elements
}

func codesTable() ([]string, [][]string, any) {
	var rows [][]string
	for _, c := range wire.Codes {
		rows = append(rows, []string{c.Code, strconv.Itoa(c.Status), c.Zh, c.En, c.Todo})
	}
	return []string{"CODE", "HTTP", "含义", "MEANING", "WHAT TO DO"}, rows, wire.Codes
}

func reasonsTable() ([]string, [][]string, any) {
	type row struct {
		Code    standard.ReasonCode `json:"code"`
		Outcome standard.Outcome    `json:"outcome"`
		Text    standard.Text       `json:"text"`
	}
	var rows [][]string
	var data []row
	for _, r := range standard.Reasons {
		rows = append(rows, []string{string(r.Code), string(r.Outcome), r.Text.Zh, r.Text.En})
		data = append(data, row(r))
	}
	return []string{"REASON", "OUTCOME", "含义", "MEANING"}, rows, data
}

func documentsTable() ([]string, [][]string, any) {
	var rows [][]string
	for _, d := range standard.DocumentTypes {
		rows = append(rows, []string{d.Code, d.Name.Zh, d.Name.En, d.Number})
	}
	return []string{"TYPE", "证件", "DOCUMENT", "NUMBER"}, rows, standard.DocumentTypes
}
