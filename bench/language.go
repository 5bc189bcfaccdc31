package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/asl/jsonata"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/clock"
)

const (
	onePass = `{"StartAt":"Done","States":{"Done":{"Type":"Pass","End":true}}}`
	// choiceMap chooses, and goes around a hundred items with a choice in each.
	choiceMap = `{"StartAt":"Big","States":{
		"Big":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericGreaterThan":10,"Next":"Each"}],"Default":"Small"},
		"Small":{"Type":"Fail"},
		"Each":{"Type":"Map","ItemsPath":"$.items","End":true,"ItemProcessor":{"StartAt":"Odd","States":{
			"Odd":{"Type":"Choice","Choices":[{"Variable":"$.odd","BooleanEquals":true,"Next":"Yes"}],"Default":"No"},
			"Yes":{"Type":"Pass","Result":1,"End":true},"No":{"Type":"Pass","Result":0,"End":true}}}}}}`
)

// tenPasses is a chain of ten states.
func tenPasses() string {
	var b strings.Builder
	b.WriteString(`{"StartAt":"S0","States":{`)
	for i := range 10 {
		next := fmt.Sprintf(`"Next":"S%d"},`, i+1)
		if i == 9 {
			next = `"End":true}}}`
		}
		fmt.Fprintf(&b, `"S%d":{"Type":"Pass",%s`, i, next)
	}
	return b.String()
}

// hundredItems is the input of choiceMap, as text inside JSON.
func hundredItems() string {
	var b strings.Builder
	b.WriteString(`{\"n\":17,\"items\":[`)
	for i := range 100 {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `{\"i\":%d,\"odd\":%t}`, i, i%2 == 1)
	}
	b.WriteString(`]}`)
	return b.String()
}

// language measures whole executions: started over the network, carried to
// their ends, with histories and metrics.
func language(o options) ([]measurement, error) {
	ctx := context.Background()
	var out []measurement
	for _, durable := range []bool{false, true} {
		c, err := openCloud(ctx, durable)
		if err != nil {
			return nil, err
		}
		defer c.stop()
		client := sfn.NewFromConfig(c.cloud.AWSConfig())
		for _, m := range []struct{ what, name, definition, input, aim string }{
			{"ten Pass states to the end", "chain", tenPasses(), "{}", "> 2,300/s"},
			{"Choice, and Map of 100 items, to the end", "each", choiceMap, hundredItems(), ""},
		} {
			machine, err := create(ctx, client, m.name, m.definition, types.StateMachineTypeStandard)
			if err != nil {
				return nil, err
			}
			ask := jsonRequest("StartExecution", fmt.Sprintf(`{"stateMachineArn":%q,"input":"%s"}`, machine, m.input))
			measured, err := compare(ctx, o, c.url, ask, 32)
			if err != nil {
				return nil, err
			}
			if err := allEnded(ctx, client, machine); err != nil {
				return nil, err
			}
			out = append(out, measured.measurement(fmt.Sprintf("%s, %s, 32 clients", m.what, kept(durable)), m.aim))
		}
		took, err := thousand(ctx, c, client)
		if err != nil {
			return nil, err
		}
		out = append(out, measurement{
			what: "1,000 executions from the first start to the last end, " + kept(durable), value: took.Round(time.Millisecond).String(), aim: "< 0.3 s",
		})
	}
	sync, err := startSync(ctx, o)
	if err != nil {
		return nil, err
	}
	sum, err := sumOfItems()
	if err != nil {
		return nil, err
	}
	out = append(out, sync...)
	return append(out, measurement{what: "JSONata $sum(items.(price*quantity)), 100 items", value: sum.Round(time.Microsecond).String(), aim: "< 0.1 ms"}), nil
}

func create(ctx context.Context, client *sfn.Client, name, definition string, kind types.StateMachineType) (string, error) {
	machine, err := client.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{
		Name: aws.String(name), RoleArn: aws.String("arn:aws:iam::000000000000:role/bench"), Definition: &definition, Type: kind,
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(machine.StateMachineArn), nil
}

// allEnded waits until no execution of the machine runs any more: a request whose
// client has gone may still be at work.
func allEnded(ctx context.Context, client *sfn.Client, machine string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		running, err := client.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &machine, StatusFilter: types.ExecutionStatusRunning})
		if err != nil || len(running.Executions) == 0 {
			return err
		}
		<-clock.System{}.After(time.Millisecond)
	}
}

// thousand starts a thousand executions from 32 clients and returns how long it
// took until all of them had ended: the median of five times.
func thousand(ctx context.Context, c *benchCloud, client *sfn.Client) (time.Duration, error) {
	machine, err := create(ctx, client, "thousand", onePass, types.StateMachineTypeStandard)
	if err != nil {
		return 0, err
	}
	config := c.cloud.AWSConfig()
	config.BaseEndpoint, config.HTTPClient = &c.url, nil // over the network
	remote := sfn.NewFromConfig(config)
	var times []float64
	for range 5 {
		begin := now()
		var left atomic.Int64
		left.Store(1000)
		var failed atomic.Pointer[error]
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for left.Add(-1) >= 0 {
					if _, err := remote.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &machine}); err != nil {
						failed.Store(&err)
						return
					}
				}
			})
		}
		wg.Wait()
		if err := failed.Load(); err != nil {
			return 0, *err
		}
		if err := allEnded(ctx, client, machine); err != nil {
			return 0, err
		}
		times = append(times, float64(now().Sub(begin)))
	}
	return time.Duration(median(times)), nil
}

// startSync measures StartSyncExecution of an Express machine.
func startSync(ctx context.Context, o options) ([]measurement, error) {
	c, err := openCloud(ctx, false)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	machine, err := create(ctx, sfn.NewFromConfig(c.cloud.AWSConfig()), "express", onePass, types.StateMachineTypeExpress)
	if err != nil {
		return nil, err
	}
	var out []measurement
	for _, clients := range []int{1, 32} {
		measured, err := compare(ctx, o, c.url, jsonRequest("StartSyncExecution", fmt.Sprintf(`{"stateMachineArn":%q,"input":"{}"}`, machine)), clients)
		if err != nil {
			return nil, err
		}
		out = append(out, measured.measurement(fmt.Sprintf("StartSyncExecution, %d clients", clients), ""))
	}
	return out, nil
}

// sumOfItems returns how long one evaluation takes.
func sumOfItems() (time.Duration, error) {
	expression, err := jsonata.Compile(`$sum(items.(price * quantity))`)
	if err != nil {
		return 0, err
	}
	var items strings.Builder
	for i := range 100 {
		fmt.Fprintf(&items, `{"price":%d.5,"quantity":%d},`, i, i%7)
	}
	input, err := jsonvalue.Parse(`{"items":[` + strings.TrimSuffix(items.String(), ",") + `]}`)
	if err != nil {
		return 0, err
	}
	var times []float64
	for range 2000 {
		begin := now()
		if _, err := expression.Eval(jsonata.Env{Data: input}); err != nil {
			return 0, err
		}
		times = append(times, float64(now().Sub(begin)))
	}
	return time.Duration(median(times)), nil
}
