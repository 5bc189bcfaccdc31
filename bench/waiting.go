package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/internal/clock"
)

// waiting measures the memory of `crossfade local` while very many executions
// wait for a year, and what it does meanwhile.
func waiting(o options) ([]measurement, error) {
	ctx := context.Background()
	path, remove, err := builtProgram(o)
	if err != nil {
		return nil, err
	}
	defer remove()
	p, err := startProgram(ctx, path)
	if err != nil {
		return nil, err
	}
	defer p.kill()
	client := sfn.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &p.url, Credentials: credentials.NewStaticCredentialsProvider("bench", "bench", ""),
	})
	machine, err := create(ctx, client, "year", `{"StartAt":"Year","States":{"Year":{"Type":"Wait","Seconds":31536000,"Next":"Done"},"Done":{"Type":"Pass","End":true}}}`, types.StateMachineTypeStandard)
	if err != nil {
		return nil, err
	}
	before, err := residentMemory(p.pid())
	if err != nil {
		return nil, err
	}
	took, err := startMany(p.url, startRequest(machine), o.waiting)
	if err != nil {
		return nil, err
	}
	if _, err := client.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &machine, MaxResults: 1}); err != nil {
		return nil, err
	}
	resident, err := residentMemory(p.pid())
	if err != nil {
		return nil, err
	}
	<-clock.System{}.After(10 * time.Second) // for what the starts left behind to be tidied up
	const watch = 5 * time.Second
	busy, err := processorTime(p.pid())
	if err != nil {
		return nil, err
	}
	<-clock.System{}.After(watch)
	busyAfter, err := processorTime(p.pid())
	if err != nil {
		return nil, err
	}
	return []measurement{
		{
			what: fmt.Sprintf("%d executions that wait for a year: resident memory", o.waiting), value: fmt.Sprintf("%.2f GiB", float64(resident)/(1<<30)),
			ceiling: fmt.Sprintf("%d bytes each", (resident-before)/int64(o.waiting)), aim: "1,000,000 in < 4 GiB",
		},
		{what: "starting them, 32 clients", value: fmt.Sprintf("%.0f/s", float64(o.waiting)/took.Seconds())},
		{
			what: "processor time while they wait", value: fmt.Sprintf("%.1f %%", 100*(busyAfter-busy).Seconds()/watch.Seconds()),
			aim: "idle",
		},
	}, nil
}

// startMany sends n requests from 32 clients.
func startMany(url string, ask request, n int) (time.Duration, error) {
	begin := now()
	var left atomic.Int64
	left.Store(int64(n))
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for left.Add(-1) >= 0 && failed.Load() == nil {
				if _, _, err := oneAnswer(url, ask); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return now().Sub(begin), nil
}

// processorTime is the processor time that a process has used, to a hundredth
// of a second; zero where there is no /proc.
func processorTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	// The name in parentheses may have blanks; user and system time are the
	// 12th and 13th fields behind it, in hundredths on every Linux.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		var n int64
		if _, err := fmt.Sscan(field, &n); err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}
