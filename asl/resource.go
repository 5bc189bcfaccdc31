package asl

import "strings"

// A Resource is what a Task state calls, taken apart.
type Resource struct {
	// Text is the field as written.
	Text string
	Kind ResourceKind
	// Service and Action are the parts of an Integration's or an SDK's ARN: "states" and
	// "startExecution". Pattern is its suffix.
	Service, Action string
	Pattern         Pattern
}

// A ResourceKind is what kind of worker a Resource names.
type ResourceKind uint8

// The kinds, by the form of the Resource.
const (
	LambdaFunction ResourceKind = iota // a function's ARN: the input is the payload
	Activity                           // an activity's ARN: a worker fetches the task
	Integration                        // arn:aws:states:::service:action
	SDK                                // arn:aws:states:::aws-sdk:service:action
)

// A Pattern is how the end of an integration's work is known.
type Pattern uint8

// The patterns, by the suffix of the Resource.
const (
	RequestResponse  Pattern = iota // none: the answer is the result
	Sync                            // .sync: the job's end is the result
	Sync2                           // .sync:2: likewise, with the job's texts read as JSON
	WaitForTaskToken                // .waitForTaskToken: whoever holds the token ends it
)

// Suffix returns what a Resource of the pattern ends in, with its dot; empty for
// RequestResponse.
func (p Pattern) Suffix() string {
	switch p {
	case RequestResponse:
		return ""
	case Sync:
		return ".sync"
	case Sync2:
		return ".sync:2"
	case WaitForTaskToken:
		return ".waitForTaskToken"
	default:
		panic("asl: unknown pattern")
	}
}

// patterns in the order in which suffixes are tried.
var patterns = []Pattern{Sync2, Sync, WaitForTaskToken}

// ParseResource takes a Task's Resource apart. It reports false for what is no ARN that a
// Task can call.
func ParseResource(text string) (Resource, bool) {
	r := Resource{Text: text}
	parts := strings.SplitN(text, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" || parts[1] == "" {
		return Resource{}, false
	}
	service, region, account, rest := parts[2], parts[3], parts[4], parts[5]
	kind, name, _ := strings.Cut(rest, ":")
	switch {
	case service == "lambda" && region != "" && account != "" && kind == "function" && name != "":
		r.Kind = LambdaFunction
		return r, true
	case service == "states" && region != "" && account != "" && kind == "activity" && name != "":
		r.Kind = Activity
		return r, true
	case service != "states" || region != "" || account != "":
		return Resource{}, false
	}
	r.Kind = Integration
	if kind == "aws-sdk" {
		r.Kind = SDK
		kind, name, _ = strings.Cut(name, ":")
	}
	for _, p := range patterns {
		if base, ok := strings.CutSuffix(name, p.Suffix()); ok {
			r.Pattern, name = p, base
			break
		}
	}
	r.Service, r.Action = kind, name
	if !isWord(kind) || !isWord(name) || !r.known() {
		return Resource{}, false
	}
	return r, true
}

// isWord reports whether s could be the name of a service or an action.
func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != ""
}

// known reports whether the optimized integration exists, with that pattern. An SDK
// integration takes any action, and no pattern but the token's.
func (r Resource) known() bool {
	if r.Kind == SDK {
		return r.Pattern == RequestResponse || r.Pattern == WaitForTaskToken
	}
	allowed, ok := integrations[r.Service+":"+r.Action]
	return ok && allowed&(1<<r.Pattern) != 0
}

const (
	call  = 1 << RequestResponse
	sync  = 1 << Sync
	sync2 = 1 << Sync2
	token = 1 << WaitForTaskToken
)

// integrations are the optimized integrations with the patterns that each allows.
//
// Source: Step Functions Developer Guide, "Integrating optimized services".
var integrations = map[string]uint{
	"apigateway:invoke":                                call | token,
	"athena:getQueryExecution":                         call,
	"athena:getQueryResults":                           call,
	"athena:startQueryExecution":                       call | sync,
	"athena:stopQueryExecution":                        call,
	"batch:submitJob":                                  call | sync | token,
	"bedrock:createModelCustomizationJob":              call | sync,
	"bedrock:invokeModel":                              call,
	"codebuild:batchDeleteBuilds":                      call,
	"codebuild:batchGetReports":                        call,
	"codebuild:startBuild":                             call | sync,
	"codebuild:startBuildBatch":                        call | sync,
	"codebuild:stopBuild":                              call,
	"codebuild:stopBuildBatch":                         call,
	"codebuild:retryBuildBatch":                        call | sync,
	"codebuild:deleteBuildBatch":                       call,
	"databrew:startJobRun":                             call | sync,
	"dynamodb:deleteItem":                              call,
	"dynamodb:getItem":                                 call,
	"dynamodb:putItem":                                 call,
	"dynamodb:updateItem":                              call,
	"ecs:runTask":                                      call | sync | token,
	"eks:call":                                         call | sync | token,
	"eks:createCluster":                                call | sync,
	"eks:createFargateProfile":                         call | sync,
	"eks:createNodegroup":                              call | sync,
	"eks:deleteCluster":                                call | sync,
	"eks:deleteFargateProfile":                         call | sync,
	"eks:deleteNodegroup":                              call | sync,
	"eks:runJob":                                       call | sync | token,
	"elasticmapreduce:addStep":                         call | sync,
	"elasticmapreduce:cancelStep":                      call,
	"elasticmapreduce:createCluster":                   call | sync,
	"elasticmapreduce:modifyInstanceFleetByName":       call,
	"elasticmapreduce:modifyInstanceGroupByName":       call,
	"elasticmapreduce:setClusterTerminationProtection": call,
	"elasticmapreduce:terminateCluster":                call | sync,
	"emr-containers:createVirtualCluster":              call,
	"emr-containers:deleteVirtualCluster":              call | sync,
	"emr-containers:startJobRun":                       call | sync,
	"emr-serverless:createApplication":                 call | sync,
	"emr-serverless:deleteApplication":                 call | sync,
	"emr-serverless:cancelJobRun":                      call | sync,
	"emr-serverless:startApplication":                  call | sync,
	"emr-serverless:startJobRun":                       call | sync,
	"emr-serverless:stopApplication":                   call | sync,
	"events:putEvents":                                 call | token,
	"glue:startJobRun":                                 call | sync,
	"http:invoke":                                      call,
	"lambda:invoke":                                    call | token,
	"mediaconvert:createJob":                           call | sync,
	"sagemaker:createEndpoint":                         call,
	"sagemaker:createEndpointConfig":                   call,
	"sagemaker:createHyperParameterTuningJob":          call | sync,
	"sagemaker:createLabelingJob":                      call | sync,
	"sagemaker:createModel":                            call,
	"sagemaker:createProcessingJob":                    call | sync,
	"sagemaker:createTrainingJob":                      call | sync,
	"sagemaker:createTransformJob":                     call | sync,
	"sagemaker:updateEndpoint":                         call,
	"sns:publish":                                      call | token,
	"sqs:sendMessage":                                  call | token,
	"states:startExecution":                            call | sync | sync2 | token,
}
