// Package schema knows the resource types of CloudFormation: which properties a
// type has, which it requires, which it computes, and which cannot change in
// place.
package schema

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"
)

// types.json is derived from AWS's public resource schemas; models/NOTICE says how.
//
//go:embed types.json
var document []byte

// A Type is one resource type. Property names in its lists may be paths with
// slashes below a property.
type Type struct {
	Properties            map[string]json.RawMessage `json:"properties"`
	Definitions           map[string]json.RawMessage `json:"definitions"`
	Required              []string                   `json:"required"`
	CreateOnly            []string                   `json:"createOnlyProperties"`
	ConditionalCreateOnly []string                   `json:"conditionalCreateOnlyProperties"`
	ReadOnly              []string                   `json:"readOnlyProperties"`
	WriteOnly             []string                   `json:"writeOnlyProperties"`
	PrimaryIdentifier     []string                   `json:"primaryIdentifier"`
}

var all = sync.OnceValue(func() map[string]*Type {
	var types map[string]*Type
	if err := json.Unmarshal(document, &types); err != nil {
		panic(fmt.Sprintf("schema: types.json: %v", err))
	}
	return types
})

// Of returns the resource type with a name such as AWS::Lambda::Alias, or nil
// when it is not known.
func Of(name string) *Type { return all()[name] }
