package cli

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

// worldClient changes and shows a cloud.
type worldClient struct {
	states    *sfn.Client
	functions *lambda.Client
	metrics   *cloudwatch.Client
}

func newWorldClient(ctx context.Context, endpoint string) (*worldClient, error) {
	cfg, err := awsOptions{endpoint: endpoint}.load(ctx)
	if err != nil {
		return nil, err
	}
	return &worldClient{states: sfn.NewFromConfig(cfg), functions: lambda.NewFromConfig(cfg), metrics: cloudwatch.NewFromConfig(cfg)}, nil
}

// arn is the ARN of orders or orders:prod, taken from the only machine of that
// name.
func (w *worldClient) arn(name string) string {
	machine, qualifier, _ := strings.Cut(name, ":")
	out, err := w.states.ListStateMachines(context.Background(), &sfn.ListStateMachinesInput{})
	if err != nil {
		return ""
	}
	for _, m := range out.StateMachines {
		if aws.ToString(m.Name) == machine {
			return strings.TrimSuffix(aws.ToString(m.StateMachineArn)+":"+qualifier, ":")
		}
	}
	return ""
}

// world is a program for scripts:
//
//	world machine NAME:ALIAS FILE   a machine, version 1, and an alias that serves it
//	world alarm NAME [STATE]        an alarm, or its state
//	world routing NAME:ALIAS        what the alias does: "1 90, 2 10"
//	world shift NAME:ALIAS V W …    somebody else's change of the alias
//	world code FILE ANSWER          an archive with a function that answers so, or
//	                                fails when the answer begins with "error: "
//	world function NAME[:ALIAS] FILE  a function with that code, and if an alias is
//	                                named, version 1 and the alias that serves it
//	world serves NAME:ALIAS         what a function's alias does: "1", "1, 2 0.1"
//	world same NAME VERSION FILE    whether a function's version has this very code
func world(ctx context.Context, args []string) int {
	err := func() error {
		if len(args) < 2 {
			return errors.New("usage: world machine|alarm|routing|shift|code|function|serves|same NAME ...")
		}
		if args[0] == "code" {
			return writeCode(args[1], args[2])
		}
		w, err := newWorldClient(ctx, os.Getenv("AWS_ENDPOINT_URL"))
		if err != nil {
			return err
		}
		switch args[0] {
		case "machine":
			return w.machine(ctx, args[1], args[2])
		case "alarm":
			return w.alarm(ctx, args[1], args[2:])
		case "routing":
			return w.routing(ctx, args[1])
		case "shift":
			return w.shift(ctx, args[1], args[2:])
		case "function":
			return w.function(ctx, args[1], args[2])
		case "serves":
			return w.serves(ctx, args[1])
		case "same":
			return w.same(ctx, args[1], args[2], args[3])
		default:
			return fmt.Errorf("world %s?", args[0])
		}
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (w *worldClient) machine(ctx context.Context, name, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	machine, alias, _ := strings.Cut(name, ":")
	out, err := w.states.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{
		Name: aws.String(machine), Definition: aws.String(string(text)), Publish: true,
		RoleArn: aws.String("arn:aws:iam::123456789012:role/test"),
	})
	if err != nil || alias == "" {
		return err
	}
	_, err = w.states.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{
		Name:                 aws.String(alias),
		RoutingConfiguration: []sfntypes.RoutingConfigurationListItem{{StateMachineVersionArn: out.StateMachineVersionArn, Weight: 100}},
	})
	return err
}

func (w *worldClient) alarm(ctx context.Context, name string, state []string) error {
	if len(state) > 0 {
		_, err := w.metrics.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{
			AlarmName: aws.String(name), StateValue: cwtypes.StateValue(state[0]), StateReason: aws.String("said so"),
		})
		return err
	}
	// A metric that nobody writes: the alarm stays as it is set.
	_, err := w.metrics.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String(name), Namespace: aws.String("Test"), MetricName: aws.String("Nothing"),
		Statistic: cwtypes.StatisticSum, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1),
		ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("ignore"),
	})
	if err != nil {
		return err
	}
	return w.alarm(ctx, name, []string{"OK"})
}

func (w *worldClient) routing(ctx context.Context, name string) error {
	out, err := w.states.DescribeStateMachineAlias(ctx, &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: aws.String(w.arn(name))})
	if err != nil {
		return err
	}
	var parts []string
	for _, r := range out.RoutingConfiguration {
		version := aws.ToString(r.StateMachineVersionArn)
		parts = append(parts, fmt.Sprintf("%s %d", version[strings.LastIndexByte(version, ':')+1:], r.Weight))
	}
	slices.Sort(parts)
	fmt.Println(strings.Join(parts, ", "))
	return nil
}

func (w *worldClient) shift(ctx context.Context, name string, pairs []string) error {
	machine, _, _ := strings.Cut(name, ":")
	var routing []sfntypes.RoutingConfigurationListItem
	for i := 0; i+1 < len(pairs); i += 2 {
		weight, err := strconv.Atoi(pairs[i+1])
		if err != nil {
			return err
		}
		routing = append(routing, sfntypes.RoutingConfigurationListItem{
			StateMachineVersionArn: aws.String(w.arn(machine) + ":" + pairs[i]), Weight: int32(weight),
		})
	}
	_, err := w.states.UpdateStateMachineAlias(ctx, &sfn.UpdateStateMachineAliasInput{
		StateMachineAliasArn: aws.String(w.arn(name)), RoutingConfiguration: routing,
	})
	return err
}

// writeCode writes an archive whose bootstrap is the program function.
func writeCode(file, answer string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' '%s'\n", strings.TrimSuffix(program, "world")+"function", answer)
	return os.WriteFile(file, lambdatest.Archive(map[string]string{"bootstrap*": script}), 0o644)
}

// function is a program for scripts: the code of a Lambda function that answers
// what it is told, or fails.
func function(ctx context.Context, answer string) int {
	err := serveInvocations(ctx, os.Getenv("AWS_LAMBDA_RUNTIME_API"), func([]byte) ([]byte, error) {
		if text, bad := strings.CutPrefix(answer, "error: "); bad {
			return nil, errors.New(text)
		}
		return []byte(answer), nil
	})
	if err != nil {
		return 1
	}
	return 0
}

func (w *worldClient) function(ctx context.Context, name, file string) error {
	code, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	name, alias, _ := strings.Cut(name, ":")
	if _, err := w.functions.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String(name), Role: aws.String("arn:aws:iam::123456789012:role/test"), Handler: aws.String("bootstrap"),
		Runtime: lambdatypes.RuntimeProvidedal2023, Code: &lambdatypes.FunctionCode{ZipFile: code}, Publish: alias != "", Timeout: aws.Int32(10),
	}); err != nil {
		return err
	}
	if alias != "" {
		if _, err := w.functions.CreateAlias(ctx, &lambda.CreateAliasInput{
			FunctionName: aws.String(name), Name: aws.String(alias), FunctionVersion: aws.String("1"),
		}); err != nil {
			return err
		}
	}
	for { // it is Pending at first
		out, err := w.functions.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(name)})
		if err != nil || out.State == lambdatypes.StateActive {
			return err
		}
	}
}

func (w *worldClient) serves(ctx context.Context, name string) error {
	name, alias, _ := strings.Cut(name, ":")
	out, err := w.functions.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: aws.String(name), Name: aws.String(alias)})
	if err != nil {
		return err
	}
	text := aws.ToString(out.FunctionVersion)
	if out.RoutingConfig != nil {
		for version, weight := range out.RoutingConfig.AdditionalVersionWeights {
			text += fmt.Sprintf(", %s %v", version, weight)
		}
	}
	fmt.Println(text)
	return nil
}

// same compares the CodeSha256 of a version with the one of a file.
func (w *worldClient) same(ctx context.Context, name, version, file string) error {
	out, err := w.functions.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(name), Qualifier: aws.String(version)})
	if err != nil {
		return err
	}
	code, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(code)
	if want := base64.StdEncoding.EncodeToString(sum[:]); aws.ToString(out.CodeSha256) != want {
		return fmt.Errorf("version %s has the code %s, and %s is %s", version, aws.ToString(out.CodeSha256), file, want)
	}
	return nil
}
