// Package lambda is the local Lambda: functions, versions, weighted aliases and
// invocations, with the semantics that AWS was recorded to have.
package lambda
