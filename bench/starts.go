package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/localcloud"
)

// A benchCloud is a local cloud behind a real socket.
type benchCloud struct {
	*listening
	cloud *localcloud.Cloud
	stop  func()
}

// openCloud opens a cloud, in memory or on disk.
func openCloud(ctx context.Context, durable bool) (*benchCloud, error) {
	config := localcloud.Config{Seed: 1}
	remove := func() {}
	if durable {
		dir, err := os.MkdirTemp("", "crossfade-bench-")
		if err != nil {
			return nil, err
		}
		config.Dir = dir
		remove = func() { _ = os.RemoveAll(dir) } // what stays in the temporary folder is the system's to remove
	}
	cloud, err := localcloud.Open(config)
	if err != nil {
		remove()
		return nil, err
	}
	running, cancel := context.WithCancel(ctx)
	go func() { _ = cloud.Run(running) }() // ends with cancel; what it says then is that
	server, err := serve(ctx, cloud.Handler())
	if err != nil {
		cancel()
		return nil, err
	}
	return &benchCloud{listening: server, cloud: cloud, stop: func() {
		_ = server.Close() // it has no requests any more
		cancel()
		_ = cloud.Close() // nothing of it is kept
		remove()
	}}, nil
}

// kept is what the words of a measurement say of where the state is.
func kept(durable bool) string {
	if durable {
		return "on disk"
	}
	return "in memory"
}

// starts measures StartExecution through a weighted alias against a handler
// that answers the same bytes, over the same loopback and with the same client.
func starts(o options) ([]measurement, error) {
	ctx := context.Background()
	var out []measurement
	for _, durable := range []bool{false, true} {
		c, err := openCloud(ctx, durable)
		if err != nil {
			return nil, err
		}
		defer c.stop()
		alias, err := splitAlias(ctx, sfn.NewFromConfig(c.cloud.AWSConfig()))
		if err != nil {
			return nil, err
		}
		aim := "≥ 0.50"
		if durable {
			aim = "≥ 0.25"
		}
		for _, clients := range []int{1, 32} {
			measured, err := compare(ctx, o, c.url, startRequest(alias), clients)
			if err != nil {
				return nil, err
			}
			out = append(out, measured.measurement(fmt.Sprintf("StartExecution through a 10/90 alias, %s, %d clients", kept(durable), clients), aim))
			if !durable {
				out = append(out, measured.latency(fmt.Sprintf("its p99 latency, %d clients", clients), "< 5ms"))
			}
		}
	}
	return out, nil
}

// splitAlias creates a machine of one state, two versions and an alias that
// gives the second one 10 %.
func splitAlias(ctx context.Context, client *sfn.Client) (string, error) {
	machine, err := client.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{
		Name: aws.String("bench"), RoleArn: aws.String("arn:aws:iam::000000000000:role/bench"), Publish: true,
		Definition: aws.String(`{"StartAt":"Done","States":{"Done":{"Type":"Pass","End":true}}}`),
	})
	if err != nil {
		return "", err
	}
	second, err := client.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{
		StateMachineArn: machine.StateMachineArn, Publish: true,
		Definition: aws.String(`{"StartAt":"Done","States":{"Done":{"Type":"Pass","Result":2,"End":true}}}`),
	})
	if err != nil {
		return "", err
	}
	alias, err := client.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{
		Name: aws.String("live"),
		RoutingConfiguration: []types.RoutingConfigurationListItem{
			{StateMachineVersionArn: machine.StateMachineVersionArn, Weight: 90},
			{StateMachineVersionArn: second.StateMachineVersionArn, Weight: 10},
		},
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(alias.StateMachineAliasArn), nil
}

// startRequest asks for an execution with an order as its input.
func startRequest(machine string) request {
	return jsonRequest("StartExecution", fmt.Sprintf(`{"stateMachineArn":%q,"input":"{\"order\":42,\"lines\":[{\"sku\":\"A-1\",\"n\":2}]}"}`, machine))
}
