// Package wire speaks AWS's protocols: it decodes, validates and encodes from
// the service models, and knows what errors look like.
package wire

//go:generate go run ../../internal/gen/awsapi -models ../../models -out . sfnapi=stepfunctions cloudwatchapi=cloudwatch stsapi=sts iamapi=iam
