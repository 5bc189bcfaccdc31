// Package arn reads and writes Amazon Resource Names, and knows the forms that
// Step Functions and Lambda give to versions and aliases.
package arn

import (
	"cmp"
	"fmt"
	"strings"
)

// An ARN names a resource: arn:Partition:Service:Region:Account:Resource.
type ARN struct {
	Partition string // aws, aws-cn, aws-us-gov
	Service   string // states, lambda, cloudwatch
	Region    string // empty for global services
	Account   string // twelve digits; empty for some services
	Resource  string // all the rest, colons and slashes included
}

// Parse reads an ARN. The error tells what is missing.
func Parse(s string) (ARN, error) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return ARN{}, fmt.Errorf("%q is not an ARN: want arn:partition:service:region:account:resource", s)
	}
	a := ARN{Partition: parts[1], Service: parts[2], Region: parts[3], Account: parts[4], Resource: parts[5]}
	if a.Partition == "" || a.Service == "" || a.Resource == "" {
		return ARN{}, fmt.Errorf("%q is not an ARN: partition, service and resource must not be empty", s)
	}
	return a, nil
}

// String writes the ARN.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// Qualified splits a state machine's or a function's ARN into the ARN without
// qualifier and the qualifier: a version number, an alias name or, for
// functions, $LATEST. The qualifier is empty when there is none.
//
// Source: facts of Step Functions, "stateMachine:NAME:N" and
// "stateMachine:NAME:ALIAS"; Lambda, "function:NAME:QUALIFIER".
func (a ARN) Qualified() (unqualified ARN, qualifier string) {
	kind, rest, ok := strings.Cut(a.Resource, ":")
	if !ok {
		return a, ""
	}
	name, qualifier, _ := strings.Cut(rest, ":")
	a.Resource = kind + ":" + name
	return a, qualifier
}

// With returns the ARN with a qualifier appended.
func (a ARN) With(qualifier string) ARN {
	a.Resource += ":" + qualifier
	return a
}

// Name returns the resource's own name: the second part of kind:name[:qualifier],
// or the whole resource when it has no kind.
func (a ARN) Name() string {
	parts := strings.SplitN(a.Resource, ":", 3)
	if len(parts) == 1 {
		return parts[0]
	}
	return parts[1]
}

// Kind returns the resource's kind: stateMachine, execution, express, function,
// alarm. It is empty when the resource has none.
func (a ARN) Kind() string {
	kind, _, ok := strings.Cut(a.Resource, ":")
	if !ok {
		return ""
	}
	return kind
}

// IsVersion says whether a qualifier is a version number: decimal digits only.
func IsVersion(qualifier string) bool {
	if qualifier == "" {
		return false
	}
	return strings.Trim(qualifier, "0123456789") == ""
}

// CompareVersions orders version numbers: negative when a is the older one,
// positive when b is. Numbers are as the services write them, without leading
// zeros, and may be of any length.
func CompareVersions(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
