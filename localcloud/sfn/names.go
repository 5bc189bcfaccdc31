package sfn

import (
	"strings"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/machine"
)

// errorNames are how the errors of a service show up in executions: before the
// dot of the error's name, and as the service in its cause.
type errorNames struct{ prefix, service string }

// Source: recorded, and the service names of the AWS SDKs for Java.
var (
	optimizedNames = map[string]errorNames{
		"lambda":   {"Lambda", "AWSLambda"},
		"states":   {"StepFunctions", "AWSStepFunctions"},
		"sns":      {"SNS", "AmazonSNS"},
		"sqs":      {"SQS", "AmazonSQS"},
		"dynamodb": {"DynamoDB", "AmazonDynamoDBv2"},
		"events":   {"EventBridge", "AmazonCloudWatchEvents"},
	}
	sdkNames = map[string]string{
		"cloudformation": "CloudFormation",
		"cloudwatch":     "CloudWatch",
		"cloudwatchlogs": "CloudWatchLogs",
		"codedeploy":     "CodeDeploy",
		"dynamodb":       "DynamoDb",
		"eventbridge":    "EventBridge",
	}
)

func namesOf(c machine.CallTask) errorNames {
	switch c.Kind {
	case asl.LambdaFunction:
		return optimizedNames["lambda"]
	case asl.SDK:
		name, ok := sdkNames[c.Service]
		if !ok {
			name = capital(c.Service)
		}
		return errorNames{name, name}
	default:
		if names, ok := optimizedNames[c.Service]; ok {
			return names
		}
		return errorNames{capital(c.Service), capital(c.Service)}
	}
}

// capital returns a word with a capital first letter.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// exceptionName is an error's code as the SDKs for Java name its class.
func exceptionName(code string) string {
	if strings.HasSuffix(code, "Exception") {
		return code
	}
	return strings.TrimSuffix(code, "Error") + "Exception"
}
