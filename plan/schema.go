package plan

import "encoding/json"

//go:generate go test -run=TestThePublishedFilesAreCurrent -update .

// Schema returns the JSON Schema (draft 2020-12) of plan files. It is made from
// the same tables as the reader; what only the reader knows, such as that
// weights rise, is not in it.
func Schema() []byte {
	s := fileShape.schema()
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["$id"] = "https://crossfade.dev/plan.schema.json"
	s["title"] = "Crossfade plan file"
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic("plan: schema: " + err.Error()) // made of maps, lists and texts only
	}
	return append(b, '\n')
}
