package asl

import (
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// An Operator is how a Comparison compares.
type Operator uint8

// The operators. Each but the type tests and StringMatches also has a form that ends in Path.
const (
	StringEquals Operator = iota + 1
	StringLessThan
	StringGreaterThan
	StringLessThanEquals
	StringGreaterThanEquals
	StringMatches
	NumericEquals
	NumericLessThan
	NumericGreaterThan
	NumericLessThanEquals
	NumericGreaterThanEquals
	BooleanEquals
	TimestampEquals
	TimestampLessThan
	TimestampGreaterThan
	TimestampLessThanEquals
	TimestampGreaterThanEquals
	IsNull
	IsPresent
	IsNumeric
	IsString
	IsBoolean
	IsTimestamp
)

var operatorNames = [...]string{
	StringEquals:               "StringEquals",
	StringLessThan:             "StringLessThan",
	StringGreaterThan:          "StringGreaterThan",
	StringLessThanEquals:       "StringLessThanEquals",
	StringGreaterThanEquals:    "StringGreaterThanEquals",
	StringMatches:              "StringMatches",
	NumericEquals:              "NumericEquals",
	NumericLessThan:            "NumericLessThan",
	NumericGreaterThan:         "NumericGreaterThan",
	NumericLessThanEquals:      "NumericLessThanEquals",
	NumericGreaterThanEquals:   "NumericGreaterThanEquals",
	BooleanEquals:              "BooleanEquals",
	TimestampEquals:            "TimestampEquals",
	TimestampLessThan:          "TimestampLessThan",
	TimestampGreaterThan:       "TimestampGreaterThan",
	TimestampLessThanEquals:    "TimestampLessThanEquals",
	TimestampGreaterThanEquals: "TimestampGreaterThanEquals",
	IsNull:                     "IsNull",
	IsPresent:                  "IsPresent",
	IsNumeric:                  "IsNumeric",
	IsString:                   "IsString",
	IsBoolean:                  "IsBoolean",
	IsTimestamp:                "IsTimestamp",
}

// operators maps a rule's field to the operator, and whether it is the Path form.
var operators = func() map[string]operatorField {
	fields := make(map[string]operatorField)
	for o := StringEquals; o <= IsTimestamp; o++ {
		fields[o.String()] = operatorField{o, false}
		if o != StringMatches && o < IsNull {
			fields[o.String()+"Path"] = operatorField{o, true}
		}
	}
	return fields
}()

type operatorField struct {
	operator Operator
	isPath   bool
}

// String returns the operator's name in a definition.
func (o Operator) String() string { return operatorNames[o] }

// operandKind returns what kind of literal the operator compares with.
func (o Operator) operandKind() jsonvalue.Kind {
	name := o.String()
	switch {
	case strings.HasPrefix(name, "String"), strings.HasPrefix(name, "Timestamp"):
		return jsonvalue.KindString
	case strings.HasPrefix(name, "Numeric"):
		return jsonvalue.KindNumber
	default:
		return jsonvalue.KindBool
	}
}
